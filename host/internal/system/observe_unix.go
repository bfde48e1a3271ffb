//go:build linux || darwin

package system

import (
	"context"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// observed is call, telling Config.Calls of each call that does not fall through;
// without Calls it is call itself.
func (g *guest) observed(f sockabi.Function, call Func) Func {
	if g.calls == nil {
		return call
	}
	return func(ctx context.Context, mem Memory, args []uint64) sockabi.Errno {
		began := time.Now()
		errno := call(ctx, mem, args)
		if errno != FallThrough {
			g.calls(f.Name, errno, time.Since(began))
		}
		return errno
	}
}
