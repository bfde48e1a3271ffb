package hosttest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
	"github.com/wasisock/wasisock/sockabi"
)

// aboutLimits tests the limits of a guest.
var aboutLimits = []sentence{
	{
		says:    "a guest ends at its limits of time",
		promise: promiseLimits,
		needs:   CompilesQuickly | Interruptible,
		test:    timeLimits,
	},
	{
		says:    "memory.grow fails at the limit of memory and nowhere else",
		promise: promiseLimits,
		test:    memoryLimit,
	},
	{
		says:    "one socket of the nameserver more than 256 fails with ENOBUFS",
		promise: promiseLimits,
		test:    nameserverLimit,
	},
	{
		says:    "table.grow fails beyond ten million elements in all tables",
		promise: promiseLimits,
		test:    tableLimit,
	},
	{
		says:    "what tables can grow to counts as memory",
		promise: promiseLimits,
		test:    tablesAsMemory,
	},
	{
		says:  "a guest can grow its memory to 4 GiB",
		needs: ReservedMemory,
		test:  memoryToTheEnd,
	},
	{
		says: "a module that declares more memory than the limit runs below it",
		test: memoryDeclared,
	},
	{
		says:    "a Go program runs out of memory at its limit",
		promise: promiseLimits,
		needs:   Compiled,
		test:    goMemoryLimit,
	},
	{
		says:    "one file more than its limit fails with EMFILE",
		promise: promiseLimits,
		test:    fileLimit,
	},
	{
		says:    "a guest that sends empty datagrams faster than its rate is delayed",
		promise: promiseLimits,
		test:    datagramRate,
	},
	{
		says: "memory keeps what it holds when it grows between calls",
		test: memoryMoves,
	},
}

func timeLimits(t *testing.T, b *bench) {
	m := b.compiled(t, Config{Interruptible: true})
	for _, test := range []struct {
		subcommand string
		limits     host.Limits
		want       string
	}{
		{"sleep", host.Limits{WallTime: 50 * time.Millisecond}, "Limits.WallTime is 50ms"},
		{"spin", host.Limits{WallTime: 50 * time.Millisecond}, "Limits.WallTime is 50ms"},
		{"spin", host.Limits{CPUTime: 50 * time.Millisecond, WallTime: time.Hour}, "Limits.CPUTime is 50ms"},
	} {
		if test.limits.CPUTime > 0 && runtime.GOOS != "linux" {
			continue
		}
		cmd := commandOf(t, m, test.subcommand)
		cmd.Limits = test.limits
		err := cmd.Run(t.Context())
		var limit *host.LimitError
		if !errors.As(err, &limit) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.subcommand, err, test.want)
		}
		if l := test.limits.CPUTime; cmd.ProcessState.CPUTime < l {
			t.Errorf("it had %v of CPU time, below its limit", cmd.ProcessState.CPUTime)
		}
	}
	cmd := commandOf(t, m, "exit", "0")
	cmd.Limits = host.Limits{WallTime: time.Hour, CPUTime: time.Hour}
	if err := cmd.Run(t.Context()); err != nil && runtime.GOOS == "linux" {
		t.Error(err)
	}
}

// growing returns a guest that exits with what memory.grow returns for so many pages,
// having two.
func growing(pages int32) asm.Module {
	m := asm.Exit(asm.ConstI32(pages), asm.MemoryGrow)
	m.Pages = 2
	return m
}

// A growth is a guest that grows its memory, and what memory.grow returns.
type growth struct {
	name   string
	module asm.Module
	limit  uint64
	want   int
}

func (b *bench) grows(t *testing.T, all ...growth) {
	for _, test := range all {
		t.Run(test.name, func(t *testing.T) {
			code, err := b.run(t.Context(), test.module.Bytes(), &host.Cmd{Limits: host.Limits{Memory: test.limit}})
			if code != test.want || err != nil {
				t.Errorf("%#x, %v; want %#x", code, err, test.want)
			}
		})
	}
}

