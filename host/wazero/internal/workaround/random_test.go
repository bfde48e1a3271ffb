package workaround

import (
	"context"
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/wasisock/wasisock/internal/wasm/wasmtest"
)

var (
	randomFor  = flag.Duration("random.for", 10*time.Second, "how long TestRandomModules compares")
	randomSeed = flag.Uint64("random.seed", 1, "the first module of TestRandomModules")
)

// TestRandomModules compares wazero's compiler, given modules as Apply leaves them, with
// its interpreter, given them as they are.
func TestRandomModules(t *testing.T) {
	seed := *randomSeed
	for began := time.Now(); time.Since(began) < *randomFor; seed++ {
		compareRandom(t, seed)
	}
	t.Logf("%d modules", seed-*randomSeed)
}

func compareRandom(t *testing.T, seed uint64) {
	module := wasmtest.Random(seed)
	cured, _, err := applied(module)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	want := results(t, wazero.NewRuntimeConfigInterpreter(), module, seed)
	got := results(t, wazero.NewRuntimeConfigCompiler(), cured, seed)
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("seed %d, input %d: compiled it returns %v, interpreted %v", seed, i, got[i], want[i])
		}
	}
}

// A result is the result of main, or the reason why there is none.
type result struct {
	value uint64
	trap  string
}

func results(t *testing.T, config wazero.RuntimeConfig, module []byte, seed uint64) (all []result) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, config)
	defer r.Close(ctx)
	instance, err := r.Instantiate(ctx, module)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	for _, in := range [][2]uint64{{0, 0}, {1, 1 << 63}, {1<<32 - 1, 1}, {29, ^uint64(3)}} {
		values, err := instance.ExportedFunction("main").Call(ctx, in[0], in[1])
		if err != nil {
			trap, _, _ := strings.Cut(err.Error(), "\n")
			all = append(all, result{trap: trap})
			continue
		}
		all = append(all, result{value: values[0]})
	}
	return all
}
