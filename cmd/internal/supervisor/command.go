// Package supervisor runs the guests of one command: with signals, exit codes, restarts, new
// versions, and messages that say what to do. A supervisor has generations, one for each
// version of the module, and these have instances, in each of which one guest runs at a time.
package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/child"
	"github.com/wasisock/wasisock/cmd/internal/confine"
	"github.com/wasisock/wasisock/cmd/internal/engine"
	"github.com/wasisock/wasisock/cmd/internal/report"
	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/printable"
)

// Exit codes that are not the guest's own, as shells and container tools use them.
const (
	ExitLimit    = 124 // the guest had used up its time
	ExitFailed   = 125 // the command itself failed
	ExitUnusable = 126 // the file is not a guest that can run
	ExitNotFound = 127 // there is no such file
	ExitSignal   = 128 // and the number of the signal that ended the guest
	ExitTrapped  = ExitSignal + int(syscall.SIGABRT)
)

// A Command is one run of a guest.
type Command struct {
	File   string // the guest's module
	Guest  host.Cmd
	Engine engine.Engine
	Log    *slog.Logger

	// LogGuest logs what guests print, line by line, in place of Guest.Stdout and Guest.Stderr.
	LogGuest bool

	// Learn prints at the end the rules that the run needed.
	Learn bool

	Instances int // number of guests that run at once; 0 means 1

	Restart Restart // when another guest follows one that ended

	// Grace is how long a guest may go on after a signal, or when it is replaced, if it handles
	// the signal or, unless Abrupt is set, listens. 0 stops every guest at once.
	Grace  time.Duration
	Abrupt bool

	// DrainDelay is how long guests go on as before after the first SIGINT or SIGTERM, so that
	// load balancers learn to send connections elsewhere. Grace begins after it.
	DrainDelay time.Duration

	// Own holds the listeners of Guest.Listeners that belong to this process alone. They are
	// closed when all guests shut down, and then refuse connections.
	Own []net.Listener

	// Observe, if not nil, returns the module that runs in place of the compiled one.
	Observe func(host.Module) host.Module

	// Watch loads the file again when it has changed, as SIGHUP does. The guest must have
	// Listeners: the new guest listens there, and then the old one ends.
	Watch bool

	// Rebuild, if not nil, builds the file again before it is loaded again.
	Rebuild func() error

	// Reread, if not nil, is called after SIGHUP, before the file is loaded again. It returns a
	// function that changes the command for the guests of the new module: Restart, Grace,
	// DrainDelay, and of Guest the Args, Env, Limits and Policy.
	Reread func() (change func(*Command), err error)

	// Restarted, if not nil, is called for each guest that runs in place of another. before is
	// the error with which the other ended, or host.ErrStopped if the new guest replaces it.
	Restarted func(before error)

	// Abandoned, if not nil, is called for each guest that was stopped, but stays in a call that
	// does not return.
	Abandoned func()

	// Prepare, if not nil, is called with each guest before it starts, and may change it. instance
	// is its number, from 1. ended is called when the guest has ended.
	Prepare func(guest *host.Cmd, instance int) (ended func())

	// Monitor, if not nil, reports the state of the guests.
	Monitor *Monitor

	// OnReady, if not nil, is called when every instance listens for the first time.
	OnReady func()

	// OnStopping, if not nil, is called after the first signal that ends guests, before
	// DrainDelay.
	OnStopping func()

	better   func()                                    // for Engine.Compile
	reported func(host.Policy, report.Say) host.Policy // returns a policy that reports what it refuses
	limits   *report.Limits
	voice    // without an instance

	// Remedy returns a sentence that says how to give the guest a rule that it lacks.
	Remedy func(rule string) string

	// Advise, if not nil, returns a remedy that is better than a rule, or "".
	Advise func(host.Request) string

	withoutSockets bool // the guest imports some functions of sockets, and none that opens one
}

