package engine

import (
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host/wasmedge"
	"github.com/wasisock/wasisock/host/wasmtime"
	"github.com/wasisock/wasisock/host/wazero"
)

func TestChoose(t *testing.T) {
	built, why := Wazero, "wasmtime, which is faster, is not built in"
	if wasmtime.Version() != "" {
		built, why = Wasmtime, "the fastest that is built in"
	}
	profile := wazero.NewCPUProfile()
	for _, test := range []struct {
		about  string
		engine Engine
		want   Kind
		why    string
	}{
		{"nothing", Engine{}, built, why},
		{"--interruptible", Engine{Interruptible: true}, built, why},
		{"--cpu-profile", Engine{CPUProfile: profile}, Wazero, ""},
		{"--engine wazero", Engine{Kind: Wazero}, Wazero, "named by --engine"},
		{"--engine wasmtime --cpu-profile", Engine{Kind: Wasmtime, CPUProfile: profile}, Wasmtime, "named by --engine"},
	} {
		if kind, why := test.engine.Choose(); kind != test.want || !strings.Contains(why, test.why) {
			t.Errorf("%s: %s, %s", test.about, kind, why)
		}
	}
}

// TestFlagsOfOthers compiles with flags that the engine does not support.
func TestFlagsOfOthers(t *testing.T) {
	aot := wasmedge.AOTWait
	for want, e := range map[string]Engine{
		"leave out --engine wasmtime": {Kind: Wasmtime, CPUProfile: wazero.NewCPUProfile()},
		"leave out --engine wasmedge": {Kind: WasmEdge, CPUProfile: wazero.NewCPUProfile()},
		"wasmtime always compiles":    {Kind: Wasmtime, AOT: &aot},
		"wazero always compiles":      {Kind: Wazero, AOT: &aot},
	} {
		if _, err := e.Compile(t.Context(), nil, 1, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
