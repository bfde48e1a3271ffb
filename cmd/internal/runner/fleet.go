package runner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/host"
)

// stopTime is how long guests may take to end that were stopped. After one signal, the
// whole must be over within a second if there is nothing to wait for.
const stopTime = 700 * time.Millisecond

// A fleet is the guests that run now, and what is to become of them. One goroutine
// alone, that of run, knows and decides; others post to it what has happened.
type fleet struct {
	*Command
	name   string          // of the guest, in messages
	ctx    context.Context // at its end all guests end at once
	posted chan func()
	over   chan struct{} // closed when run has returned

	current   *crew // nil until the first module is compiled
	next      *crew // on trial, or nil
	loading   bool
	again     bool // another module is to be loaded after that
	running   map[*place]bool
	abandoned map[*host.Cmd]bool // guests that should have ended and have not
	pending   int                // places whose next guest is due later
	stuck     bool               // a guest goes on that is over, and nothing is to follow
	signal    os.Signal          // that all end for, or nil
	code      int                // of the first failure
}

// A crew is the guests of one module: one in each place.
type crew struct {
	module host.Module
	places []*place
	guests sync.WaitGroup
	limit  *time.Timer // of the trial
}

// A place is where one guest runs, and then the next.
type place struct {
	crew     *crew
	cmd      *host.Cmd
	began    time.Time
	listens  bool
	released bool
	decides  bool // was released by a signal, which it handles
	backoff  backoff
}

func newFleet(c *Command) *fleet {
	return &fleet{
		Command: c, name: filepath.Base(c.File),
		posted: make(chan func()), over: make(chan struct{}), running: map[*place]bool{},
		abandoned: map[*host.Cmd]bool{},
	}
}

// post lets the goroutine of run do it, unless all is over.
func (f *fleet) post(do func()) {
	select {
	case f.posted <- do:
	case <-f.over:
	}
}

// run ends with the last guest, soon after a signal, and at once after two.
func (f *fleet) run(signals <-chan os.Signal) int {
	ctx, cancel := context.WithCancel(context.Background())
	f.ctx = ctx
	defer f.disband()
	defer cancel()
	defer close(f.over)

	if f.Watch {
		f.watch()
	}
	f.load()
	had := hasTerminal()
	var late <-chan time.Time
	for f.works() {
		select {
		case do := <-f.posted:
			do()
		case s := <-signals:
			switch {
			case s == syscall.SIGHUP && had == hasTerminal() && len(f.Guest.Listeners) > 0:
				f.load()
			case !ends(s) && (s != syscall.SIGHUP || had == hasTerminal()):
				f.pass(s)
			case f.signal != nil:
				return exitCodeOf(s)
			default:
				late = time.After(f.end(s))
			}
		case <-late:
			for p := range f.running {
				if err := p.cmd.Stop(); err != nil {
					f.tellOverdue(err)
					break
				}
			}
			return exitCodeOf(f.signal)
		}
	}
	return f.code
}

func (f *fleet) works() bool {
	return !f.stuck && (len(f.running) > 0 || f.signal == nil && (f.pending > 0 || f.loading && f.current == nil))
}

// disband closes modules, as soon as their guests let it.
func (f *fleet) disband() {
	for _, c := range []*crew{f.current, f.next} {
		switch {
		case c == nil:
		case len(f.running)+len(f.abandoned) > 0:
			go c.close()
		default:
			c.close()
		}
	}
}

func (f *fleet) newCrew(m host.Module) *crew {
	c := &crew{module: m}
	for range max(1, f.Instances) {
		c.places = append(c.places, &place{crew: c})
	}
	return c
}

func (c *crew) close() {
	c.guests.Wait()
	c.module.Close()
}

// start begins to run a guest. If there is none, it is as though it ended at once.
func (f *fleet) start(p *place) {
	cmd := f.Guest
	cmd.Module = p.crew.module
	cmd.OnListen = func(a net.Addr) {
		if stream(a) {
			f.post(func() { f.listening(p) })
		}
	}
	f.watchEnd(p, &cmd)
	p.cmd, p.began, p.listens, p.released, p.decides = &cmd, time.Now(), false, false, false
	p.crew.guests.Add(1)
	f.running[p] = true
	err := cmd.Start(f.ctx)
	go func() {
		if err == nil {
			err = cmd.Wait()
		}
		p.crew.guests.Done()
		f.post(func() { f.ended(p, &cmd, err) })
	}()
}

func stream(a net.Addr) bool { return slices.Contains([]string{"tcp", "unix"}, a.Network()) }

