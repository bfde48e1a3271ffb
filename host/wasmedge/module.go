//go:build wasmedge && cgo

package wasmedge

// #include "engine.h"
// #cgo LDFLAGS: -lwasmedge -rdynamic
import "C"

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/second-state/WasmEdge-go/wasmedge"
	"github.com/tetratelabs/wazero/api"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/compiler"
	"github.com/wasisock/wasisock/host/internal/inspect"
	"github.com/wasisock/wasisock/host/internal/instance"
	"github.com/wasisock/wasisock/host/internal/proxy"
	"github.com/wasisock/wasisock/host/internal/wasi"
	"github.com/wasisock/wasisock/internal/aotcache"
	"github.com/wasisock/wasisock/internal/codecache"
	"github.com/wasisock/wasisock/internal/engines"
)

func init() { wasmedge.SetLogOff() }

// Version returns the version of libwasmedge, or "" in a program built without it.
func Version() string { return wasmedge.GetVersion() }

// checkVersion refuses a libwasmedge that was never tried: its functions could be others
// than those of the headers.
func checkVersion() error {
	version := wasmedge.GetVersion()
	tested := engines.Minors(engines.WasmEdges())
	for _, v := range tested {
		if strings.HasPrefix(version, v+".") {
			return nil
		}
	}
	return fmt.Errorf("this is libwasmedge %s, and wasisock is tested with %s alone; install one of those: %w", version, strings.Join(tested, " and "), errors.ErrUnsupported)
}

// Compile makes wasm ready to run, unless ctx ends before: the error is then its cause,
// and what WasmEdge compiles in this process goes on in the background without use. The error
// is a *host.ModuleError if wasm is not a module that can run here.
func Compile(ctx context.Context, wasm []byte, cfg Config) (*Module, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := checkVersion(); err != nil {
		return nil, err
	}
	inspected, err := inspect.Module(wasm)
	if err != nil {
		return nil, err
	}
	if err := inspected.CheckCode(); err != nil {
		return nil, inspect.Damaged(err)
	}
	if inspected.Changed {
		wasm = inspected.Encode()
	}
	cache, err := codecache.Open(cfg.CacheDir, aotcache.DirName, cfg.CacheSize, cfg.Progress)
	if err != nil {
		return nil, err
	}
	m := &Module{cfg: cfg, cache: cache, options: cfg.options(inspected), size: uint64(len(wasm)), least: uint64(inspected.MinPages) * pageSize, start: inspected.Start, elements: inspected.Elements()}
	if err := m.prepare(ctx, wasm); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// A Module is a guest's code.
type Module struct {
	cfg      Config
	cache    *codecache.Cache
	options  []string             // what it is compiled with
	size     uint64               // bytes of the module
	least    uint64               // bytes of memory
	start    bool                 // it has a start function
	elements uint64               // that its tables can have
	code     atomic.Pointer[code] // the best there is

	mu     sync.Mutex
	codes  []*code // all there are
	closed bool

	proxy   *proxy.Module
	closers instance.Closers
}

// A code is a module as WasmEdge has loaded it.
type code struct {
	config    *wasmedge.Configure // but for the memory limit
	ast       *wasmedge.AST
	functions []wasi.Function // that it imports
	types     []*C.WasmEdge_FunctionTypeContext
	names     []string
	exports   map[string]export
	compiled  bool
}

// An export is the type of a function that a module exports.
type export struct{ params, results []api.ValueType }

func (m *Module) prepare(ctx context.Context, wasm []byte) (err error) {
	if m.proxy, err = proxy.New(ctx); err != nil {
		return err
	}
	m.closers.Add(m.proxy.Close)
	kept := m.kept(wasm)
	if m.cfg.AOT == AOTOff || m.cfg.AOT == AOTAuto && !kept {
		if err := prepareInterpreter(); err != nil {
			return err
		}
	}
	if m.cfg.AOT == AOTOff || !kept { // if only to report at once what is wrong with it
		if err := m.validate(ctx, wasm); err != nil {
			return err
		}
		if err := m.load(wasm, false); err != nil {
			return err
		}
	}
	switch {
	case m.cfg.AOT == AOTOff:
		return nil
	case m.cfg.AOT == AOTAuto && !kept:
		untilClose, cancel := context.WithCancel(context.WithoutCancel(ctx))
		m.closers.Add(cancel)
		go m.fill(untilClose, wasm)
		return nil
	}
	return compiler.Await(ctx, func(ctx context.Context) error { return m.fill(ctx, wasm) }, func() {})
}

// Compiled is whether guests that start now run compiled code, not interpreted.
func (m *Module) Compiled() bool { return m.code.Load().compiled }

// Close stops the compiler if it is a child, and else does not wait for it. What it makes is
// freed.
func (m *Module) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.codes {
		c.free()
	}
	m.codes, m.closed = nil, true
	m.closers.Close()
	return nil
}

