package wazero

import (
	"context"
	"maps"
	"slices"

	"github.com/tetratelabs/wazero/api"

	"github.com/wasisock/wasisock/host/internal/inspect"
	"github.com/wasisock/wasisock/host/internal/wasi"
	"github.com/wasisock/wasisock/sockabi"
)

// link makes the host module that guests import from, with what they import and no more.
func (m *module) link(ctx context.Context) (err error) {
	imports := m.compiled.ImportedFunctions()
	exports := inspect.Exports{
		Functions: map[string]inspect.Signature{},
		Memories:  slices.Collect(maps.Keys(m.compiled.ExportedMemories())),
	}
	for name, f := range m.compiled.ExportedFunctions() {
		exports.Functions[name] = inspect.NewSignature(f.ParamTypes(), f.ResultTypes())
	}
	check := inspect.CheckCommand
	if m.library {
		check = inspect.CheckLibrary
	}
	if err := check(exports, len(imports)); err != nil {
		return err
	}
	if m.imports, err = wasi.NewFunctions(ctx, m.runtime); err != nil {
		return err
	}
	var wanted []wasi.Import
	for _, f := range imports {
		module, name, _ := f.Import()
		wanted = append(wanted, wasi.Import{Module: module, Name: name, Params: f.ParamTypes(), Results: f.ResultTypes()})
	}
	chosen, err := m.imports.Choose(wanted)
	if err != nil {
		return err
	}
	builder := m.runtime.NewHostModuleBuilder(sockabi.Module)
	for name, f := range chosen {
		builder.NewFunctionBuilder().
			WithGoModuleFunction(function(f), f.Params, f.Results).
			Export(name)
	}
	_, err = builder.Instantiate(ctx)
	return err
}

// function implements an imported function of a guest.
func function(f wasi.Function) api.GoModuleFunction {
	return api.GoModuleFunc(func(ctx context.Context, module api.Module, stack []uint64) {
		g := guestOf(ctx)
		ticks := g.sampler.ticks.Load()
		f.Call(ctx, g.Guest, module, stack)
		g.sampler.forget(ticks)
	})
}
