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

// overdue gives up a guest that should have ended. One that computes ends with the
// process alone: so that comes at once, if no other guest is to serve. One in a call that
// does not return is abandoned: it harms no other, and its code does not go on.
func (f *fleet) overdue(p *place, cause error) {
	computes := f.tellOverdue(p.cmd.Stop())
	switch {
	case p.crew == f.current && computes:
		f.fail(f.exitCode(cause))
		f.stuck = true
		return
	case p.crew == f.next:
		f.drop("does not end")
	}
	delete(f.running, p)
	f.abandoned[p.cmd] = true
	if computes {
		return
	}
	if f.Abandoned != nil {
		f.Abandoned()
	}
	if p.crew == f.current {
		f.follow(p, cause)
	}
}

// follow is restart after a guest that was abandoned. What abandoned guests have is not
// freed: so none follows when there are more of them than guests that are to run.
func (f *fleet) follow(p *place, cause error) {
	switch {
	case !f.Restart.after(cause):
	case len(f.abandoned) <= max(1, f.Instances):
		f.restart(p, cause)
		return
	default:
		f.say("%s does not start again: %d are in calls that do not return", f.name, len(f.abandoned))
	}
	f.fail(f.exitCode(cause))
}

// tellOverdue reports what a guest does that does not end. computes is whether that is to
// compute.
func (f *fleet) tellOverdue(err error) (computes bool) {
	why := "it is in a call that does not return, such as a write to a terminal that shows nothing"
	if computes = errors.Is(err, host.ErrNotInterruptible); computes {
		why = "it computes, and cannot be interrupted without --interruptible"
	}
	f.say("%s goes on until wasisock ends: %s", f.name, why)
	return computes
}
