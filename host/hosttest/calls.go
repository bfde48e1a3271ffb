package hosttest

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
	"github.com/wasisock/wasisock/sockabi"
)

// aboutCalls tests calls that no compiler makes.
var aboutCalls = []sentence{
	{
		says:    "numbers and pointers beyond all bounds fail, and allocate little",
		promise: promisePointers,
		test:    madeUpNumbers,
	},
	{
		says:    "a name, service or path that is too long fails before it is copied",
		promise: promisePointers,
		test:    longTexts,
	},
	{
		says:    "refusals and records of calls are short, and steer no terminal",
		promise: promiseTexts,
		test:    safeRecords,
	},
	{
		says:    "fd_renumber has open descriptors alone as targets",
		promise: promisePointers,
		test:    renumbers,
	},
	{
		says:    "clock_time_get writes the time where a guest says, or fails",
		promise: promisePointers,
		test:    timeAtPointer,
	},
	{
		says: "clock_time_get returns the time of the host",
		test: timeIsRight,
	},
}

// madeUpNumbers calls every function that a guest can import, with descriptors that are
// not open and with counts and pointers beyond all bounds. wazero's own fd_renumber would
// allocate gigabytes.
func madeUpNumbers(t *testing.T, b *bench) {
	r := wazero.NewRuntime(t.Context())
	defer r.Close(t.Context())
	wasi, err := wasi_snapshot_preview1.NewBuilder(r).Compile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var functions []asm.Func
	rows := map[string]bool{}
	for _, f := range sockabi.Functions() {
		functions = append(functions, asm.Func{Name: f.Name, Params: strings.Repeat("i", f.NumParams()), Results: "i"})
		rows[f.Name] = true
	}
	for name, def := range wasi.ExportedFunctions() {
		f := asm.Func{Name: name, Results: "i"}
		for _, param := range def.ParamTypes() {
			f.Params += map[api.ValueType]string{api.ValueTypeI32: "i", api.ValueTypeI64: "I"}[param]
		}
		if !rows[name] && name != "proc_exit" {
			functions = append(functions, f)
		}
	}
	numbers := []int64{0x3fffffff, 0x7fffffff, -1, 1 << 20, 64, 3, 0}
	for _, f := range functions {
		var code []byte
		for _, first := range numbers {
			for _, rest := range numbers {
				for i, param := range f.Params {
					n := rest
					if i == 0 {
						n = first
					}
					if param == asm.I64 {
						code = append(code, asm.ConstI64(n)...)
					} else {
						code = append(code, asm.ConstI32(int32(n))...)
					}
				}
				code = append(append(code, asm.Call(0)...), asm.Drop...)
			}
		}
		wasm := asm.Module{Imports: []asm.Func{f}, Pages: 1, Code: code}.Bytes()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		exit, err := b.run(t.Context(), wasm, &host.Cmd{
			Dirs: []host.Dir{{Host: t.TempDir(), Guest: "/"}},
		})
		runtime.ReadMemStats(&after)
		if exit != 0 || err != nil {
			t.Errorf("%s(%s): %d, %v", f.Name, f.Params, exit, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
			t.Errorf("%s made the host allocate %d bytes", f.Name, n)
		}
	}
}

// longTexts calls what takes a text with one of 32 MB.
func longTexts(t *testing.T, b *bench) {
	const long, at, calls = 32 << 20, 1 << 16, 20
	// The first page has a list of one node for sock_getaddrinfo: its AddrInfo at 64, its
	// SockAddr at 96, and room for the address at 128. Hints are at 192, the pointer to the
	// list at 224, and "1" at 256.
	data := make([]byte, 260)
	le := binary.LittleEndian
	le.PutUint32(data[64+12:], 96)
	le.PutUint32(data[96+4:], 32)
	le.PutUint32(data[96+8:], 128)
	le.PutUint32(data[224:], 64)
	copy(data[256:], "1")
	type text struct {
		function asm.Func
		args     []int64
		want     sockabi.Errno
	}
	getaddrinfo := asm.Func{Name: "sock_getaddrinfo", Params: "iiiiiiii", Results: "i"}
	texts := []text{
		{getaddrinfo, []int64{at, long, 256, 1, 192, 224, 1, 240}, sockabi.EAI_NONAME},
		{getaddrinfo, []int64{at, sockabi.MaxName + 1, 256, 1, 192, 224, 1, 240}, sockabi.EAI_NONAME},
		{getaddrinfo, []int64{256, 1, at, long, 192, 224, 1, 240}, sockabi.EAI_SERVICE},
		{getaddrinfo, []int64{256, 1, at, sockabi.MaxService + 1, 192, 224, 1, 240}, sockabi.EAI_SERVICE},
		{asm.Func{Name: "path_open", Params: "iiiiiIIii", Results: "i"}, []int64{3, 0, at, long, 0, 0, 0, 0, 0}, sockabi.ENAMETOOLONG},
		{asm.Func{Name: "path_create_directory", Params: "iii", Results: "i"}, []int64{3, at, long}, sockabi.ENAMETOOLONG},
		{asm.Func{Name: "path_filestat_get", Params: "iiiii", Results: "i"}, []int64{3, 0, at, long, 0}, sockabi.ENAMETOOLONG},
		{asm.Func{Name: "path_filestat_set_times", Params: "iiiiIIi", Results: "i"}, []int64{3, 0, at, long, 0, 0, 0}, sockabi.ENAMETOOLONG},
		{asm.Func{Name: "path_link", Params: "iiiiiii", Results: "i"}, []int64{3, 0, at, long, 3, 256, 1}, sockabi.ENAMETOOLONG},
		{asm.Func{Name: "path_link", Params: "iiiiiii", Results: "i"}, []int64{3, 0, 256, 1, 3, at, long}, sockabi.ENAMETOOLONG},
		{asm.Func{Name: "path_readlink", Params: "iiiiii", Results: "i"}, []int64{3, at, long, 0, 10, 16}, sockabi.ENAMETOOLONG},
		{asm.Func{Name: "path_remove_directory", Params: "iii", Results: "i"}, []int64{3, at, long}, sockabi.ENAMETOOLONG},
		{asm.Func{Name: "path_rename", Params: "iiiiii", Results: "i"}, []int64{3, at, long, 3, 256, 1}, sockabi.ENAMETOOLONG},
		{asm.Func{Name: "path_rename", Params: "iiiiii", Results: "i"}, []int64{3, 256, 1, 3, at, long}, sockabi.ENAMETOOLONG},
		{asm.Func{Name: "path_symlink", Params: "iiiii", Results: "i"}, []int64{at, long, 3, 256, 1}, sockabi.ENAMETOOLONG},
		{asm.Func{Name: "path_symlink", Params: "iiiii", Results: "i"}, []int64{256, 1, 3, at, long}, sockabi.ENAMETOOLONG},
		{asm.Func{Name: "path_unlink_file", Params: "iii", Results: "i"}, []int64{3, at, long}, sockabi.ENAMETOOLONG},
		{asm.Func{Name: "path_unlink_file", Params: "iii", Results: "i"}, []int64{3, at, 4097}, sockabi.ENAMETOOLONG},
	}
	for _, x := range texts {
		fill := []byte{0xfc, 0x0b, 0x00} // memory.fill
		code := asm.Join(asm.ConstI32(at), asm.ConstI32('a'), asm.ConstI32(long), fill, asm.ConstI32(0))
		for range calls {
			code = append(code, asm.Drop...)
			for i, arg := range x.args {
				if x.function.Params[i] == asm.I64 {
					code = append(code, asm.ConstI64(arg)...)
				} else {
					code = append(code, asm.ConstI32(int32(arg))...)
				}
			}
			code = append(code, asm.Call(1)...)
		}
		m := asm.Exit(code)
		m.Imports = append(m.Imports, x.function)
		m.Pages, m.Data = long>>16+2, string(data)
		var asked, traced int
		cmd := &host.Cmd{
			Module: b.module(t, m.Bytes(), Config{}),
			Dirs:   []host.Dir{{Host: t.TempDir(), Guest: "/"}},
			Policy: func(host.Request) error { asked++; return nil },
			Trace:  func(c host.Call) { traced += len(fmt.Sprint(c)) },
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		exit, err := exitCodeOf(cmd.Run(t.Context()))
		runtime.ReadMemStats(&after)
		if exit != int(x.want) || err != nil || asked > 0 || traced > calls*1000 {
			t.Errorf("%s%d: %s (%d), %v; want %s; the policy was asked %d times, and %d bytes traced",
				x.function.Name, x.args, sockabi.Errno(exit).Name(), exit, err, x.want.Name(), asked, traced)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > long/2 {
			t.Errorf("%s%d made the host allocate %d bytes", x.function.Name, x.args, n)
		}
	}
}

// safeRecords looks up a name, and dials a UNIX path, that a terminal would heed.
func safeRecords(t *testing.T, b *bench) {
	// Beside the text: hints at 192, the pointer to a list at 224, the bytes of a UNIX
	// address at 256, and where that is at 400.
	const name, path, address, fd = 512, 258, 400, 408
	data := make([]byte, 1024)
	le := binary.LittleEndian
	le.PutUint16(data[256:], sockabi.AF_UNIX)
	copy(data[path:], terminal)
	le.PutUint32(data[address:], 256)
	le.PutUint32(data[address+4:], sockabi.AddrStorageSize)
	copy(data[name:], terminal)
	m := asm.Module{
		Imports: []asm.Func{
			{Name: "sock_getaddrinfo", Params: "iiiiiiii", Results: "i"},
			{Name: "sock_open", Params: "iii", Results: "i"},
			{Name: "sock_connect", Params: "iii", Results: "i"},
		},
		Pages: 1,
		Data:  string(data),
		Code: asm.Join(
			asm.ConstI32(name), asm.ConstI32(255), asm.ConstI32(0), asm.ConstI32(0), asm.ConstI32(192), asm.ConstI32(224), asm.ConstI32(1), asm.ConstI32(240),
			asm.Call(0), asm.Drop,
			asm.ConstI32(sockabi.AF_UNIX), asm.ConstI32(sockabi.SOCK_STREAM), asm.ConstI32(fd), asm.Call(1), asm.Drop,
			asm.ConstI32(fd), asm.LoadI32, asm.ConstI32(address), asm.ConstI32(0), asm.Call(2), asm.Drop,
		),
	}
	var texts []string
	rules := policy(t)
	code, err := b.run(t.Context(), m.Bytes(), &host.Cmd{
		Policy: func(r host.Request) error {
			err := rules(r)
			texts = append(texts, err.Error(), r.Rule())
			return err
		},
		OnLookup: func(l host.Lookup) { texts = append(texts, l.Name) },
		Trace: func(c host.Call) {
			texts = append(texts, c.Result, c.Reason)
			for _, arg := range c.Args {
				texts = append(texts, arg.Text)
			}
		},
	})
	if code != 0 || err != nil || !strings.Contains(strings.Join(texts, " "), "nothing") {
		t.Errorf("%d, %v, %q", code, err, texts)
	}
	for _, text := range texts {
		if len(text) > 1200 || strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) {
			t.Errorf("%q", text)
		}
	}
}

func renumbers(t *testing.T, b *bench) {
	renumber := func(from, to int32) asm.Module {
		return asm.Module{
			Imports: []asm.Func{{Name: "fd_renumber", Params: "ii", Results: "i"}, {Name: "proc_exit", Params: "i"}},
			Pages:   1,
			Code:    asm.Join(asm.ConstI32(from), asm.ConstI32(to), asm.Call(0), asm.Call(1)),
		}
	}
	const badf, notsup = 8, 58
	for _, test := range []struct {
		from, to int32
		want     int
	}{
		{3, 0x3fffffff, badf},
		{3, 64, badf},
		{3, -1, badf},
		{64, 3, badf},
		{0x3fffffff, 3, badf},
		{3, 1 << 20, badf},
		{3, 4, notsup}, // both are directories given to the guest, which wazero keeps in place
	} {
		code, err := b.run(t.Context(), renumber(test.from, test.to).Bytes(), &host.Cmd{
			Dirs: []host.Dir{{Host: t.TempDir(), Guest: "/a"}, {Host: t.TempDir(), Guest: "/b"}},
		})
		if code != test.want || err != nil {
			t.Errorf("fd_renumber(%d, %d): %d, %v; want %d", test.from, test.to, code, err, test.want)
		}
	}
}

// clockTimeGet returns a guest that asks a clock for the time, to be written to ptr, and
// exits with what code makes of the errno.
func clockTimeGet(id, ptr int32, code ...[]byte) []byte {
	m := asm.Exit(asm.ConstI32(id), asm.ConstI64(0), asm.ConstI32(ptr), asm.Call(1), asm.Join(code...))
	m.Imports = append(m.Imports, asm.Func{Name: "clock_time_get", Params: "iIi", Results: "i"})
	return m.Bytes()
}

func timeAtPointer(t *testing.T, b *bench) {
	const size = 1 << 16
	for _, test := range []struct {
		name    string
		id, ptr int32
		errno   sockabi.Errno
	}{
		{"the real time", sockabi.CLOCK_REALTIME, 0, 0},
		{"the monotonic time", sockabi.CLOCK_MONOTONIC, 8, 0},
		{"an odd address", sockabi.CLOCK_MONOTONIC, 3, 0},
		{"the last 8 bytes", sockabi.CLOCK_REALTIME, size - 8, 0},
		{"the last 7 bytes", sockabi.CLOCK_REALTIME, size - 7, sockabi.EFAULT},
		{"behind the memory", sockabi.CLOCK_MONOTONIC, size, sockabi.EFAULT},
		{"the last address of all", sockabi.CLOCK_MONOTONIC, -1, sockabi.EFAULT},
		{"7 bytes before zero", sockabi.CLOCK_REALTIME, -7, sockabi.EFAULT},
		{"the time of the process", 2, 0, sockabi.EINVAL},
		{"no clock", -1, 0, sockabi.EINVAL},
		{"no clock and no address", -1, -1, sockabi.EINVAL},
	} {
		if code, err := b.run(t.Context(), clockTimeGet(test.id, test.ptr), &host.Cmd{}); code != int(test.errno) || err != nil {
			t.Errorf("%s: errno %d, %v; want %d", test.name, code, err, test.errno)
		}
	}
}

// timeIsRight compares both clocks with the host's: the monotonic one counts from the
// guest's start.
func timeIsRight(t *testing.T, b *bench) {
	const ptr, patience = 3, time.Minute
	fromTo := func(from, to int64) []byte {
		loadI64, greaterEqual, lessEqual, and := []byte{0x29, 0, 0}, []byte{0x59}, []byte{0x57}, []byte{0x71}
		at := asm.Join(asm.ConstI32(ptr), loadI64)
		return asm.Join(asm.Drop, at, asm.ConstI64(from), greaterEqual, at, asm.ConstI64(to), lessEqual, and)
	}
	now := time.Now().UnixNano()
	for name, wasm := range map[string][]byte{
		"real":      clockTimeGet(sockabi.CLOCK_REALTIME, ptr, fromTo(now, now+int64(patience))),
		"monotonic": clockTimeGet(sockabi.CLOCK_MONOTONIC, ptr, fromTo(1, int64(patience))),
	} {
		if code, err := b.run(t.Context(), wasm, &host.Cmd{}); code != 1 || err != nil {
			t.Errorf("%s: %d, %v; want 1, that it is right", name, code, err)
		}
	}
}
