//go:build wasmtime && cgo

package wasmtime

// #include "engine.h"
import "C"

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
	"unsafe"

	"github.com/wasisock/wasisock/host/internal/compiler"
	"github.com/wasisock/wasisock/host/internal/inspect"
	"github.com/wasisock/wasisock/internal/aotcache"
	"github.com/wasisock/wasisock/internal/codecache"
	"github.com/wasisock/wasisock/internal/progress"
	"github.com/wasisock/wasisock/internal/rewrite"
)

const (
	// engineName is the name of a compiler of this package.
	engineName = "wasmtime"

	// cacheName is the name of the default of Config.CacheDir in the user's cache.
	cacheName = "wasmtime"

	// codeFile is the file in the directory of a job that has the code.
	codeFile = "code"

	// rewritten is the argument of a compiler that rewrites the module, and part of a key.
	rewritten = "rewritten by " + rewrite.Version

	// portable is the argument of a compiler that compiles for every CPU.
	portable = "baseline"
)

// ServeCompiler compiles a module and exits, if this process was started as a
// Config.Compiler. A program that calls it first in main can be named there, also by itself.
func ServeCompiler() {
	compiler.Serve(engineName, func(wasm []byte, dir string, args []string) error {
		return compileTo(filepath.Join(dir, codeFile), wasm, args)
	})
}

// compileTo writes the code of a module to a file.
func compileTo(file string, wasm []byte, options []string) error {
	if slices.Contains(options, rewritten) {
		made, _, err := rewrite.Module(wasm)
		if err != nil {
			return inspect.Damaged(err)
		}
		wasm = made
	}
	inspected, err := inspect.Module(wasm)
	if err != nil {
		return err
	}
	if err := inspected.CheckCode(); err != nil {
		return inspect.Damaged(err)
	}
	compiles := engine
	if slices.Contains(options, portable) {
		compiles = baseline
	}
	code, err := serialized(compiles, inspected.Encode())
	if err != nil {
		return inspect.Damaged(errors.New(firstLine(err.Error())))
	}
	defer C.wasm_byte_vec_delete(code)
	return os.WriteFile(file, unsafe.Slice((*byte)(unsafe.Pointer(code.data)), code.size), 0o600)
}

// load takes the module's code from the cache, or compiles it.
func (m *module) load(ctx context.Context, wasm []byte, cfg Config) error {
	cache, err := codecache.Open(cfg.CacheDir, cacheName, cfg.CacheSize, cfg.Progress)
	if err != nil {
		return err
	}
	names := []string{aotcache.Key(Version(), wasm, m.options...), aotcache.Portable(Version(), wasm, m.options...)}
	options := m.options
	if cfg.Baseline {
		names, options = names[1:], append(slices.Clone(options), portable)
	}
	for _, name := range names {
		if kept := cache.Get(name); kept != "" {
			if m.code, err = deserialized(kept); err == nil {
				return nil
			}
		}
	}
	temp, err := cache.Temp()
	if err != nil {
		return err
	}
	defer codecache.Remove(temp)
	file := filepath.Join(temp, codeFile)
	what := fmt.Sprintf("%s (%.1f MB)", cmp.Or(cfg.Name, "the guest"), float64(len(wasm))/1e6)
	err = progress.Compiling(cfg.Progress, what, func() error {
		if cfg.Compiler == "" {
			return compileTo(file, wasm, options)
		}
		return compiler.Job{
			Program: cfg.Compiler, Engine: engineName, Args: options, Dir: temp, Module: wasm,
			Memory: cmp.Or(cfg.CompileMemory, defaultMemory(len(wasm))), Timeout: cmp.Or(cfg.CompileTimeout, defaultTimeout(len(wasm))),
		}.Run(ctx)
	})
	if err != nil {
		return err
	}
	m.code, err = deserialized(cache.Put(names[0], file))
	if err != nil && cfg.Compiler != "" {
		err = fmt.Errorf("the code that the compiler %s made cannot be used: %w; name the wasisock program of this version", cfg.Compiler, err)
	}
	return err
}

// A module of Go's of 10 MB takes 13 s of CPU.
func defaultTimeout(size int) time.Duration {
	return time.Minute + 20*time.Second*time.Duration(size>>20)
}

func defaultMemory(size int) uint64 { return 1<<30 + 128*uint64(size) }
