//go:build linux || darwin

package wazero

import (
	"runtime"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/sockabi"
)

// TestNumbersThatAGuestMakesUp calls every function that a guest can import, with
// descriptors that are not open and with counts and pointers beyond all bounds. The
// guest gets an answer, and the host allocates nothing to speak of: wazero's own
// fd_renumber would allocate gigabytes.
func TestNumbersThatAGuestMakesUp(t *testing.T) {
	r := wazero.NewRuntime(t.Context())
	defer r.Close(t.Context())
	wasi, err := wasi_snapshot_preview1.NewBuilder(r).Compile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var functions []wasmFunc
	rows := map[string]bool{}
	for _, f := range sockabi.Functions() {
		functions = append(functions, wasmFunc{name: f.Name, params: strings.Repeat("i", f.NumParams()), results: "i"})
		rows[f.Name] = true
	}
	for name, def := range wasi.ExportedFunctions() {
		f := wasmFunc{name: name, results: "i"}
		for _, param := range def.ParamTypes() {
			f.params += map[api.ValueType]string{api.ValueTypeI32: "i", api.ValueTypeI64: "I"}[param]
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
				for i, param := range f.params {
					n := rest
					if i == 0 {
						n = first
					}
					if param == i64 {
						code = append(code, constI64(n)...)
					} else {
						code = append(code, constI32(int32(n))...)
					}
				}
				code = append(append(code, callFunc(0)...), drop...)
			}
		}
		wasm := wasmModule{imports: []wasmFunc{f}, pages: 1, code: code}.bytes()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		exit, err := run(t.Context(), wasm, &host.Cmd{
			Dirs: []host.Dir{{Host: t.TempDir(), Guest: "/"}},
		})
		runtime.ReadMemStats(&after)
		if exit != 0 || err != nil {
			t.Errorf("%s(%s): %d, %v", f.name, f.params, exit, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
			t.Errorf("%s made the host allocate %d bytes", f.name, n)
		}
	}
}

// TestRenumbering holds that only open descriptors are targets.
func TestRenumbering(t *testing.T) {
	renumber := func(from, to int32) wasmModule {
		return wasmModule{
			imports: []wasmFunc{{name: "fd_renumber", params: "ii", results: "i"}, {name: "proc_exit", params: "i"}},
			pages:   1,
			code:    instructions(constI32(from), constI32(to), callFunc(0), callFunc(1)),
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
		code, err := run(t.Context(), renumber(test.from, test.to).bytes(), &host.Cmd{
			Dirs: []host.Dir{{Host: t.TempDir(), Guest: "/a"}, {Host: t.TempDir(), Guest: "/b"}},
		})
		if code != test.want || err != nil {
			t.Errorf("fd_renumber(%d, %d): %d, %v; want %d", test.from, test.to, code, err, test.want)
		}
	}
}
