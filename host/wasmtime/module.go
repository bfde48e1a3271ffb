//go:build wasmtime && cgo

package wasmtime

// #include "engine.h"
import "C"

import (
	"context"
	"strings"

	"github.com/tetratelabs/wazero/api"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/compiler"
	"github.com/wasisock/wasisock/host/internal/inspect"
	"github.com/wasisock/wasisock/host/internal/instance"
	"github.com/wasisock/wasisock/host/internal/proxy"
	"github.com/wasisock/wasisock/host/internal/wasi"
	"github.com/wasisock/wasisock/internal/rewrite"
	"github.com/wasisock/wasisock/internal/wasm"
)

// A module is a guest's code.
type module struct {
	library bool
	options []string // that it is compiled with
	*wasm.Module
	exports map[string]wasm.FuncType

	proxy     *proxy.Module
	functions []wasi.Function // in the order of the imports
	types     []*C.wasm_functype_t
	code      *C.wasmtime_module_t
	closers   instance.Closers
}

// Compile makes wasm ready to run. If ctx ends before, Compile returns its cause, and stops
// the compiler if it is a process of its own. The error is a *host.ModuleError if wasm is not a
// module that can run here.
func Compile(ctx context.Context, wasm []byte, cfg Config) (host.Module, error) {
	m := &module{library: cfg.Library}
	if err := compiler.Await(ctx, func(ctx context.Context) error { return m.prepare(ctx, wasm, cfg) }, func() { m.Close() }); err != nil {
		return nil, err
	}
	return m, nil
}

// prepare reads the module, links and compiles it.
func (m *module) prepare(ctx context.Context, wasm []byte, cfg Config) (err error) {
	if m.Module, err = inspect.Module(wasm); err != nil {
		return err
	}
	if !cfg.AsIs && rewrite.IsFor(m.Module) {
		m.options = append(m.options, rewritten)
	}
	if m.proxy, err = proxy.New(ctx); err != nil {
		return err
	}
	m.closers.Add(m.proxy.Close)
	if m.Changed {
		wasm = m.Encode()
	}
	if err := m.load(ctx, wasm, cfg); err != nil {
		return err
	}
	m.closers.Add(func() { C.wasmtime_module_delete(m.code) })
	if err := m.link(); err != nil {
		return err
	}
	m.forget()
	return nil
}

// forget drops what only compiling needs, and refers to the bytes of the module.
func (m *module) forget() { m.Sections, m.Bodies = nil, nil }

// Close frees the code.
func (m *module) Close() error {
	m.closers.Close()
	return nil
}

// link finds what each import means. It is for a module that wasmtime has validated.
func (m *module) link() error {
	exports := inspect.Exports{Functions: map[string]inspect.Signature{}}
	m.exports = map[string]wasm.FuncType{}
	for _, e := range m.Exports {
		name := e.Name
		switch e.Kind {
		case wasm.ExternFunc:
			t := m.TypeOf(e.Index)
			m.exports[name] = t
			exports.Functions[name] = signature(t)
		case wasm.ExternMemory:
			exports.Memories = append(exports.Memories, name)
		}
	}
	check := inspect.CheckCommand
	if m.library {
		check = inspect.CheckLibrary
	}
	if err := check(exports, len(m.Imports)); err != nil {
		return err
	}
	var wanted []wasi.Import
	for i, f := range m.Imports {
		if f.Kind != wasm.ExternFunc {
			return inspect.Unusable("it imports %s of %q, which is not a function; build it without", f.Name, f.Module)
		}
		t := m.TypeOf(uint32(i))
		wanted = append(wanted, wasi.Import{Module: f.Module, Name: f.Name, Params: valueTypes(t.Params), Results: valueTypes(t.Results)})
	}
	chosen, err := m.proxy.Imports.Choose(wanted)
	if err != nil {
		return err
	}
	for _, f := range wanted {
		m.functions = append(m.functions, chosen[f.Name])
		t := typeOf(f.Params, f.Results)
		m.types = append(m.types, t)
		m.closers.Add(func() { C.wasm_functype_delete(t) })
	}
	return nil
}

func signature(t wasm.FuncType) inspect.Signature {
	return inspect.NewSignature(valueTypes(t.Params), valueTypes(t.Results))
}

// valueTypes returns types as wazero has them: with the same numbers.
func valueTypes(types []wasm.Type) (all []api.ValueType) {
	for _, t := range types {
		all = append(all, api.ValueType(t))
	}
	return all
}

// typeOf returns the type of a function that takes and returns numbers, as all do that guests can
// import.
func typeOf(params, results []api.ValueType) *C.wasm_functype_t {
	kinds := func(types []api.ValueType) *C.uint8_t {
		all := make([]C.uint8_t, len(types)+1)
		for i, t := range types {
			all[i] = C.uint8_t(api.ValueTypeI32 - t) // WASM_I32, WASM_I64, WASM_F32, WASM_F64
		}
		return &all[0]
	}
	return C.wasisock_wasmtime_type(kinds(params), C.size_t(len(params)), kinds(results), C.size_t(len(results)))
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