func memoryLimit(t *testing.T, b *bench) {
	declared := growing(1)
	declared.MaxPages = 2
	b.grows(t,
		growth{"a limit that suffices", growing(14), 1 << 20, 2},
		growth{"one page beyond the limit", growing(15), 1 << 20, 0xffffffff},
		growth{"a limit that is not a whole page", growing(15), 1<<20 + 65535, 0xffffffff},
		growth{"one more than all, so that memory would end at 4 GiB", growing(65534), 0, 0xffffffff},
		growth{"more than the module declares", declared, 0, 0xffffffff},
		growth{"a negative number", growing(-1), 0, 0xffffffff},
	)
}

func nameserverLimit(t *testing.T, b *bench) {
	cmd := command(t, "nameservers")
	cmd.Policy = nil
	var out bytes.Buffer
	cmd.Stdout = &out
	code, err := b.runProgram(t, t.Context(), Config{}, cmd)
	const want = "256 sock_connect: No buffer space available\n"
	if code != 0 || err != nil || !strings.Contains(out.String(), want) || strings.Count(out.String(), "256 ") != 2 {
		t.Errorf("%d, %v, %q; want %q twice", code, err, &out, want)
	}
	if n := cmd.ProcessState.Limited; n != 2 {
		t.Errorf("Limited is %d, want 2", n)
	}
}

// growingTables returns a guest that exits with what table.grow returns for its last table.
func growingTables(elements int32, tables ...uint64) asm.Module {
	m := asm.Exit(asm.GrowTable(len(tables)-1, elements))
	m.Tables = tables
	return m
}

func tableLimit(t *testing.T, b *bench) {
	b.grows(t,
		growth{"as many as there are", growingTables(10_000_000-7, 7), 0, 7},
		growth{"one more", growingTables(10_000_000-6, 7), 0, 0xffffffff},
		growth{"a negative number", growingTables(-1, 7), 0, 0xffffffff},
		growth{"one more than half, beside another table", growingTables(5_000_001, 0, 0), 0, 0xffffffff},
	)
	m := asm.Exit(asm.ConstI32(7))
	m.Tables = []uint64{9_000_000, 1_000_001}
	var wrong *host.ModuleError
	if _, err := b.run(t.Context(), m.Bytes(), &host.Cmd{}); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "tables of 10000001 elements") {
		t.Errorf("tables of too many elements: %v", err)
	}
}

func tablesAsMemory(t *testing.T, b *bench) {
	run := func(table uint64, grow int32) (int, error) {
		m := growing(grow)
		m.Tables = []uint64{table}
		return b.run(t.Context(), m.Bytes(), &host.Cmd{Limits: host.Limits{Memory: 1 << 20}})
	}
	var wrong *host.ModuleError
	if _, err := run(1<<17, 0); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "raise the limit") {
		t.Errorf("a table as large as all memory: %v", err)
	}
	if code, err := run(1, 13); code != 2 || err != nil { // 15 of 16 pages
		t.Errorf("beside a small table: %#x, %v", code, err)
	}
	if code, err := run(1, 14); code != 0xffffffff || err != nil {
		t.Errorf("a table and all memory: %#x, %v", code, err)
	}
}

func memoryToTheEnd(t *testing.T, b *bench) {
	b.grows(t,
		growth{"no limit", growing(100), 0, 2},
		growth{"all there is", growing(65533), 0, 2},
		growth{"a limit beyond that", growing(65533), 1 << 40, 2},
	)
}

// memoryMoves runs a guest whose memory may move at each of its calls.
func memoryMoves(t *testing.T, b *bench) {
	code, err := b.run(t.Context(), b.text(t, "grow.wat"), &host.Cmd{
		Policy: policy(t, "listen udp 127.0.0.1:*", "send udp 127.0.0.1:*"),
	})
	if code != 0 || err != nil {
		t.Error(code, err)
	}
}

func memoryDeclared(t *testing.T, b *bench) {
	m := asm.Exit(asm.ConstI32(7))
	m.Pages, m.MaxPages = 1, 65536
	if code, err := b.run(t.Context(), m.Bytes(), &host.Cmd{Limits: host.Limits{Memory: 1 << 20}}); code != 7 || err != nil {
		t.Error(code, err)
	}
}

func goMemoryLimit(t *testing.T, b *bench) {
	var out, stderr bytes.Buffer
	cmd := command(t, "grow")
	cmd.Limits.Memory = 64 << 20
	cmd.Stdout, cmd.Stderr = &out, &stderr
	code, err := b.runProgram(t, t.Context(), Config{}, cmd)
	if code != 2 || err != nil || out.String() != "16 MB\n" || !strings.Contains(stderr.String(), "out of memory") {
		t.Errorf("%d, %v, %q, %.200q", code, err, &out, &stderr)
	}
}