// Run runs the guest, logs errors, and returns the exit code. The caller must exit at once: after
// a signal, a guest that computes may still run.
func (c Command) Run() int {
	child.ReapOrphans()
	refusals := report.Refusals{Remedy: c.remedy}
	defer refusals.End()
	c.reported = refusals.Watch
	if c.Learn {
		lessons := report.NewLessons()
		c.reported = func(policy host.Policy, say report.Say) host.Policy {
			return lessons.Watch(refusals.Watch(policy, say))
		}
		log := c.Log
		defer func() { log.Info(printable.Text(strings.Join(lessons.Lines(), "\n"), maxLessons, "\n")) }()
	}
	signals := make(chan os.Signal, 8)
	for _, s := range heeded {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	defer signal.Stop(signals)
	c.limits, c.voice = new(report.Limits), voice{c.Log}
	s := newSupervisor(&c)
	if c.Monitor != nil {
		c.Monitor.running.Store(s)
	}
	c.better = func() {
		if len(c.Guest.Listeners) > 0 { // a faster guest can take them over
			s.post(func() { s.load(false) })
		}
	}
	return s.run(signals)
}

// remedy returns a sentence that says how to allow a refused request.
func (c *Command) remedy(r host.Request) string {
	if c.Advise != nil {
		if advice := c.Advise(r); advice != "" {
			return advice
		}
	}
	return c.Remedy(r.Rule())
}

// exitFatal is the exit code of Go programs whose runtime gives up, as in a deadlock.
const exitFatal = 2

// A fileError means that the guest's file cannot be read. Its code is the exit code.
type fileError struct {
	text string
	code int
}

func (e *fileError) Error() string { return e.text }

// compile reads and compiles the file. The error is a fileError if the file cannot be read.
func (c *Command) compile(ctx context.Context) (host.Module, error) {
	wasm, err := os.ReadFile(c.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &fileError{c.File + ": no such file; build the guest first, or correct the path", ExitNotFound}
	case err != nil:
		return nil, &fileError{confine.Explain(err).Error(), ExitUnusable}
	}
	c.withoutSockets = bytes.Contains(wasm, []byte("sock_accept")) && !bytes.Contains(wasm, []byte("sock_open"))
	guests := max(1, c.Instances)
	if len(c.Guest.Listeners) > 0 {
		guests *= 2 // the next guests run beside the old ones
	}
	module, err := c.Engine.Compile(ctx, wasm, guests, c.better)
	if err == nil && c.Observe != nil {
		module = c.Observe(module)
	}
	return module, err
}

// exitCode logs why the guest ended with err, unless it exited by itself, and returns the exit
// code of the process. That has 8 bits: it is 255 for a greater code of the guest, so that no
// failure becomes 0.
func (c *Command) exitCode(v voice, err error) int {
	var exit *host.ExitError
	var module *host.ModuleError
	var trap *host.TrapError
	var limit *host.LimitError
	var file *fileError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &file):
		v.complain("%v", file)
		return file.code
	case errors.As(err, &exit):
		if c.withoutSockets && exit.ExitCode == exitFatal {
			v.complain("%s imports no sockets, so its network leads nowhere; build it with wasisock build", c.File)
		}
		return int(min(uint32(exit.ExitCode), 255))
	case errors.As(err, &module):
		v.complain("%s: %v", c.File, module)
		return ExitUnusable
	case errors.As(err, &trap):
		v.complain("%s trapped: %v", c.File, trap)
		return ExitTrapped
	case errors.As(err, &limit):
		v.complain("%v", limit)
		return ExitLimit
	case errors.Is(err, errors.ErrUnsupported) && c.uses(engine.Wazero):
		v.complain("guests cannot run on this operating system; use Linux or macOS")
	default:
		v.complain("%v", confine.Explain(err))
	}
	return ExitFailed
}

func (c *Command) uses(kind engine.Kind) bool {
	chosen, _ := c.Engine.Choose()
	return chosen == kind
}

// maxLessons is the most bytes of the message of Learn.
const maxLessons = 1 << 19

// A voice logs messages, perhaps about one instance: say information, warn warnings and complain
// errors.
type voice struct{ log *slog.Logger }

func (v voice) say(format string, args ...any)      { v.print(slog.LevelInfo, format, args) }
func (v voice) warn(format string, args ...any)     { v.print(slog.LevelWarn, format, args) }
func (v voice) complain(format string, args ...any) { v.print(slog.LevelError, format, args) }

// print logs a message. It escapes and cuts the text, parts of which may come from the guest.
func (v voice) print(level slog.Level, format string, args []any) {
	v.log.Log(context.Background(), level, printable.Text(fmt.Sprintf(format, args...), printable.MaxLines, "\n\t"))
}
