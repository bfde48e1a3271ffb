package wazero

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasisock/wasisock/host"
)

// compile makes the runtime of one guest, and the guest's machine code in it.
func (g *guest) compile(ctx context.Context, wasm []byte, cfg host.Config) (wazero.Runtime, wazero.CompiledModule, error) {
	const page = 1 << 16
	config := wazero.NewRuntimeConfig().WithCloseOnContextDone(cfg.Interruptible)
	switch pages := cfg.MaxMemory / page; {
	case cfg.MaxMemory > 0 && pages == 0:
		return nil, nil, fmt.Errorf("a memory limit of %d bytes is too low; the lowest is %d", cfg.MaxMemory, page)
	case 0 < pages && pages < 1<<16:
		config = config.WithMemoryLimitPages(uint32(pages))
	}
	defer progress(cfg, len(wasm))()
	// wazero heeds ctx only when it has several workers.
	ctx = experimental.WithCompilationWorkers(ctx, max(2, runtime.GOMAXPROCS(0)))

	if cache := g.openCache(cfg.CacheDir, wasm); cache != nil {
		r := g.newRuntime(ctx, config.WithCompilationCache(cache))
		// Code that could be made, but not be stored, is there the second time.
		for range 2 {
			if compiled, err := r.CompileModule(ctx, wasm); err == nil {
				return r, compiled, nil
			}
		}
	}
	r := g.newRuntime(ctx, config)
	compiled, err := r.CompileModule(ctx, wasm)
	switch {
	case err == nil || ctx.Err() != nil:
		return r, compiled, err
	case cfg.MaxMemory > 0 && strings.Contains(err.Error(), "over limit of"):
		return nil, nil, unusable("it needs more memory than the %d bytes that it may have: %s; raise the limit", cfg.MaxMemory, firstLine(err))
	}
	return nil, nil, unusable("it is no module that can run here: %s; "+buildGuest, firstLine(err))
}

func (g *guest) newRuntime(ctx context.Context, config wazero.RuntimeConfig) wazero.Runtime {
	r := wazero.NewRuntimeWithConfig(ctx, config)
	g.closers = append(g.closers, func() { r.Close(context.Background()) })
	return r
}

// progressAfter is how long compiling may take in silence.
var progressAfter = 2 * time.Second

// progress tells of compiling that takes long, and at the end how long.
func progress(cfg host.Config, size int) (done func()) {
	if cfg.Progress == nil {
		return func() {}
	}
	name := "the guest"
	if len(cfg.Args) > 0 {
		name = filepath.Base(cfg.Args[0])
	}
	began := time.Now()
	var mu sync.Mutex
	told, over := false, false
	timer := time.AfterFunc(progressAfter, func() {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			told = true
			fmt.Fprintf(cfg.Progress, "compiling %s (%.1f MB)\n", name, float64(size)/1e6)
		}
	})
	return func() {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		over = true
		if told {
			fmt.Fprintf(cfg.Progress, "compiled %s in %.1f s\n", name, time.Since(began).Seconds())
		}
	}
}
