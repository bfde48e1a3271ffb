package supervisor

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/host"
)

// stopTime is how long stopped guests may take to end. After one signal, the command must exit
// within a second if no guest shuts down.
const stopTime = 700 * time.Millisecond

// A supervisor holds the guests that run now, and decides what happens to them next. Only the
// goroutine of run uses its fields; others post functions to it.
type supervisor struct {
	*Command
	name   string          // the guest's name in messages
	ctx    context.Context // stops all guests at once when it is done
	posted chan func()
	over   chan struct{} // closed when run has returned

	current   *generation // nil until the first module is compiled
	next      *generation // on trial, or nil
	loading   bool
	again     bool // load another module after this one
	rereads   bool // and read the settings before
	running   map[*instance]bool
	abandoned map[*host.Cmd]bool // guests that were stopped and have not ended
	pending   int                // instances whose next guest starts after a backoff
	stuck     bool               // run returns although a guest goes on, which cannot be stopped
	draining  os.Signal          // the first signal, after which DrainDelay begins, or nil
	signal    os.Signal          // the signal for which all guests shut down now, or nil
	code      int                // the exit code of the first failure, or 0
}

func newSupervisor(c *Command) *supervisor {
	return &supervisor{
		Command: c, name: filepath.Base(c.File),
		posted: make(chan func()), over: make(chan struct{}), running: map[*instance]bool{},
		abandoned: map[*host.Cmd]bool{},
	}
}

// post makes the goroutine of run call do. It returns without a call once run has returned.
func (s *supervisor) post(do func()) {
	select {
	case s.posted <- do:
	case <-s.over:
	}
}

// run runs guests and returns the exit code. It returns when the last guest has ended, when the
// time after a signal is over, and at once after a second signal.
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

// works reports whether a guest runs or another one will follow.
func (s *supervisor) works() bool {
	return !s.stuck && (len(s.running) > 0 || s.signal == nil && (s.pending > 0 || s.loading && s.current == nil))
}

// disband closes the modules. It does not wait for guests that have not ended.
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

// drain handles the first signal that ends guests. It returns how long guests go on as before: 0
// after SIGQUIT, without a DrainDelay, and before the first module is compiled.
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

// end closes the command's own listeners, makes all guests shut down for sig, and returns how
// long that may take.
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

// open returns the number of open connections that the guests have accepted.
func (s *supervisor) open() (n int) {
	for i := range s.running {
		n += i.cmd.Stats().Connections
	}
	return n
}

// pass sends sig to the guests that handle it.
func (s *supervisor) pass(sig os.Signal) {
	for i := range s.running {
		i.cmd.Signal(sig)
	}
}

// release makes the guests of g end, each within Grace. A guest that handles sig gets it. Another
// one that listens shuts down, unless Abrupt is set. All others stop at once.
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

// hasTerminal reports whether this process has a terminal. A terminal that is closed sends SIGHUP
// too, which must not load the guest again.
func hasTerminal() bool {
	f, err := os.Open("/dev/tty")
	if err == nil {
		f.Close()
	}
	return err == nil
}

func exitCodeOf(sig os.Signal) int { return ExitSignal + int(sig.(syscall.Signal)) }
