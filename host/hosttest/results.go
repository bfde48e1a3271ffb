package hosttest

import (
	"fmt"
	"testing"

	"github.com/wasisock/wasisock/internal/wasm/wasmtest"
)

// aboutResults is whether guests compute what they should.
var aboutResults = []sentence{
	{
		says:  "comparisons with 0 decide branches, wherever their operands come from",
		needs: CompilesQuickly,
		long:  true,
		test:  comparisons,
	},
}

// comparisons runs the tables of the first three uses, each of which wazero compiles in
// another way.
func comparisons(t *testing.T, b *bench) {
	for _, table := range wasmtest.Comparisons()[:6] {
		module, err := b.compile(t.Context(), table.Wasm, Config{Library: true})
		if err != nil {
			t.Fatal(err)
		}
		cmd := commandOf(t, module)
		if err := cmd.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		wrong := 0
		for i, row := range table.Rows {
			for _, in := range table.Inputs {
				results, err := cmd.Call(t.Context(), fmt.Sprint(i), in[0], in[1])
				if err != nil {
					t.Fatalf("%s: %s: %v", table.Name, row.Name, err)
				}
				if want := row.Want(in[0], in[1]); uint32(results[0]) != want {
					if wrong++; wrong <= 10 {
						t.Errorf("%s: %s of %#x and %#x is %d; want %d", table.Name, row.Name, in[0], in[1], uint32(results[0]), want)
					}
				}
			}
		}
		if wrong > 10 {
			t.Errorf("%s: %d wrong results", table.Name, wrong)
		}
		cmd.Stop()
		cmd.Wait()
		module.Close()
	}
}
