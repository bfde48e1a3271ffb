package workaround

import (
	"context"
	"runtime"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wasisock/wasisock/internal/wasm"
	. "github.com/wasisock/wasisock/internal/wasm/wasmtest"
)

// TestTop compares what changes with a constant at the top of a function, then changes it,
// and then branches: the comparison is of what was there at the top.
func TestTop(t *testing.T) {
	type block = []byte
	global := func(typ wasm.Type, one, other int64, equal wasm.Opcode) block {
		i := map[wasm.Type]uint32{wasm.I32: 0, wasm.I64: 1, wasm.F32: 2, wasm.F64: 3}[typ]
		return Code(Const(typ, one), Op(wasm.OpGlobalGet, i), Op(equal), Op(wasm.OpLocalSet, 1), Const(typ, other), Op(wasm.OpGlobalSet, i))
	}
	const f32Eq, f64Eq = 0x5b, 0x61
	unaided := 0
	for name, top := range map[string]block{
		"an i32": global(wasm.I32, 5, 7, wasm.OpI32Eq),
		"an i64": global(wasm.I64, 5, 7, wasm.OpI64Eq),
		"an f32": global(wasm.F32, 5, 7, f32Eq),
		"an f64": global(wasm.F64, 5, 7, f64Eq),
		"the size of memory": Code(Const(wasm.I32, 1), Op(wasm.OpMemorySize, 0), Op(wasm.OpI32Eq), Op(wasm.OpLocalSet, 1),
			Const(wasm.I32, 1), Op(wasm.OpMemoryGrow, 0), Op(wasm.OpDrop)),
		"the size of a table": Code(Const(wasm.I32, 1), Op(wasm.OpTableSize, 0), Op(wasm.OpI32Eq), Op(wasm.OpLocalSet, 1),
			Op(0xd0, uint32(wasm.FuncRef)), Const(wasm.I32, 1), Op(wasm.OpTableGrow, 0), Op(wasm.OpDrop)),
	} {
		// Both edges of the first br_if are split, for its targets have other ways in.
		code := Code(top, []byte{byte(wasm.OpBlock), byte(wasm.I32)},
			Const(wasm.I32, 1), Op(wasm.OpLocalGet, 1), Op(wasm.OpBrIf, 0), Op(wasm.OpDrop),
			Const(wasm.I32, 2), Op(wasm.OpLocalGet, 0), Op(wasm.OpBrIf, 0), Op(wasm.OpDrop),
			Const(wasm.I32, 3), Op(wasm.OpEnd))
		module := Module{
			Pages: 1, Table: 1,
			Globals: []Global{{Type: wasm.I32, Mutable: true, Value: 5}, {Type: wasm.I64, Mutable: true, Value: 5}, {Type: wasm.F32, Mutable: true, Value: 5}, {Type: wasm.F64, Mutable: true, Value: 5}},
			Funcs:   []Func{{Name: "f", Params: []wasm.Type{wasm.I32}, Results: []wasm.Type{wasm.I32}, Locals: []wasm.Type{wasm.I32}, Code: code}},
		}.Encode()
		cured, changes, err := applied(module)
		if err != nil || changes != 1 {
			t.Fatalf("%s: %d changes, %v", name, changes, err)
		}
		if got := first(t, wazero.NewRuntimeConfigCompiler(), cured); got != 1 {
			t.Errorf("%s: compiled it is %d", name, got)
		}
		if got := first(t, wazero.NewRuntimeConfigInterpreter(), cured); got != 1 {
			t.Errorf("%s: interpreted it is %d", name, got)
		}
		if first(t, wazero.NewRuntimeConfigCompiler(), module) != 1 {
			unaided++
		}
	}
	if unaided == 0 && runtime.GOARCH == "amd64" {
		t.Error("this wazero compiles every function right as it is: delete what an empty block at the top works around")
	}
}

// first instantiates a module and calls its f.
func first(t *testing.T, config wazero.RuntimeConfig, module []byte) uint32 {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, config)
	defer r.Close(ctx)
	instance, err := r.Instantiate(ctx, module)
	if err != nil {
		t.Fatal(err)
	}
	results, err := instance.ExportedFunction("f").Call(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(results[0])
}
