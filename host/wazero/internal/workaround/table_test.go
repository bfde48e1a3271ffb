package workaround

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wasisock/wasisock/internal/wasm"
	"github.com/wasisock/wasisock/internal/wasm/wasmtest"
)

// applied returns a module as wazero may compile it.
func applied(module []byte) ([]byte, int, error) {
	m, err := wasm.Parse(module)
	if err != nil {
		return nil, 0, err
	}
	changes, err := Apply(m)
	return m.Encode(), changes, err
}

// wrong returns the functions that return something else than they should.
func wrong(t *testing.T, config wazero.RuntimeConfig, module []byte, table wasmtest.Table) (names []string) {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, config)
	defer r.Close(ctx)
	instance, err := r.Instantiate(ctx, module)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range table.Rows {
		f := instance.ExportedFunction(fmt.Sprint(i))
		for _, in := range table.Inputs {
			got, err := f.Call(ctx, in[0], in[1])
			if err != nil {
				t.Fatalf("%s: %v", row.Name, err)
			}
			if want := row.Want(in[0], in[1]); uint32(got[0]) != want {
				names = append(names, fmt.Sprintf("%s of %#x and %#x is %d", row.Name, in[0], in[1], uint32(got[0])))
				break
			}
		}
	}
	return names
}

// TestComparisons runs the tables on wazero's compiler and on its interpreter: with -short
// those of the first three uses, each of which is compiled in another way.
func TestComparisons(t *testing.T) {
	unaided := 0
	tables := wasmtest.Comparisons()
	if testing.Short() {
		tables = tables[:6]
	}
	for _, table := range tables {
		t.Run(table.Name, func(t *testing.T) {
			cured, changes, err := applied(table.Wasm)
			if err != nil {
				t.Fatal(err)
			}
			for name, run := range map[string]struct {
				config wazero.RuntimeConfig
				module []byte
			}{
				"compiler":                  {wazero.NewRuntimeConfigCompiler(), cured},
				"interpreter":               {wazero.NewRuntimeConfigInterpreter(), cured},
				"interpreter, as it stands": {wazero.NewRuntimeConfigInterpreter(), table.Wasm},
			} {
				for _, w := range wrong(t, run.config, run.module, table) {
					t.Errorf("%s: %s", name, w)
				}
			}
			without := wrong(t, wazero.NewRuntimeConfigCompiler(), table.Wasm, table)
			unaided += len(without)
			t.Logf("%d functions, %d changes; wrong without them: %d", len(table.Rows), changes, len(without))
		})
	}
	t.Logf("%d functions are wrong without changes", unaided)
	if unaided == 0 {
		t.Errorf("this wazero compiles every function right on %s as it is: if it does so on amd64 and arm64, delete ordering", runtime.GOARCH)
	}
}
