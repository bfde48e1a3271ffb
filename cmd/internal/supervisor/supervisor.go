package supervisor

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/host"
)

// stopTime is how long guests may take to end that were stopped. After one signal, the
// whole must be over within a second if there is nothing to wait for.
const stopTime = 700 * time.Millisecond

// A supervisor holds the guests that run now, and what happens to them next. One goroutine
// alone, that of run, knows and decides; others post to it what has happened.
type supervisor struct {
	*Command
	name   string          // of the guest, in messages
	ctx    context.Context // at its end all guests end at once
	posted chan func()
	over   chan struct{} // closed when run has returned

	current   *generation // nil until the first module is compiled
	next      *generation // on trial, or nil
	loading   bool
	again     bool // another module must be loaded after that
	rereads   bool // and the settings must be read before
	running   map[*instance]bool
	abandoned map[*host.Cmd]bool // guests that should have ended and have not
	pending   int                // instances whose next guest is due later
	stuck     bool               // a guest goes on that is over, and nothing is to follow
	draining  os.Signal          // that all are to end for after DrainDelay, or nil
	signal    os.Signal          // that all end for, or nil
	code      int                // of the first failure
}

func newSupervisor(c *Command) *supervisor {
	return &supervisor{
		Command: c, name: filepath.Base(c.File),
		posted: make(chan func()), over: make(chan struct{}), running: map[*instance]bool{},
		abandoned: map[*host.Cmd]bool{},
	}
}

// post lets the goroutine of run do it, unless all is over.
func (s *supervisor) post(do func()) {
	select {
	case s.posted <- do:
	case <-s.over:
	}
}

// run ends with the last guest, soon after a signal, and at once after two.
func (s *supervisor) run(signals <-chan os.Signal) int {
	ctx, cancel := context.WithCancel(context.Background())
	s.ctx = ctx
	defer s.disband()
	defer cancel()
	defer close(s.over)

	if s.Watch {
		s.watch()
	}
	s.load(false)
	had := hasTerminal()
	var drained, late, looks <-chan time.Time
	if s.Monitor != nil {
		const often = 4
		ticker := time.NewTicker(max(s.Monitor.LiveAfter/often, time.Millisecond))
		defer ticker.Stop()
		looks = ticker.C
	}
	for s.works() {
		select {
		case do := <-s.posted:
			do()
		case sig := <-signals:
			switch {
			case sig == syscall.SIGHUP && had == hasTerminal() && len(s.Guest.Listeners) > 0:
				s.load(true)
			case !ends(sig) && (sig != syscall.SIGHUP || had == hasTerminal()):
				s.pass(sig)
			case s.draining != nil || s.signal != nil:
				return exitCodeOf(sig)
			default:
				if delay := s.drain(sig); delay > 0 {
					drained = time.After(delay)
				} else {
					late = time.After(s.end(sig))
				}
			}
		case <-looks:
			s.watchCalls()
		case <-drained:
			late = time.After(s.end(s.draining))
		case <-late:
			for i := range s.running {
				if err := i.cmd.Stop(); err != nil {
					s.tellOverdue(i.voice, err)
					break
				}
			}
			return exitCodeOf(s.signal)
		}
	}
	return s.code
}

func (s *supervisor) works() bool {
	return !s.stuck && (len(s.running) > 0 || s.signal == nil && (s.pending > 0 || s.loading && s.current == nil))
}

// disband closes modules, as soon as their guests let it.
func (s *supervisor) disband() {
	for _, g := range []*generation{s.current, s.next} {
		switch {
		case g == nil:
		case len(s.running)+len(s.abandoned) > 0:
			go g.close()
		default:
			g.close()
		}
	}
}

// drain begins the end, and returns how long all goes on before.
func (s *supervisor) drain(sig os.Signal) time.Duration {
	s.draining = sig
	if s.OnStopping != nil {
		s.OnStopping()
	}
	if s.DrainDelay == 0 || s.current == nil || sig == syscall.SIGQUIT {
		return 0
	}
	s.say("%s goes on for %v before it shuts down; another signal ends it at once", s.name, s.DrainDelay)
	return s.DrainDelay
}

// end makes all guests end, and reports how long that may take.
func (s *supervisor) end(sig os.Signal) time.Duration {
	s.signal = sig
	if len(s.running) == 0 {
		s.fail(exitCodeOf(sig))
	}
	for _, l := range s.Own {
		for i := range s.running {
			i.cmd.Release(l)
		}
		l.Close()
	}
	within := stopTime
	for i := range s.running {
		s.release(i.generation, sig)
		if i.decides || i.listens && !s.Abrupt {
			within = s.Grace + stopTime
		}
	}
	if within > time.Second {
		time.AfterFunc(time.Second, func() {
			s.post(func() {
				s.say("%s is shutting down, for %v at most, with %s open; another signal ends it at once", s.name, s.Grace, connections(s.open()))
			})
		})
	}
	return within
}

// open is how many connections the guests have accepted that are open.
func (s *supervisor) open() (n int) {
	for i := range s.running {
		n += i.cmd.Stats().Connections
	}
	return n
}

// pass gives a signal that ends nothing to the guests that handle it.
func (s *supervisor) pass(sig os.Signal) {
	for i := range s.running {
		i.cmd.Signal(sig)
	}
}

// release makes guests end: those that handle the signal as they like, and those that
// listen once they have answered what they were asked.
func (s *supervisor) release(g *generation, sig os.Signal) {
	for _, i := range g.instances {
		switch {
		case !s.running[i] || i.released:
			continue
		case s.Grace > 0 && i.cmd.Signal(sig) == nil:
			i.decides = true
			cmd := i.cmd
			time.AfterFunc(s.Grace, func() { cmd.Stop() })
		case s.Grace > 0 && i.listens && !s.Abrupt:
			ctx, cancel := context.WithTimeout(s.ctx, s.Grace)
			go func(cmd *host.Cmd) {
				defer cancel()
				cmd.Shutdown(ctx)
			}(i.cmd)
		default:
			i.early = !i.listens && s.listens()
			i.cmd.Stop()
		}
		i.released = true
	}
}

// hasTerminal is whether somebody sits there. When they have gone, that is a SIGHUP too.
func hasTerminal() bool {
	f, err := os.Open("/dev/tty")
	if err == nil {
		f.Close()
	}
	return err == nil
}

func exitCodeOf(sig os.Signal) int { return ExitSignal + int(sig.(syscall.Signal)) }
