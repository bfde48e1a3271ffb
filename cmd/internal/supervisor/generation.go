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

// A generation holds the guests of one module: one in each instance.
type generation struct {
	module    host.Module
	guest     host.Cmd // copied for each guest
	instances []*instance
	guests    sync.WaitGroup
	limit     *time.Timer // ends the trial
}

// An instance is a place in which one guest runs at a time, and after it the next.
type instance struct {
	voice      // its messages name the instance
	number     int
	generation *generation
	cmd        *host.Cmd
	began      time.Time
	activity   activity  // when it was last looked at
	acted      time.Time // when the guest was last seen to call or to wait
	listens    bool
	released   bool
	decides    bool // it was released with a signal, which it handles
	early      bool // it was released before it listened, while another listened
	backoff    backoff
}

func (s *supervisor) newGeneration(m host.Module) *generation {
	g := &generation{module: m, guest: s.Guest}
	g.guest.Module = m
	for n := range max(1, s.Instances) {
		g.instances = append(g.instances, &instance{voice: voice{s.Log.With("instance", n+1)}, number: n + 1, generation: g})
	}
	return g
}

func (g *generation) close() {
	g.guests.Wait()
	g.module.Close()
}

// start starts a guest in i. If that fails, the guest counts as one that ended with the error.
func (s *supervisor) start(i *instance) {
	cmd := i.generation.guest
	cmd.OnListen = func(a net.Addr) {
		if stream(a) {
			s.post(func() { s.listening(i) })
		}
	}
	cmd.Policy = s.reported(cmd.Policy, i.warn)
	cmd.OnLimit = s.limits.Watch(func(what string) { i.warn("%s is at its limit: %s", s.File, what) })
	logged, ended := s.logGuest(i, &cmd), func() {}
	if s.Prepare != nil {
		ended = s.Prepare(&cmd, i.number)
	}
	cmd.OnStop = func(cause error) { s.stopped(i, &cmd, cause) }
	*i = instance{voice: i.voice, number: i.number, generation: i.generation, cmd: &cmd, began: time.Now(), acted: time.Now(), backoff: i.backoff}
	i.generation.guests.Add(1)
	s.running[i] = true
	err := cmd.Start(s.ctx)
	go func() {
		if err == nil {
			err = cmd.Wait()
		}
		logged()
		ended()
		i.generation.guests.Done()
		s.post(func() { s.ended(i, &cmd, err) })
	}()
}

// logGuest makes the output of a guest log messages, with LogGuest. finish logs a last incomplete
// line, and must be called when the guest has ended.
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

// ended handles a guest that ended with err: it starts the next guest, sets the exit code, or
// ends a trial.
func (s *supervisor) ended(i *instance, cmd *host.Cmd, err error) {
	if s.abandoned[cmd] {
		delete(s.abandoned, cmd)
		return
	}
	delete(s.running, i)
	s.tellCut(i, cmd, err)
	switch {
	case errors.Is(err, host.ErrNotInterruptible): // another guest computes, and this one waits for it
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

// tellCut warns of connections that were open when a released guest ended. It does not warn of
// those of a guest that handled the signal and ended by itself.
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

// fail sets the exit code, unless an earlier failure has set it.
func (s *supervisor) fail(code int) {
	if s.code == 0 {
		s.code = code
	}
}

// byItself reports whether a guest exited by itself, with any exit code: programs whose listener
// is closed often exit with 1.
func byItself(err error) bool {
	var exit *host.ExitError
	return err == nil || errors.As(err, &exit)
}

// listens reports whether a running instance listens.
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
