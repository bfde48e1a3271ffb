package workaround

import (
	"runtime"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wasisock/wasisock/internal/wasm"
	. "github.com/wasisock/wasisock/internal/wasm/wasmtest"
)

// TestSelects selects between floats of which one lives in memory, as it lives across a
// call: select(x, 1, 0) > x with x being 0 is true. What wazero's compiler makes of it differs
// from one time to the next, so it compiles each often.
func TestSelects(t *testing.T) {
	unaided := 0
	for _, test := range []struct {
		typ     wasm.Type
		one     int64
		greater wasm.Opcode
		op      []byte // select
	}{
		{wasm.F32, 0x3f80_0000, 0x5e, Op(wasm.OpSelect)},
		{wasm.F64, 0x3ff0_0000_0000_0000, 0x64, Op(wasm.OpSelect)},
		{wasm.F64, 0x3ff0_0000_0000_0000, 0x64, Op(wasm.OpSelectTyped, 1, uint32(wasm.F64))},
	} {
		const x = 1 // the local
		one := Const(test.typ, test.one)
		code := Code(
			Op(wasm.OpLocalGet, 0), []byte{byte(wasm.OpIf), 0x40}, one, Op(wasm.OpLocalSet, x), Op(wasm.OpEnd),
			Op(wasm.OpCall, 1),
			Const(wasm.I32, 0), []byte{byte(wasm.OpIf), byte(test.typ)}, Op(wasm.OpLocalGet, x),
			Op(wasm.OpElse), Op(wasm.OpLocalGet, x), one, Const(wasm.I32, 0), test.op, Op(wasm.OpEnd),
			Op(wasm.OpLocalGet, x), Op(test.greater))
		m, err := wasm.Parse(Module{Funcs: []Func{
			{Name: "f", Params: []wasm.Type{wasm.I32}, Results: []wasm.Type{wasm.I32}, Locals: []wasm.Type{test.typ}, Code: code}, {},
		}}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		const often = 50
		for range often {
			if first(t, wazero.NewRuntimeConfigCompiler(), m.Encode()) != 1 {
				unaided++
			}
		}
		if changes, err := apply(m, "amd64"); err != nil || changes != 1 {
			t.Fatalf("%d changes, %v", changes, err)
		}
		for name, config := range map[string]wazero.RuntimeConfig{"compiled": wazero.NewRuntimeConfigCompiler(), "interpreted": wazero.NewRuntimeConfigInterpreter()} {
			for range often {
				if got := first(t, config, m.Encode()); got != 1 {
					t.Fatalf("%#x, %s: %d", byte(test.typ), name, got)
				}
			}
		}
	}
	if unaided == 0 && runtime.GOARCH == "amd64" {
		t.Error("this wazero compiles every select right as it is: delete choose")
	}
}
