package wazero

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/preview1"
)

// A guest is one run of a module.
type guest struct {
	*preview1.Guest
	*module
	pages    allocator
	computes atomic.Bool // and is in no call
}

// guestKey is that of the guest in the context of its calls.
type guestKey struct{}

func guestOf(ctx context.Context) *guest { return ctx.Value(guestKey{}).(*guest) }

// Start prepares the guest here, and runs it on a goroutine of its own.
func (m *module) Start(ctx context.Context, c *host.Cmd) (host.Guest, error) {
	g := &guest{module: m, pages: allocator{limit: c.Limits.Memory}}
	var err error
	if g.Guest, err = m.imports.NewGuest(c, g.pages.size.Load); err != nil {
		return nil, err
	}
	g.Guest.Start(ctx, g.run)
	return g.Guest, nil
}

func (g *guest) run(ctx context.Context) error {
	if g.alone > 0 {
		defer g.join()()
	}
	calls := context.WithValue(ctx, guestKey{}, g)
	instance, err := g.instantiate(calls)
	if err != nil {
		if ctx.Err() != nil {
			return preview1.ErrStopped
		}
		return err
	}
	g.computes.Store(true)
	_, err = instance.ExportedFunction("_start").Call(calls)
	var exit *sys.ExitError
	switch {
	case err == nil, errors.Is(err, preview1.ErrStopped), errors.As(err, &exit):
		return err
	case strings.Contains(err.Error(), "(recovered by wazero)\n"): // a panic of the host's
		return err
	}
	return &host.TrapError{Text: err.Error()}
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
	instance, err = g.runtime.InstantiateModule(experimental.WithMemoryAllocator(ctx, &g.pages), g.compiled, g.Config())
	if err == nil {
		g.OnEnd(func() { instance.Close(context.Background()) })
	}
	var exit *sys.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, preview1.ErrStopped) {
		err = preview1.Unusable("it does not start: %s; ask whoever built it", firstLine(err))
	}
	return instance, err
}
