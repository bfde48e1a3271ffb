package wazero

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasisock/wasisock/host/wazero/internal/workaround"
	"github.com/wasisock/wasisock/internal/codecache"
	"github.com/wasisock/wasisock/internal/rewrite"
)

// finishedFile is the file beside the code that has the module which was compiled.
const finishedFile = "module.wasm"

// entryName is the name of the module's code in the cache: a directory of its own, because
// only what has a known name can be found again to be deleted.
func (m *module) entryName(wasm []byte) string {
	h := sha256.New()
	h.Write(wasm)
	fmt.Fprint(h, m.compilerArgs(), rewrite.Version, workaround.Version)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// errNotCompiled is the end of the context with which load has wazero take compiled code: it
// ends what would be compiled instead.
var errNotCompiled = errors.New("the directory has no code of it")

// load takes the module and its machine code that a directory has, and never compiles.
func (m *module) load(ctx context.Context, dir string) error {
	finished, err := os.ReadFile(filepath.Join(dir, finishedFile))
	if err != nil {
		return fmt.Errorf("%w: %w", errNotCompiled, err)
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return err
	}
	m.closers.Add(func() { cache.Close(context.Background()) })
	ctx, cancel := context.WithCancelCause(ctx)
	cancel(errNotCompiled)
	return m.compileModule(experimental.WithCompilationWorkers(ctx, 2), finished, m.config().WithCompilationCache(cache))
}

// makeCode compiles the module, and writes what was compiled and the code to a directory.
func (m *module) makeCode(ctx context.Context, dir string, wasm []byte) error {
	finished, err := m.finished(wasm)
	if err != nil {
		return err
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return err
	}
	m.closers.Add(func() { cache.Close(context.Background()) })
	// Code that could be made, but not be written, is in memory the second time.
	for range 2 {
		if err = m.compileModule(ctx, finished, m.config().WithCompilationCache(cache)); err == nil {
			break
		}
	}
	if err != nil {
		return damaged(err)
	}
	return os.WriteFile(filepath.Join(dir, finishedFile), finished, 0o600)
}

// compileCached takes the code from the cache, or has compile write it to a directory in
// another, and keeps that.
func (m *module) compileCached(ctx context.Context, cache *codecache.Cache, wasm []byte, compile func(dir string) (code string, err error)) error {
	name := m.entryName(wasm)
	if dir := cache.Get(name); dir != "" && m.load(ctx, dir) == nil {
		return nil
	}
	temp, err := cache.Temp()
	if err != nil {
		return err
	}
	defer codecache.Remove(temp)
	code, err := compile(temp)
	if err == nil {
		cache.Put(name, code)
	}
	return err
}
