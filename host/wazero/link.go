package wazero

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wasisock/wasisock/host/internal/system"
	"github.com/wasisock/wasisock/sockabi"
)

// A provision is one function that a guest can import: a row of the system, a
// function of wazero's own, or both, where the row has the first say.
type provision struct {
	row             *system.Row
	own             api.GoModuleFunction
	params, results []api.ValueType
	text            string // as a person would write it
}

// link makes the module that the guest imports from, with what it imports and no more.
func (g *guest) link(ctx context.Context, r wazero.Runtime, compiled wazero.CompiledModule) error {
	if err := checkCommand(compiled); err != nil {
		return err
	}
	available, err := g.provisions(ctx, r)
	if err != nil {
		return err
	}
	chosen, err := choose(available, compiled.ImportedFunctions())
	if err != nil {
		return err
	}
	builder := r.NewHostModuleBuilder(sockabi.Module)
	for name, p := range chosen {
		builder.NewFunctionBuilder().
			WithGoModuleFunction(g.function(p), p.params, p.results).
			Export(name)
	}
	_, err = builder.Instantiate(ctx)
	return err
}

// provisions is all that a guest can import, by name. wazero's own functions are
// taken from its module, which is never instantiated: that they can be called with
// the guest's module, by the host, is what this whole package stands on.
func (g *guest) provisions(ctx context.Context, r wazero.Runtime) (map[string][]provision, error) {
	wasi, err := wasi_snapshot_preview1.NewBuilder(r).Compile(ctx)
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
			g.memory.fdstat = f
		}
		own[name] = provision{
			own: g.wrap(name, f), params: def.ParamTypes(), results: def.ResultTypes(),
			text: name + "(" + strings.Join(def.ParamNames(), " ") + ")",
		}
	}
	all := map[string][]provision{}
	rows := g.system.Rows()
	for i := range rows {
		row := &rows[i]
		p := provision{
			row:     row,
			params:  slices.Repeat([]api.ValueType{api.ValueTypeI32}, row.NumParams()),
			results: []api.ValueType{api.ValueTypeI32},
			text:    row.String(),
		}
		if row.Shared {
			if p.own = own[row.Name].own; p.own == nil {
				return nil, fmt.Errorf("wazero has no %s; use the wazero of go.mod", row.Name)
			}
		}
		all[row.Name] = append(all[row.Name], p)
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

// function is what the guest calls. It is here that a guest to be stopped ends.
func (g *guest) function(p provision) api.GoModuleFunction {
	if p.row == nil {
		return api.GoModuleFunc(func(ctx context.Context, module api.Module, stack []uint64) {
			g.checkStopped()
			collectIfDue()
			p.own.Call(ctx, module, stack)
		})
	}
	n := len(p.params)
	return api.GoModuleFunc(func(ctx context.Context, module api.Module, stack []uint64) {
		g.checkStopped()
		collectIfDue()
		g.memory.module = module
		errno := p.row.Call(ctx, &g.memory, stack[:n])
		if errno == system.FallThrough && p.own != nil {
			p.own.Call(ctx, module, stack)
		} else {
			stack[0] = uint64(errno)
		}
		g.checkStopped()
	})
}
