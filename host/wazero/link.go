package wazero

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wasisock/wasisock/host/internal/system"
	"github.com/wasisock/wasisock/sockabi"
)

// A provision is one function that a guest can import: a row of the system, a
// function of wazero's own, or both, where the row has the first say.
type provision struct {
	row             int // of sockabi.Functions, and so of a system's rows; -1 is none
	own             api.GoModuleFunction
	params, results []api.ValueType
	text            string // as a person would write it
}

// link makes the host module that guests import from, with what they import and no more.
func (m *module) link(ctx context.Context) error {
	if err := checkCommand(m.compiled); err != nil {
		return err
	}
	available, err := m.provisions(ctx)
	if err != nil {
		return err
	}
	chosen, err := choose(available, m.compiled.ImportedFunctions())
	if err != nil {
		return err
	}
	builder := m.runtime.NewHostModuleBuilder(sockabi.Module)
	for name, p := range chosen {
		builder.NewFunctionBuilder().
			WithGoModuleFunction(function(p), p.params, p.results).
			Export(name)
	}
	_, err = builder.Instantiate(ctx)
	return err
}

// provisions is all that a guest can import, by name. wazero's own functions are
// taken from its module, which is never instantiated: that they can be called with
// the guest's module, by the host, is what this whole package stands on.
func (m *module) provisions(ctx context.Context) (map[string][]provision, error) {
	wasi, err := wasi_snapshot_preview1.NewBuilder(m.runtime).Compile(ctx)
	if err != nil {
		return nil, err
	}
	own := map[string]provision{}
	for name, def := range wasi.ExportedFunctions() {
		f, ok := def.GoFunction().(api.GoModuleFunction)
		if !ok {
			return nil, fmt.Errorf("wazero's %s is a %T, which cannot be called from here; use the wazero of go.mod", name, def.GoFunction())
		}
		if name == "fd_fdstat_get" {
			m.fdstat = f
		}
		own[name] = provision{
			row: -1, own: wrap(name, f), params: def.ParamTypes(), results: def.ResultTypes(),
			text: name + "(" + strings.Join(def.ParamNames(), " ") + ")",
		}
	}
	all := map[string][]provision{}
	for i, f := range sockabi.Functions() {
		p := provision{
			row:     i,
			params:  slices.Repeat([]api.ValueType{api.ValueTypeI32}, f.NumParams()),
			results: []api.ValueType{api.ValueTypeI32},
			text:    f.String(),
		}
		if system.Shared(f) {
			if p.own = own[f.Name].own; p.own == nil {
				return nil, fmt.Errorf("wazero has no %s; use the wazero of go.mod", f.Name)
			}
		}
		all[f.Name] = append(all[f.Name], p)
	}
	for name, p := range own {
		if all[name] == nil {
			all[name] = []provision{p}
		}
	}
	return all, nil
}

// choose finds what each import means, by its name and signature. wazero can give a
// name one signature only, so a guest that has two cannot run.
func choose(available map[string][]provision, imports []api.FunctionDefinition) (map[string]provision, error) {
	chosen := map[string]provision{}
	for _, f := range imports {
		module, name, _ := f.Import()
		if module != sockabi.Module {
			return nil, unusable("it imports %s of %q, which nobody provides; %s", name, module, remedy(module))
		}
		wanted := signatureOf(f)
		if c, ok := chosen[name]; ok {
			if got := newSignature(c.params, c.results); got != wanted {
				return nil, unusable("it imports %s as both %s and %s; build it with one, of which %s_v2 is the newer where that exists", name, got, wanted, name)
			}
			continue
		}
		candidates := available[name]
		if candidates == nil {
			return nil, unusable("it imports %s, which neither WASI preview 1 nor WasmEdge's sockets have; build it without", name)
		}
		i := slices.IndexFunc(candidates, func(p provision) bool { return newSignature(p.params, p.results) == wanted })
		if i < 0 {
			var all []string
			for _, p := range candidates {
				all = append(all, fmt.Sprintf("%s, %s", p.text, newSignature(p.params, p.results)))
			}
			return nil, unusable("it imports %s as %s; correct that to %s", name, wanted, strings.Join(all, ", or "))
		}
		chosen[name] = candidates[i]
	}
	return chosen, nil
}

// remedy is what to do about an import of another module.
func remedy(module string) string {
	switch {
	case module == "gojs" || module == "go":
		return "it was built for GOOS=js: " + buildGuest
	case module == "wasi_unstable":
		return "that is WASI before preview 1: build it with a newer compiler"
	case module == "wasi":
		return "threads cannot run here: build it without"
	case strings.HasPrefix(module, "wasi:"):
		return "that is WASI preview 2: " + buildGuest
	}
	return "build it without"
}

// function is what guests call. It is here that a guest to be stopped ends.
func function(p provision) api.GoModuleFunction {
	if p.row < 0 {
		return api.GoModuleFunc(func(ctx context.Context, module api.Module, stack []uint64) {
			g := guestOf(ctx)
			g.enterCall()
			p.own.Call(ctx, module, stack)
			g.computes.Store(true)
		})
	}
	n := len(p.params)
	return api.GoModuleFunc(func(ctx context.Context, module api.Module, stack []uint64) {
		g := guestOf(ctx)
		g.enterCall()
		g.memory.module = module
		errno := g.rows[p.row].Call(ctx, &g.memory, stack[:n])
		if errno == system.FallThrough && p.own != nil {
			p.own.Call(ctx, module, stack)
		} else {
			stack[0] = uint64(errno)
		}
		g.checkStopped()
		g.computes.Store(true)
	})
}

func (g *guest) enterCall() {
	g.computes.Store(false)
	g.checkStopped()
	collectIfDue()
}
