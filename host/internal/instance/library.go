package instance

import (
	"context"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/inspect"
	"github.com/wasisock/wasisock/host/internal/wasi"
)

// A request is one call of Call, and a reply its result.
type request struct {
	name  string
	args  []uint64
	reply chan reply
}

type reply struct {
	results []uint64
	err     error
}

// Library makes g a library, whose functions are called: the run of Start must call Serve.
func (g *Instance) Library() { g.requests = make(chan request) }

// Serve serves calls, one after the other, until one ends the guest, whose error it returns, or the
// guest is stopped. find returns the function with a name and a number of parameters, or an error.
func (g *Instance) Serve(find func(name string, params int) (func(args []uint64) ([]uint64, error), error)) error {
	for {
		select {
		case <-g.Ending():
			return wasi.ErrStopped
		case r := <-g.requests:
			f, err := find(r.name, len(r.args))
			if err != nil {
				r.reply <- reply{err: err}
				continue
			}
			results, err := f(r.args)
			if err != nil {
				return err
			}
			r.reply <- reply{results: results}
		}
	}
}

// Call implements Cmd.Call.
func (g *Instance) Call(ctx context.Context, name string, args []uint64) ([]uint64, error) {
	if g.requests == nil {
		return nil, inspect.Unusable("it is a program, and only functions of libraries can be called; compile it as one")
	}
	r := request{name, args, make(chan reply, 1)}
	select {
	case g.requests <- r:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-g.done:
		return nil, host.ErrEnded
	}
	select {
	case a := <-r.reply:
		return a.results, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-g.done:
	}
	select {
	case a := <-r.reply:
		return a.results, a.err
	default:
		return nil, host.ErrEnded
	}
}
