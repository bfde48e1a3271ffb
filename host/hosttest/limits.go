package hosttest

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
)

// aboutLimits is what limits a guest.
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
		growth{"a limit that is no whole page", growing(15), 1<<20 + 65535, 0xffffffff},
		growth{"one more than all, so that memory would end at 4 GiB", growing(65534), 0, 0xffffffff},
		growth{"more than the module declares", declared, 0, 0xffffffff},
		growth{"a negative number", growing(-1), 0, 0xffffffff},
	)
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
