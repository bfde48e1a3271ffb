package hosttest

import (
	"runtime"
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

// aboutCalls is what the host does with calls that no compiler makes.
var aboutCalls = []sentence{
	{
		says:    "numbers and pointers beyond all bounds fail, and allocate little",
		promise: promisePointers,
		test:    madeUpNumbers,
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
		{3, 4, notsup}, // both are folders given to the guest, which wazero keeps in place
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
