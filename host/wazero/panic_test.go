//go:build linux || darwin

package wazero

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/inspect"
)

// panicking is a module at which wazero's validator panics: its second function has a type
// that the module lacks. Compile refuses it before wazero reads it.
const panicking = "0061736d0100000001040160000003030200630a0902040010010b02000b"

// TestPanicsOfWazero has wazero read a module that Compile would have refused.
func TestPanicsOfWazero(t *testing.T) {
	wasm, err := hex.DecodeString(panicking)
	if err != nil {
		t.Fatal(err)
	}
	m := &module{}
	defer m.Close()
	err = func() (err error) {
		defer inspect.Recover("wazero", &err)
		return m.compileModule(experimental.WithCompilationWorkers(t.Context(), 1), wasm, m.config())
	}()
	var module *host.ModuleError
	if !errors.As(err, &module) || !strings.Contains(err.Error(), "wazero panics at it: ") {
		t.Errorf("%v, want a ModuleError", err)
	}
}