// fileLimit opens the directory that the guest has again and again.
func fileLimit(t *testing.T, b *bench) {
	const limit, first = 10, 4
	const success, emfile = 0, int32(sockabi.EMFILE)
	or, xor := []byte{0x72}, []byte{0x73}
	code := asm.ConstI32(0)
	// expect leaves on the stack whether any call had another errno than wanted.
	expect := func(want int32, call ...[]byte) {
		code = asm.Join(code, asm.Join(call...), asm.ConstI32(want), xor, or)
	}
	open := func(want int32) {
		const directory, path, result = 2, 0, 16
		expect(want, asm.ConstI32(3), asm.ConstI32(0), asm.ConstI32(path), asm.ConstI32(1), asm.ConstI32(directory),
			asm.ConstI64(0), asm.ConstI64(0), asm.ConstI32(0), asm.ConstI32(result), asm.Call(1))
	}
	for range limit {
		open(success)
	}
	open(emfile)
	open(emfile)
	expect(success, asm.ConstI32(first), asm.Call(2))
	open(success)
	open(emfile)
	expect(success, asm.ConstI32(first), asm.ConstI32(first+1), asm.Call(3)) // which closes first+1
	open(success)
	open(emfile)
	expect(success, asm.ConstI32(first), asm.ConstI32(first), asm.Call(3))
	expect(int32(sockabi.EBADF), asm.ConstI32(100), asm.Call(2))
	open(emfile)
	m := asm.Exit(code)
	m.Imports = append(m.Imports,
		asm.Func{Name: "path_open", Params: "iiiiiIIii", Results: "i"},
		asm.Func{Name: "fd_close", Params: "i", Results: "i"},
		asm.Func{Name: "fd_renumber", Params: "ii", Results: "i"})
	m.Data = "."
	cmd := &host.Cmd{Dirs: []host.Dir{{Host: t.TempDir(), Guest: "/"}}, Limits: host.Limits{Files: limit}}
	exit, err := b.run(t.Context(), m.Bytes(), cmd)
	if exit != 0 || err != nil || cmd.ProcessState.Limited != 5 {
		t.Errorf("%d, %v, %+v", exit, err, cmd.ProcessState)
	}
}

// datagramRate sends 200 datagrams without a byte; 100 fit into the rate of a
// second.
func datagramRate(t *testing.T, b *bench) {
	const count, headers = 200, 28
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const fd, address, sent = 0, 16, 32
	data := make([]byte, 64)
	le := binary.LittleEndian
	le.PutUint32(data[address:], 40)
	le.PutUint32(data[address+4:], 4)
	copy(data[40:], []byte{127, 0, 0, 1})
	code := asm.Join(asm.ConstI32(sockabi.AF_INET4), asm.ConstI32(sockabi.SOCK_DGRAM), asm.ConstI32(fd), asm.Call(1), asm.Drop, asm.ConstI32(0))
	for range count {
		code = asm.Join(code, asm.Drop, asm.ConstI32(fd), asm.LoadI32, asm.ConstI32(0), asm.ConstI32(0), asm.ConstI32(address),
			asm.ConstI32(int32(c.LocalAddr().(*net.UDPAddr).Port)), asm.ConstI32(0), asm.ConstI32(sent), asm.Call(2))
	}
	m := asm.Exit(code)
	m.Imports = append(m.Imports, asm.Func{Name: "sock_open", Params: "iii", Results: "i"}, asm.Func{Name: "sock_send_to", Params: "iiiiiii", Results: "i"})
	m.Data = string(data)
	cmd := &host.Cmd{Policy: policy(t, "send udp 127.0.0.1:*"), Limits: host.Limits{WriteRate: count / 2 * headers}}
	exit, err := b.run(t.Context(), m.Bytes(), cmd)
	if s := cmd.ProcessState; exit != 0 || err != nil || s.Limited == 0 || s.WallTime < 900*time.Millisecond {
		t.Errorf("%d, %v, %+v", exit, err, s)
	}
}
