package workaround

import (
	"context"
	"fmt"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wasisock/wasisock/internal/wasm"
	"github.com/wasisock/wasisock/internal/wasm/wasmtest"
)

// FuzzApply holds that a module that can be parsed and that wazero accepts is followed, and that
// wazero accepts the result.
func FuzzApply(f *testing.F) {
	for seed := range uint64(10) {
		f.Add(wasmtest.Random(seed))
	}
	f.Fuzz(func(t *testing.T, module []byte) {
		m, err := wasm.Parse(module)
		if err != nil {
			return // wazero would allocate by any count
		}
		if m.CheckCode() != nil {
			return // wazero takes constants of more bits than their type has
		}
		ctx := context.Background()
		r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
		defer r.Close(ctx)
		cured, _, err := applied(module)
		if err != nil {
			if _, is := accepts(ctx, r, module); is == nil {
				t.Fatalf("wazero accepts a module that Apply refuses: %v", err)
			}
			return
		}
		if _, is := accepts(ctx, r, module); is != nil {
			return
		}
		if _, is := accepts(ctx, r, cured); is != nil {
			t.Fatalf("wazero refuses what Apply made: %v", is)
		}
	})
}

// accepts compiles a module. A panic of wazero's validator is an error too.
func accepts(ctx context.Context, r wazero.Runtime, module []byte) (m wazero.CompiledModule, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	m, err = r.CompileModule(ctx, module)
	if err == nil {
		m.Close(ctx)
	}
	return m, err
}
