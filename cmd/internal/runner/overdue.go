package runner

import (
	"context"
	"errors"
	"time"

	"github.com/wasisock/wasisock/host"
)

// An endingModule tells when a guest is to end, and why.
type endingModule struct {
	host.Module
	ends func(cause error)
}

func (m endingModule) Start(ctx context.Context, c *host.Cmd) (host.Guest, error) {
	context.AfterFunc(ctx, func() { m.ends(context.Cause(ctx)) })
	return m.Module.Start(ctx, c)
}

// watchEnd has a guest looked after that is to end, and takes long.
func (f *fleet) watchEnd(p *place, cmd *host.Cmd) {
	cmd.Module = endingModule{cmd.Module, func(cause error) {
		time.AfterFunc(stopTime, func() {
			f.post(func() {
				if p.cmd == cmd && f.running[p] && f.signal == nil {
					f.overdue(p, cause)
				}
			})
		})
	}}
}

// overdue gives up a guest that should have ended. Nothing but the end of the process
// ends it: so that comes at once if no other serves.
func (f *fleet) overdue(p *place, cause error) {
	f.tellOverdue(p.cmd.Stop())
	switch p.crew {
	case f.current:
		f.fail(f.exitCode(cause))
		f.stuck = true
		return
	case f.next:
		f.drop("does not end")
	}
	delete(f.running, p)
}

func (f *fleet) tellOverdue(err error) {
	why := "it is in a call that does not return, such as a write to a full pipe"
	if errors.Is(err, host.ErrNotInterruptible) {
		why = "it computes, and cannot be interrupted without --interruptible"
	}
	f.say("%s goes on until wasisock ends: %s", f.name, why)
}