// ended decides what follows a guest.
func (f *fleet) ended(p *place, cmd *host.Cmd, err error) {
	if f.abandoned[cmd] {
		delete(f.abandoned, cmd)
		return
	}
	delete(f.running, p)
	f.tellCut(p, cmd, err)
	switch {
	case errors.Is(err, host.ErrNotInterruptible): // another guest computes, and all wait for it
		f.fail(f.exitCode(err))
		f.stuck = true
	case f.signal != nil && errors.Is(err, host.ErrStopped):
		f.fail(exitCodeOf(f.signal))
	case f.signal != nil && (p.decides || !byItself(err)):
		f.fail(f.exitCode(err))
	case f.signal != nil:
	case p.crew == f.next:
		f.tell(err)
		f.drop("ended")
	case p.crew != f.current && p.decides && errors.Is(err, host.ErrStopped):
		f.say("%s: the old one did not end within %v of SIGTERM, and was stopped", f.name, f.Grace)
	case p.crew != f.current:
		f.tell(err)
	case f.Restart.after(err):
		f.restart(p, err)
	default:
		f.fail(f.exitCode(err))
	}
}

// tellCut reports connections that a guest had not answered to their ends when it was to
// end. One that ended by itself after a signal that it handles has chosen so.
func (f *fleet) tellCut(p *place, cmd *host.Cmd, err error) {
	if n := cmd.Stats().Connections; n > 0 && p.released && (!p.decides || errors.Is(err, host.ErrStopped)) {
		f.say("%s ended with %s open", f.name, connections(n))
	}
}

func connections(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", n)
}

func (f *fleet) fail(code int) {
	if f.code == 0 {
		f.code = code
	}
}

// byItself is whether a guest ended so, with whatever code: a program whose listener has
// come to its end often calls that a failure.
func byItself(err error) bool {
	var exit *host.ExitError
	return err == nil || errors.As(err, &exit)
}

// tell tells of an end that is not the whole command's.
func (f *fleet) tell(err error) {
	switch {
	case errors.Is(err, host.ErrStopped):
	case byItself(err):
		f.say("%s ended with exit code %d", f.name, f.exitCode(err))
	default:
		f.exitCode(err)
	}
}

func (f *fleet) restart(p *place, err error) {
	wait := p.backoff.after(time.Since(p.began))
	f.tell(err)
	f.say("%s starts again in %v", f.name, wait)
	f.pending++
	time.AfterFunc(wait, func() {
		f.post(func() {
			f.pending--
			if f.signal != nil || p.crew != f.current {
				return
			}
			f.restarted(err)
			f.start(p)
		})
	})
}

func (f *fleet) restarted(before error) {
	if f.Restarted != nil {
		f.Restarted(before)
	}
}

// end makes all guests end, and tells how long that may take.
func (f *fleet) end(s os.Signal) time.Duration {
	f.signal = s
	if len(f.running) == 0 {
		f.fail(exitCodeOf(s))
	}
	for _, l := range f.Own {
		for p := range f.running {
			p.cmd.Release(l)
		}
		l.Close()
	}
	within := stopTime
	for p := range f.running {
		f.release(p.crew, s)
		if p.decides || p.listens && !f.Abrupt {
			within = f.Grace + stopTime
		}
	}
	if within > time.Second {
		time.AfterFunc(time.Second, func() {
			f.post(func() {
				f.say("%s is shutting down, for %v at most, with %s open; another signal ends it at once", f.name, f.Grace, connections(f.open()))
			})
		})
	}
	return within
}

// open is how many connections the guests have accepted that are open.
func (f *fleet) open() (n int) {
	for p := range f.running {
		n += p.cmd.Stats().Connections
	}
	return n
}

// pass gives a signal that ends nothing to the guests that handle it.
func (f *fleet) pass(s os.Signal) {
	for p := range f.running {
		p.cmd.Signal(s)
	}
}

// release makes guests end: those that handle the signal as they like, and those that
// listen once they have answered what they were asked.
func (f *fleet) release(c *crew, s os.Signal) {
	for _, p := range c.places {
		switch {
		case !f.running[p] || p.released:
			continue
		case f.Grace > 0 && p.cmd.Signal(s) == nil:
			p.decides = true
			cmd := p.cmd
			time.AfterFunc(f.Grace, func() { cmd.Stop() })
		case f.Grace > 0 && p.listens && !f.Abrupt:
			ctx, cancel := context.WithTimeout(f.ctx, f.Grace)
			go func(cmd *host.Cmd) {
				defer cancel()
				cmd.Shutdown(ctx)
			}(p.cmd)
		default:
			p.cmd.Stop()
		}
		p.released = true
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

func exitCodeOf(s os.Signal) int { return ExitSignal + int(s.(syscall.Signal)) }
