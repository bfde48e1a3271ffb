package wasi

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wasisock/wasisock/host/internal/inspect"
	"github.com/wasisock/wasisock/host/internal/shim"
	"github.com/wasisock/wasisock/sockabi"
)

// A Function is a function that a guest can import: a row of package shim, a function of wazero,
// or both. With both, the row is called first.
type Function struct {
	Params, Results []api.ValueType

	row  int // index in sockabi.Functions and in shim.Rows; -1 means none
	own  ownFunction
	text string // the signature in readable form
}

// An ownFunction is a function of wazero that is called for a guest.
type ownFunction func(ctx context.Context, g *Guest, module api.Module, stack []uint64)

// Functions holds all functions that guests can import, by name.
type Functions struct {
	all    map[string][]Function
	fdstat api.GoModuleFunction // wazero's own fd_fdstat_get
}

// NewFunctions returns the functions of wazero's WASI module and those of package shim. The module
// is never instantiated: the host calls its functions with another module. The runtime owns the
// functions.
func NewFunctions(ctx context.Context, r wazero.Runtime) (*Functions, error) {
	wasi, err := wasi_snapshot_preview1.NewBuilder(r).Compile(ctx)
	if err != nil {
		return nil, err
	}
	fs := &Functions{all: map[string][]Function{}}
	own := map[string]Function{}
	for name, def := range wasi.ExportedFunctions() {
		f, ok := def.GoFunction().(api.GoModuleFunction)
		if !ok {
			return nil, fmt.Errorf("wazero's %s is a %T, which cannot be called from here; use the wazero of go.mod", name, def.GoFunction())
		}
		if name == "fd_fdstat_get" {
			fs.fdstat = f
		}
		own[name] = Function{
			row: -1, own: counted(name, wrap(name, def.ParamNames(), f)), Params: def.ParamTypes(), Results: def.ResultTypes(),
			text: name + "(" + strings.Join(def.ParamNames(), " ") + ")",
		}
	}
	for i, f := range sockabi.Functions() {
		p := Function{
			row:     i,
			Params:  slices.Repeat([]api.ValueType{api.ValueTypeI32}, f.NumParams()),
			Results: []api.ValueType{api.ValueTypeI32},
			text:    f.String(),
		}
		if shim.Shared(f) {
			if p.own = own[f.Name].own; p.own == nil {
				return nil, fmt.Errorf("wazero has no %s; use the wazero of go.mod", f.Name)
			}
		}
		fs.all[f.Name] = append(fs.all[f.Name], p)
	}
	for name, p := range own {
		if fs.all[name] == nil {
			fs.all[name] = []Function{p}
		}
	}
	return fs, nil
}

// An Import is a function that a module imports.
type Import struct {
	Module, Name    string
	Params, Results []api.ValueType
}

// Choose returns the function of each import, by name and signature. It returns an error for an
// unknown import, and for a name with two signatures, since engines give each name one signature.
func (fs *Functions) Choose(imports []Import) (map[string]Function, error) {
	chosen := map[string]Function{}
	for _, f := range imports {
		name := f.Name
		if f.Module != sockabi.Module {
			return nil, inspect.Unusable("it imports %s of %q, which nobody provides; %s", name, f.Module, remedy(f.Module))
		}
		wanted := inspect.NewSignature(f.Params, f.Results)
		if c, ok := chosen[name]; ok {
			if got := inspect.NewSignature(c.Params, c.Results); got != wanted {
				return nil, inspect.Unusable("it imports %s as both %s and %s; build it with one of them; %s_v2 is the newer one where it exists", name, got, wanted, name)
			}
			continue
		}
		candidates := fs.all[name]
		if candidates == nil {
			return nil, inspect.Unusable("it imports %s, which neither WASI preview 1 nor WasmEdge's sockets have; build it without", name)
		}
		i := slices.IndexFunc(candidates, func(p Function) bool { return inspect.NewSignature(p.Params, p.Results) == wanted })
		if i < 0 {
			var all []string
			for _, p := range candidates {
				all = append(all, fmt.Sprintf("%s, %s", p.text, inspect.NewSignature(p.Params, p.Results)))
			}
			return nil, inspect.Unusable("it imports %s as %s; correct that to %s", name, wanted, strings.Join(all, ", or "))
		}
		chosen[name] = candidates[i]
	}
	return chosen, nil
}

// remedy returns the remedy for an import from a module that hosts do not have.
func remedy(module string) string {
	switch {
	case module == "gojs" || module == "go":
		return "it was built for GOOS=js: " + inspect.BuildGuest
	case module == "wasi_unstable":
		return "that is WASI before preview 1: build it with a newer compiler"
	case module == "wasi":
		return "threads cannot run here: build it without"
	case strings.HasPrefix(module, "wasi:"):
		return "that is WASI preview 2: " + inspect.BuildGuest
	}
	return "build it without"
}

// Call serves one call of the guest at a time. stack has the parameters, and gets the result. Call
// panics with ErrStopped if the guest is stopped, and with a *sys.ExitError if it exits.
//
// module must have been instantiated with the guest's Config, and have the guest's memory.
func (f Function) Call(ctx context.Context, g *Guest, module api.Module, stack []uint64) {
	g.Pause()
	if g.onCall != nil {
		g.onCall()
	}
	f.serve(ctx, g, module, stack)
	g.resume()
}

func (f Function) serve(ctx context.Context, g *Guest, module api.Module, stack []uint64) {
	g.memory.module = module
	if f.row < 0 {
		f.own(ctx, g, module, stack)
		return
	}
	errno := g.rows[f.row].Call(ctx, &g.memory, stack[:len(f.Params)])
	if errno == shim.FallThrough && f.own != nil {
		f.own(ctx, g, module, stack)
	} else {
		stack[0] = uint64(errno)
	}
}
