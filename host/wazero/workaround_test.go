//go:build linux || darwin

package wazero

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/wasm"
	. "github.com/wasisock/wasisock/internal/wasm/wasmtest"
)

// TestCodeOfBeforeIsNotUsed holds that a module that wazero compiles wrongly is right,
// although a cache has what wazero made of it as it is.
func TestCodeOfBeforeIsNotUsed(t *testing.T) {
	module := Module{Funcs: []Func{
		{Name: "_initialize"},
		{Name: "f", Params: []wasm.Type{wasm.I32, wasm.I32}, Results: []wasm.Type{wasm.I32}, Code: Code(
			Const(wasm.I32, 0), Op(wasm.OpLocalGet, 0), Op(wasm.OpLocalGet, 1), Op(wasm.OpI32And), Op(wasm.OpI32LtS),
			[]byte{byte(wasm.OpIf), byte(wasm.I32)}, Const(wasm.I32, 1), Op(wasm.OpElse), Const(wasm.I32, 0), Op(wasm.OpEnd))},
	}}.Encode()
	dir := t.TempDir()
	key := sha256.Sum256(module)
	before, err := wazero.NewCompilationCacheWithDir(filepath.Join(dir, hex.EncodeToString(key[:16])))
	if err != nil {
		t.Fatal(err)
	}
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfig().WithCompilationCache(before))
	instance, err := r.Instantiate(t.Context(), module)
	if err != nil {
		t.Fatal(err)
	}
	results, err := instance.ExportedFunction("f").Call(t.Context(), 4, 29)
	if err != nil {
		t.Fatal(err)
	}
	if results[0] != 0 && runtime.GOARCH == "amd64" {
		t.Error("this wazero compiles the module right as it is")
	}
	r.Close(t.Context())
	before.Close(t.Context())

	m, err := Compile(t.Context(), module, Config{Library: true, CacheDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	cmd := host.Command(m, "f")
	if err := cmd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer cmd.Stop()
	if results, err = cmd.Call(t.Context(), "f", 4, 29); err != nil || results[0] != 1 {
		t.Errorf("%v, %v; want 1", results, err)
	}
}
