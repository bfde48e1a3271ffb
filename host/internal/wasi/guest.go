// Package wasi implements the functions that guests of every engine import. Sockets and waiting
// are the rows of package shim. Files, clocks, arguments and random numbers are wazero's, whose
// functions can be called for guests that wazero does not run.
package wasi

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/rootfs"
	"github.com/wasisock/wasisock/host/internal/shim"
	"github.com/wasisock/wasisock/host/internal/sockets"
)

// A Guest is the state of the functions that a guest imports.
type Guest struct {
	Sockets *sockets.Guest

	rows   []shim.Row
	clock  func() int64
	memory memory
	config wazero.ModuleConfig
	stdio  stdio
	dirs   []*rootfs.FS
	files  files
	stop   chan struct{} // closed when the guest is stopped
	stage  stage
	onCall func()
}

// ErrStopped ends a guest from within one of its calls.
var ErrStopped = errors.New("the guest was stopped")

// NewGuest makes the files and sockets of a guest with the settings of c. The caller must call
// Close.
func (fs *Functions) NewGuest(c *host.Cmd, streams sockets.Streams) (*Guest, error) {
	began := time.Now()
	g := &Guest{
		clock:  func() int64 { return int64(time.Since(began)) },
		memory: memory{fdstat: fs.fdstat},
		stop:   make(chan struct{}),
	}
	if err := g.open(c, streams); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

func (g *Guest) open(c *host.Cmd, streams sockets.Streams) (err error) {
	g.Sockets, err = sockets.New(sockets.Config{
		Policy:     c.Policy,
		Limits:     c.Limits,
		OnListen:   c.OnListen,
		OnLimit:    c.OnLimit,
		OnLookup:   c.OnLookup,
		Dial:       c.Dial,
		Listeners:  c.Listeners,
		Preopen:    c.ListenFDs,
		Resolver:   c.Resolver,
		Nameserver: !c.NoNameserver,
		Stdin:      c.Stdin,
		Stdout:     c.Stdout,
		Stderr:     c.Stderr,
		FDStat:     g.memory.filetype,
		Nanotime:   g.clock,
		Faults:     c.Faults,
		Streams:    streams,
	})
	if err != nil {
		return fmt.Errorf("sockets: %w", err)
	}
	g.rows = shim.Rows(g.Sockets, shim.Watch{Calls: c.Calls, Trace: c.Trace})
	g.files.limit(c)
	if err := g.stdio.open(c.Stdin, c.Stdout, c.Stderr); err != nil {
		return fmt.Errorf("stdin: %w", err)
	}
	return g.configure(c)
}

func (g *Guest) configure(c *host.Cmd) error {
	config := wazero.NewModuleConfig().
		WithName("").
		WithStartFunctions().
		WithArgs(c.Args...).
		WithStdin(g.stdinOf(c.Stdin)).
		WithStdout(c.Stdout).
		WithStderr(c.Stderr).
		WithSysWalltime().
		WithNanotime(g.clock, 1).
		WithRandSource(rand.Reader)
	env := c.Env
	if c.ListenFDs {
		env = append(slices.Clone(env), fmt.Sprint("LISTEN_FDS=", len(c.Listeners)), "LISTEN_PID=3")
	}
	for _, v := range env {
		key, value, found := strings.Cut(v, "=")
		if !found || key == "" || strings.ContainsRune(v, 0) {
			return fmt.Errorf("the environment has %q; write KEY=value", v)
		}
		config = config.WithEnv(key, value)
	}
	for _, v := range c.Args {
		if strings.ContainsRune(v, 0) {
			return fmt.Errorf("the argument %q has a NUL, which no argument can have", v)
		}
	}
	reserved := 0
	if c.ListenFDs {
		reserved = len(c.Listeners)
	}
	resolvConf := ""
	if !c.NoNameserver {
		resolvConf = resolvConfOf(c.Resolver == nil)
	}
	dirs, err := g.mount(reserved, c.Dirs, resolvConf)
	if err != nil {
		return err
	}
	g.config = config.WithFSConfig(dirs)
	return nil
}

// Config returns the configuration with which a module of wazero is instantiated for the guest. It
// can be used once.
func (g *Guest) Config() wazero.ModuleConfig { return g.config }

// OnCall makes each call begin with a call of f, when the guest no longer computes. f may panic as
// Pause does.
func (g *Guest) OnCall(f func()) { g.onCall = f }

// End stops the guest: a call in which it waits returns, and the guest ends at its next call. Its
// sockets are closed at once, since clients wait and other calls may not return. End must be
// called at most once.
func (g *Guest) End() {
	g.stage.bits.Or(stopped)
	close(g.stop)
	g.Sockets.Interrupt()
	go g.Sockets.Close()
	g.stdio.wake()
	for _, dir := range g.dirs {
		dir.Interrupt()
	}
}

// Ending returns a channel that is closed when the guest is stopped.
func (g *Guest) Ending() <-chan struct{} { return g.stop }

// Close closes the sockets, the directories and everything else that the guest has open.
func (g *Guest) Close() {
	if g.Sockets != nil {
		g.Sockets.Close()
	}
	for i := len(g.dirs) - 1; i >= 0; i-- {
		g.dirs[i].Close()
	}
	g.stdio.close()
}

// Nanotime returns the time of the guest's monotonic clock, in nanoseconds.
func (g *Guest) Nanotime() int64 { return g.clock() }
