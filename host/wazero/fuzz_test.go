//go:build linux || darwin

package wazero

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
	"github.com/wasisock/wasisock/internal/wasm/wasmtest"
)

// FuzzCompile compiles damaged modules in the compiler's process, within small limits: each is
// compiled or is a *host.ModuleError, soon, and this process goes on.
func FuzzCompile(f *testing.F) {
	const most = 4 << 10
	texts, err := filepath.Glob("../../testdata/hostile/*.wat")
	if err != nil || len(texts) == 0 {
		f.Fatal(texts, err)
	}
	for _, file := range texts {
		wasm, err := asm.Text(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wasm)
	}
	for seed := range uint64(10) {
		if wasm := wasmtest.Random(seed); len(wasm) <= most {
			f.Add(wasm)
		}
	}
	f.Fuzz(func(t *testing.T, wasm []byte) {
		if len(wasm) > most {
			return
		}
		const limit = 10 * time.Second
		m, err := Compile(t.Context(), wasm, Config{CacheDir: CacheOff, Compiler: self, CompileMemory: 512 << 20, CompileTimeout: limit})
		var module *host.ModuleError
		switch {
		case err == nil:
			m.Close()
		case !errors.As(err, &module):
			t.Errorf("%v, want a ModuleError", err)
		}
	})
}
