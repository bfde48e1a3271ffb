package wazero

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/inspect"
	"github.com/wasisock/wasisock/host/internal/instance"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/host/internal/wasi"
)

// A guest is one run of a module.
type guest struct {
	*instance.Instance
	*module
	pages   allocator
	sampler sampler
}

// guestKey is that of the guest in the context of its calls.
type guestKey struct{}

func guestOf(ctx context.Context) *guest { return ctx.Value(guestKey{}).(*guest) }

// Start prepares the guest here, and runs it on a goroutine of its own.
func (m *module) Start(ctx context.Context, c *host.Cmd) (host.Guest, error) {
	const element = 8 // bytes that wazero gives one
	limit, err := inspect.MemoryLimit(c.Limits.Memory, m.elements, element)
	if err != nil {
		return nil, err
	}
	g := &guest{module: m, pages: allocator{limit: limit}}
	if g.Instance, err = instance.New(m.imports, c, g.pages.size.Load, sockets.Streams{}); err != nil {
		return nil, err
	}
	g.OnCall(g.makeRoom)
	if m.library {
		g.Library()
	}
	if m.interruptible {
		g.Interruptible()
	}
	if err := g.Instance.Start(ctx, g.run); err != nil {
		return nil, err
	}
	return g.Instance, nil
}

func (g *guest) run(ctx context.Context) error {
	if g.alone > 0 {
		defer g.join()()
	}
	if g.profiled {
		defer g.sampler.run()()
	}
	calls := context.WithValue(ctx, guestKey{}, g)
	instance, err := g.instantiate(calls)
	if err != nil {
		if ctx.Err() != nil {
			return wasi.ErrStopped
		}
		return err
	}
	if g.library {
		err = g.serve(calls, instance)
	} else {
		_, err = g.call(calls, instance.ExportedFunction("_start"), nil)
	}
	var exit *sys.ExitError
	switch {
	case err == nil, errors.Is(err, wasi.ErrStopped), errors.As(err, &exit):
		return err
	case errors.Is(err, host.ErrNotInterruptible): // another guest
		return withoutTrace{err}
	case strings.Contains(err.Error(), "(recovered by wazero)\n"): // a panic of the host's
		return err
	}
	return inspect.Trap(err.Error())
}

// withoutTrace is an error of a call, without what wazero writes behind it.
type withoutTrace struct{ error }

func (e withoutTrace) Error() string {
	return strings.TrimSuffix(firstLine(e.error), " (recovered by wazero)")
}
func (e withoutTrace) Unwrap() error { return e.error }

func (g *guest) call(ctx context.Context, f api.Function, args []uint64) (results []uint64, err error) {
	err = g.Compute(func() (err error) {
		results, err = f.Call(ctx, args...)
		return err
	})
	return results, err
}

// serve initializes the guest, and calls what Cmd.Call asks for.
func (g *guest) serve(ctx context.Context, instance api.Module) error {
	if _, err := g.call(ctx, instance.ExportedFunction("_initialize"), nil); err != nil {
		return err
	}
	return g.Serve(func(name string, params int) (func([]uint64) ([]uint64, error), error) {
		f := instance.ExportedFunction(name)
		switch {
		case f == nil || name == "_initialize":
			return nil, fmt.Errorf("the guest exports no function %q", name)
		case len(f.Definition().ParamTypes()) != params:
			return nil, fmt.Errorf("the guest's %s is %s, and cannot take %d arguments", name,
				inspect.NewSignature(f.Definition().ParamTypes(), f.Definition().ResultTypes()), params)
		}
		return func(args []uint64) ([]uint64, error) { return g.call(ctx, f, args) }, nil
	})
}

// instantiate gives the guest its memory. A guest can end already here, if its
// module has a start function that exits.
func (g *guest) instantiate(ctx context.Context) (instance api.Module, err error) {
	g.OnEnd(g.pages.free)
	defer func() {
		if v := recover(); v != nil {
			if err = g.pages.failed; err == nil {
				panic(v)
			}
		}
	}()
	instantiate := func() (err error) {
		instance, err = g.runtime.InstantiateModule(experimental.WithMemoryAllocator(ctx, &g.pages), g.compiled, g.Config())
		return err
	}
	if g.start {
		err = g.Compute(instantiate)
	} else {
		err = instantiate()
	}
	if err == nil {
		g.OnEnd(func() { instance.Close(context.Background()) })
	}
	var exit *sys.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, wasi.ErrStopped) && !errors.Is(err, host.ErrNotInterruptible) {
		err = inspect.Unusable("it does not start: %s; ask whoever built it", firstLine(err))
	}
	return instance, err
}