func (c *code) free() {
	c.ast.Release()
	c.config.Release()
}

// load makes code of text that guests can run.
func (m *Module) load(text []byte, compiled bool) error {
	c, err := newCode(text, compiled)
	if err != nil {
		return err
	}
	if err := c.link(m.proxy.Imports, m.cfg.Library); err != nil {
		c.free()
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		c.free()
		return nil
	}
	m.codes = append(m.codes, c)
	m.code.Store(c)
	return nil
}

// newCode has WasmEdge read a module.
func newCode(text []byte, compiled bool) (*code, error) {
	if _, err := inspect.Module(text); err != nil { // WasmEdge-go panics on nothing
		return nil, err
	}
	c := &code{config: wasmedge.NewConfigure(), exports: map[string]export{}, compiled: compiled}
	if compiled {
		C.wasisock_ahead_of_time((*C.WasmEdge_ConfigureContext)(inner(c.config)))
	}
	loader := wasmedge.NewLoaderWithConfig(c.config)
	defer loader.Release()
	var err error
	if c.ast, err = loader.LoadBuffer(text); err == nil {
		validator := wasmedge.NewValidatorWithConfig(c.config)
		defer validator.Release()
		err = validator.Validate(c.ast)
	}
	if err == nil {
		return c, nil
	}
	if c.ast != nil {
		c.ast.Release()
	}
	c.config.Release()
	return nil, inspect.Damaged(err)
}

// link finds what each import means.
func (c *code) link(available *wasi.Functions, library bool) error {
	var wanted []wasi.Import
	var types []*C.WasmEdge_FunctionTypeContext
	astContext := (*C.WasmEdge_ASTModuleContext)(inner(c.ast))
	for _, i := range c.ast.ListImports() {
		if i.GetExternalType() != wasmedge.ExternType_Function {
			return inspect.Unusable("it imports %s of %q, which is not a function; build it without", i.GetExternalName(), i.GetModuleName())
		}
		f := C.WasmEdge_ImportTypeGetFunctionType(astContext, (*C.WasmEdge_ImportTypeContext)(inner(i)))
		params, results := typesOf(f)
		wanted = append(wanted, wasi.Import{Module: i.GetModuleName(), Name: i.GetExternalName(), Params: params, Results: results})
		types = append(types, f)
	}
	exports := inspect.Exports{Functions: map[string]inspect.Signature{}}
	for _, e := range c.ast.ListExports() {
		switch e.GetExternalType() {
		case wasmedge.ExternType_Function:
			params, results := typesOf(C.WasmEdge_ExportTypeGetFunctionType(astContext, (*C.WasmEdge_ExportTypeContext)(inner(e))))
			c.exports[e.GetExternalName()] = export{params, results}
			exports.Functions[e.GetExternalName()] = inspect.NewSignature(params, results)
		case wasmedge.ExternType_Memory:
			exports.Memories = append(exports.Memories, e.GetExternalName())
		}
	}
	check := inspect.CheckCommand
	if library {
		check = inspect.CheckLibrary
	}
	if err := check(exports, len(wanted)); err != nil {
		return err
	}
	chosen, err := available.Choose(wanted)
	if err != nil {
		return err
	}
	for i, f := range wanted {
		if !slices.Contains(c.names, f.Name) {
			c.names = append(c.names, f.Name)
			c.types = append(c.types, types[i])
			c.functions = append(c.functions, chosen[f.Name])
		}
	}
	return nil
}

// typesOf returns the types of parameters and results of a function, with wasm's own numbers for types, as
// wazero has them. WasmEdge-go's GetParameters panics.
func typesOf(f *C.WasmEdge_FunctionTypeContext) (params, results []api.ValueType) {
	list := func(n C.uint32_t, get func(*C.WasmEdge_ValType, C.uint32_t)) (types []api.ValueType) {
		if n == 0 {
			return nil
		}
		all := make([]C.WasmEdge_ValType, n)
		get(&all[0], n)
		for _, t := range all {
			types = append(types, api.ValueType(C.wasisock_value_type(t)))
		}
		return types
	}
	params = list(C.WasmEdge_FunctionTypeGetParametersLength(f), func(p *C.WasmEdge_ValType, n C.uint32_t) {
		C.WasmEdge_FunctionTypeGetParameters(f, p, n)
	})
	results = list(C.WasmEdge_FunctionTypeGetReturnsLength(f), func(p *C.WasmEdge_ValType, n C.uint32_t) {
		C.WasmEdge_FunctionTypeGetReturns(f, p, n)
	})
	return params, results
}

// inner returns what a value of WasmEdge-go wraps: the first field of each, which it does
// not export.
func inner[T wasmedge.Configure | wasmedge.AST | wasmedge.ImportType | wasmedge.ExportType | wasmedge.Executor | wasmedge.Store | wasmedge.Module | wasmedge.Compiler](v *T) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(v))
}

var _ host.Module = (*Module)(nil)
