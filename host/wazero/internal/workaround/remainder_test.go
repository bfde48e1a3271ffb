package workaround

import (
	"context"
	"math"
	"runtime"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wasisock/wasisock/internal/wasm"
	. "github.com/wasisock/wasisock/internal/wasm/wasmtest"
)

// TestRemainders keeps more remainders than there are registers, and compares the compiler
// with the interpreter, on every architecture with the changes for arm64.
func TestRemainders(t *testing.T) {
	const kept = 48
	for _, op := range []wasm.Opcode{wasm.OpI32RemS, wasm.OpI32RemU, wasm.OpI64RemS, wasm.OpI64RemU} {
		typ, mul, add := wasm.I32, wasm.OpI32Mul, wasm.Opcode(0x6a)
		if op >= wasm.OpI64RemS {
			typ, mul, add = wasm.I64, wasm.OpI64Mul, 0x7c
		}
		f := Func{Name: "f", Params: []wasm.Type{typ, typ}, Results: []wasm.Type{typ}}
		for i := range uint32(kept) {
			f.Locals = append(f.Locals, typ)
			f.Code = Code(f.Code, Op(wasm.OpLocalGet, 0), Const(typ, int64(i)), Op(add), Op(wasm.OpLocalGet, 1), Op(op), Op(wasm.OpLocalSet, 2+i))
		}
		f.Code = Code(f.Code, Const(typ, 0))
		for i := range uint32(kept) {
			f.Code = Code(f.Code, Const(typ, 31), Op(mul), Op(wasm.OpLocalGet, 2+i), Op(add))
		}
		m, err := wasm.Parse(Module{Funcs: []Func{f}}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		call := func(config wazero.RuntimeConfig, x, y uint64) (uint64, string) {
			r := wazero.NewRuntimeWithConfig(ctx, config)
			defer r.Close(ctx)
			instance, err := r.Instantiate(ctx, m.Encode())
			if err != nil {
				t.Fatal(err)
			}
			results, err := instance.ExportedFunction("f").Call(ctx, x, y)
			switch {
			case err != nil:
				return 0, err.Error()[:30]
			case typ == wasm.I32:
				return uint64(uint32(results[0])), ""
			}
			return results[0], ""
		}
		type want struct {
			value uint64
			trap  string
		}
		inputs := [][2]uint64{{math.MaxInt32, 10}, {1, 1}, {0, 3}, {1 << 31, 1<<32 - 1}, {1 << 63, math.MaxUint64}, {1<<64 - 7, 5}, {100, 1<<64 - 9}, {5, 0}}
		wants := map[int]want{}
		unaided := 0
		for i, in := range inputs {
			value, trap := call(wazero.NewRuntimeConfigInterpreter(), in[0], in[1])
			wants[i] = want{value, trap}
			if value, trap = call(wazero.NewRuntimeConfigCompiler(), in[0], in[1]); (want{value, trap}) != wants[i] {
				unaided++
			}
		}
		if unaided == 0 && runtime.GOARCH == "arm64" {
			t.Errorf("%v: this wazero compiles it right as it is: delete remainder", op)
		}
		if changes, err := apply(m, "arm64"); err != nil || changes != kept {
			t.Fatalf("%v: %d changes, %v", op, changes, err)
		}
		for i, in := range inputs {
			for name, config := range map[string]wazero.RuntimeConfig{"compiled": wazero.NewRuntimeConfigCompiler(), "interpreted": wazero.NewRuntimeConfigInterpreter()} {
				value, trap := call(config, in[0], in[1])
				if (want{value, trap}) != wants[i] {
					t.Errorf("%v of %#x and %#x, %s: %#x %s; want %+v", op, in[0], in[1], name, value, trap, wants[i])
				}
			}
		}
	}
}
