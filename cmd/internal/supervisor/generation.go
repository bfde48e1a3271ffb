package supervisor

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/report"
	"github.com/wasisock/wasisock/host"
)

// A generation is the guests of one module: one in each instance.
type generation struct {
	module    host.Module
	guest     host.Cmd // what each of them is made from
	instances []*instance
	guests    sync.WaitGroup
	limit     *time.Timer // of the trial
}

// An instance is where one guest runs, and then the next.
type instance struct {
	voice      // that names the instance
	generation *generation
	cmd        *host.Cmd
	began      time.Time
	activity   activity  // as it was last seen,
	acted      time.Time // and when the guest was last seen to call or wait
	listens    bool
	released   bool
	decides    bool // was released by a signal, which it handles
	early      bool // was released before it listened, where another listens
	backoff    backoff
}

func (s *supervisor) newGeneration(m host.Module) *generation {
	g := &generation{module: m, guest: s.Guest}
	g.guest.Module = m
	for n := range max(1, s.Instances) {
		g.instances = append(g.instances, &instance{voice: voice{s.Log.With("instance", n+1)}, generation: g})
	}
	return g
}

func (g *generation) close() {
	g.guests.Wait()
	g.module.Close()
}

// start begins to run a guest. If there is none, it is as though it ended at once.
func (s *supervisor) start(i *instance) {
	cmd := i.generation.guest
	cmd.OnListen = func(a net.Addr) {
		if stream(a) {
			s.post(func() { s.listening(i) })
		}
	}
	cmd.Policy = s.reported(cmd.Policy, i.warn)
	cmd.OnLimit = s.limits.Watch(func(what string) { i.warn("%s is at its limit: %s", s.File, what) })
	finish := s.logGuest(i, &cmd)
	cmd.OnStop = func(cause error) { s.stopped(i, &cmd, cause) }
	*i = instance{voice: i.voice, generation: i.generation, cmd: &cmd, began: time.Now(), acted: time.Now(), backoff: i.backoff}
	i.generation.guests.Add(1)
	s.running[i] = true
	err := cmd.Start(s.ctx)
	go func() {
		if err == nil {
			err = cmd.Wait()
		}
		finish()
		i.generation.guests.Done()
		s.post(func() { s.ended(i, &cmd, err) })
	}()
}

// logGuest has what a guest prints logged, with LogGuest. finish is for when it has ended.
func (s *supervisor) logGuest(i *instance, cmd *host.Cmd) (finish func()) {
	if !s.LogGuest {
		return func() {}
	}
	stdout := report.NewLines(i.log.With("stream", "stdout"))
	stderr := report.NewLines(i.log.With("stream", "stderr"))
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return func() { stdout.Close(); stderr.Close() }
}

func stream(a net.Addr) bool { return slices.Contains([]string{"tcp", "unix"}, a.Network()) }

// ended decides what follows a guest.
func (s *supervisor) ended(i *instance, cmd *host.Cmd, err error) {
	if s.abandoned[cmd] {
		delete(s.abandoned, cmd)
		return
	}
	delete(s.running, i)
	s.tellCut(i, cmd, err)
	switch {
	case errors.Is(err, host.ErrNotInterruptible): // another guest computes, and all wait for it
		s.fail(s.exitCode(i.voice, err))
		s.stuck = true
	case s.signal != nil && i.early && errors.Is(err, host.ErrStopped):
	case s.signal != nil && errors.Is(err, host.ErrStopped):
		s.fail(exitCodeOf(s.signal))
	case s.signal != nil && (i.decides || !byItself(err)):
		s.fail(s.exitCode(i.voice, err))
	case s.signal != nil:
	case i.generation == s.next:
		s.report(i.voice, err)
		s.drop("ended")
	case i.generation != s.current && i.decides && errors.Is(err, host.ErrStopped):
		i.warn("%s: the old one did not end within %v of SIGTERM, and was stopped", s.name, s.Grace)
	case i.generation != s.current:
		s.report(i.voice, err)
	case s.Restart.after(err):
		s.restart(i, err)
	default:
		s.fail(s.exitCode(i.voice, err))
	}
}

// tellCut reports connections that a guest had not answered to their ends when it was to
// end. One that ended by itself after a signal that it handles has chosen so.
func (s *supervisor) tellCut(i *instance, cmd *host.Cmd, err error) {
	if n := cmd.Stats().Connections; n > 0 && i.released && (!i.decides || errors.Is(err, host.ErrStopped)) {
		i.warn("%s ended with %s open", s.name, connections(n))
	}
}

func connections(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", n)
}

func (s *supervisor) fail(code int) {
	if s.code == 0 {
		s.code = code
	}
}

// byItself is whether a guest ended so, with whatever code: a program whose listener has
// come to its end often calls that a failure.
func byItself(err error) bool {
	var exit *host.ExitError
	return err == nil || errors.As(err, &exit)
}

// listens reports whether an instance that runs listens.
func (s *supervisor) listens() bool {
	for i := range s.running {
		if i.listens {
			return true
		}
	}
	return false
}

// report logs that an instance ended while the command goes on.
func (s *supervisor) report(v voice, err error) {
	switch {
	case errors.Is(err, host.ErrStopped):
	case byItself(err):
		v.say("%s ended with exit code %d", s.name, s.exitCode(v, err))
	default:
		s.exitCode(v, err)
	}
}

func (s *supervisor) restart(i *instance, err error) {
	wait := i.backoff.after(time.Since(i.began))
	s.report(i.voice, err)
	i.say("%s starts again in %v", s.name, wait)
	s.pending++
	time.AfterFunc(wait, func() {
		s.post(func() {
			s.pending--
			if s.signal != nil || i.generation != s.current {
				return
			}
			s.restarted(err)
			s.start(i)
		})
	})
}

func (s *supervisor) restarted(before error) {
	if s.Restarted != nil {
		s.Restarted(before)
	}
}
