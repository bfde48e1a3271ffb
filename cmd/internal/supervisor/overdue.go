package supervisor

import (
	"errors"
	"time"

	"github.com/wasisock/wasisock/host"
)

// stopped is called when a guest is stopped for cause. If the guest still runs after stopTime, it
// is overdue.
func (s *supervisor) stopped(i *instance, cmd *host.Cmd, cause error) {
	time.AfterFunc(stopTime, func() {
		s.post(func() {
			if i.cmd == cmd && s.running[i] && s.signal == nil {
				s.overdue(i, cause)
			}
		})
	})
}

// overdue gives up a guest that was stopped and has not ended. A guest that computes ends only
// with the process: if it is one of the current module, run returns at once. A guest in a call
// that does not return is abandoned: it harms no other guest, and its code does not go on.
func (s *supervisor) overdue(i *instance, cause error) {
	computes := s.tellOverdue(i.voice, i.cmd.Stop())
	switch {
	case i.generation == s.current && computes:
		s.fail(s.exitCode(i.voice, cause))
		s.stuck = true
		return
	case i.generation == s.next:
		s.drop("does not end")
	}
	delete(s.running, i)
	s.abandoned[i.cmd] = true
	if computes {
		return
	}
	if s.Abandoned != nil {
		s.Abandoned()
	}
	if i.generation == s.current {
		s.follow(i, cause)
	}
}

// follow starts a guest after one that was abandoned, if Restart asks for it. The resources of
// abandoned guests are not freed: if more guests are abandoned than instances run, none follows.
func (s *supervisor) follow(i *instance, cause error) {
	switch {
	case !s.Restart.after(cause):
	case len(s.abandoned) <= max(1, s.Instances):
		s.restart(i, cause)
		return
	default:
		i.warn("%s does not start again: %d are in calls that do not return", s.name, len(s.abandoned))
	}
	s.fail(s.exitCode(i.voice, cause))
}

// tellOverdue warns that a guest does not end, and why. computes reports whether it computes. err
// is that of host.Cmd.Stop.
func (s *supervisor) tellOverdue(v voice, err error) (computes bool) {
	why := "it is in a call that does not return, such as a write to a terminal that shows nothing"
	if computes = errors.Is(err, host.ErrNotInterruptible); computes {
		why = "it computes, and cannot be interrupted without --interruptible"
	}
	v.warn("%s goes on until wasisock ends: %s", s.name, why)
	return computes
}
