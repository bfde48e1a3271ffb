// Package wasi implements the functions that guests of every engine import: the rows of package shim, for sockets and
// waiting, and the files, clocks, arguments and random numbers of wazero, whose functions can
// be called for guests that it does not run.
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
	stop   chan struct{} // closed when the guest is to end
	stage  stage
	onCall func()
}

// ErrStopped ends a guest from within one of its calls.
var ErrStopped = errors.New("the guest was stopped")

// NewGuest makes the files and sockets of a guest as c says. Close must be called.
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

// Config is how a module of wazero's is instantiated for the guest, once.
func (g *Guest) Config() wazero.ModuleConfig { return g.config }

// OnCall has f called at the beginning of each call, when the guest does not compute any
// more. It may panic as Pause does.
func (g *Guest) OnCall(f func()) { g.onCall = f }

// End makes the guest end at its next call, and the call that it waits in return. Its
// sockets close at once: another call may not return, and clients wait for it. It must be
// called once.
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

// Ending is closed when the guest is to end.
func (g *Guest) Ending() <-chan struct{} { return g.stop }

// Close closes the sockets, the directories and what else the guest has open.
func (g *Guest) Close() {
	if g.Sockets != nil {
		g.Sockets.Close()
	}
	for i := len(g.dirs) - 1; i >= 0; i-- {
		g.dirs[i].Close()
	}
	g.stdio.close()
}

// Nanotime is the guest's monotonic clock.
func (g *Guest) Nanotime() int64 { return g.clock() }
