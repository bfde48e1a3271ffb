package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/wasisock/wasisock/host/hostfault"
	"github.com/wasisock/wasisock/sockabi"
)

// A Cmd is one run of a guest, much as an exec.Cmd is one of a program. The zero
// value of all but Module is a guest without arguments, environment, files or network,
// whose output is discarded. A Cmd runs once; nothing in it may be changed after Start,
// and nothing that it was given is closed.
type Cmd struct {
	Module Module

	Args []string // Args[0] is the program's name
	Env  []string // each "KEY=value"

	// Stdin is empty when nil. A Read that blocks outlives a guest that is stopped
	// meanwhile, and its data is lost, except on a terminal, pipe or socket that is
	// an *os.File: nothing is read from such a file but on the guest's demand.
	Stdin io.Reader

	// Stdout and Stderr discard when nil. A Write that blocks blocks the whole guest,
	// which then cannot be stopped, except on an *os.File that the guest made
	// non-blocking, as Go guests do. The file itself stays as it is.
	Stdout, Stderr io.Writer

	Dirs []Dir

	// Policy decides on every use of the network. Nil denies everything.
	Policy Policy

	// Dial makes the connections that the guest makes, TCP and UNIX streams, in the
	// operating system's place: in memory, or through a VPN. The network is "tcp" or
	// "unix", and the address, which Policy has allowed, is numeric or a path. The
	// context ends when the guest has closed the socket, or ends; Dial must return
	// then. It runs on a goroutine of its own.
	//
	// The guest is told the errno in an error, ETIMEDOUT for a timeout and ECONNREFUSED
	// for others. The connection is the Cmd's to close, and needs a method CloseWrite
	// if its peer is to learn that the guest has only ended sending. What the guest has
	// sent is delivered for a minute after it closed the socket, and for a second after
	// its end, which waits for that. Options that the guest sets do not reach the
	// connection. Nil dials as net.Dialer does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Listeners are the host's own: a guest that listens at the address of one gets a
	// copy of it instead of a listener of its own, whatever Policy says. So nothing is
	// bound twice, several guests can share one, and none of them can close it or
	// change its options. A guest that listens at all addresses of IPv4 or of IPv6
	// gets a listener at all of either.
	//
	// A guest that sees the directory of a UNIX socket can remove its file, and Go programs
	// do so when they close.
	//
	// One that is not a socket of the operating system, as *net.TCPListener and
	// *net.UnixListener are, is accepted from until it fails or is closed, which Cmd does
	// not do: such a listener, in memory or of a VPN, gives connections that are carried
	// to the guest and back as those of Dial, and what comes between two guests waits for
	// the second.
	Listeners []net.Listener

	// ListenFDs gives the guest the Listeners as descriptors 3 and up from the beginning, as
	// systemd does; those of Dirs follow. LISTEN_FDS and LISTEN_PID in its environment say
	// so: 3 is the number that Go programs for wasip1 take for that of their process.
	ListenFDs bool

	// Resolver looks up the names that the guest asks for. Nil is net.DefaultResolver.
	Resolver *net.Resolver

	// NoNameserver leaves the guest its own /etc/resolv.conf, if it has one, and its
	// DNS messages are datagrams as others are, which need permission to be sent.
	// Otherwise a guest that has a directory at / or /etc sees a file there that names the
	// host itself: the host then answers such messages by Resolver, under the policy,
	// without blocking the guest.
	NoNameserver bool

	Limits Limits

	// OnListen is called when the guest has begun to listen at a TCP or UNIX address,
	// or has bound a UDP or unixgram socket to one, with the address that it really
	// has: its port is never 0. The guest waits for it to return. It may be nil.
	OnListen func(net.Addr)

	// OnStop is called when the guest is to end while it runs: by Stop, at a limit or with
	// Start's context. Wait then returns cause. The guest may go on for a while, and
	// one that computes for good: see ErrNotInterruptible. It is called in a goroutine of its
	// own. Nil is for those who need not know.
	OnStop func(cause error)

	// OnLimit is called when a field of Limits has refused or delayed something, with its
	// name, such as "Connections": for each field once. The guest waits for it to return.
	// It may be nil.
	OnLimit func(field string)

	// Faults are injected into the guest's network; the zero value injects none.
	Faults hostfault.Faults

	// Calls is told of each use of a socket and each wait when it has ended: which
	// function of sockabi it was, with which errno, 0 for success, and how long it took,
	// waiting included. The guest waits for it to return. Nil costs nothing.
	Calls func(name string, errno sockabi.Errno, took time.Duration)

	// Trace is told of each use of a socket and each wait; package hosttrace writes
	// them down. Nil costs nothing.
	Trace Tracer

	// ProcessState describes how the guest ended, after Wait or Run.
	ProcessState *ProcessState

	ctx    context.Context
	cancel context.CancelCauseFunc
	guest  Guest

	started chan struct{} // closed when guest is set, or there will be none
	unwatch func() bool   // ends the watch for OnStop
}

// A Published is a listener, for Cmd.Listeners, that a guest gets when it listens at Port
// of whatever address. The guest believes to be at Port; Cmd.Addrs and Cmd.OnListen report
// where the Listener is.
type Published struct {
	net.Listener
	Port uint16
}

// A Dir is a directory of the host that the guest sees. Symbolic links that lead out of
// it are not followed. Paths of UNIX sockets in it lead to the host's directory; the
// Policy is asked about the path on the host.
type Dir struct {
	Host     string // path on the host
	Guest    string // absolute path in the guest, such as "/" or "/data"
	ReadOnly bool   // every change is refused, and creating what exists too
}

// Command returns a Cmd of the module with arguments; the first is the program's
// name. What is not mentioned has its zero value.
func Command(m Module, args ...string) *Cmd { return &Cmd{Module: m, Args: args} }

// ErrStopped is why a guest ended that Stop has ended.
var ErrStopped = errors.New("the guest was stopped")

// ErrNotInterruptible is returned if a guest was stopped while it computed, in code that cannot
// be interrupted, or was not in time: it ends at its next call of the host, never if it
// makes none. Modules are compiled so that this does not happen with Config.Interruptible.
var ErrNotInterruptible = errors.New("the guest computes in code that cannot be interrupted: it ends at its next call of the host, never if it makes none; compile its module with Config.Interruptible")

// Run starts the guest and waits for its end.
func (c *Cmd) Run(ctx context.Context) error {
	if err := c.Start(ctx); err != nil {
		return err
	}
	return c.Wait()
}

// Start begins to run the guest. It ends early when ctx does: what it waits for ends
// at once, save a Stdout or Stderr that blocks and a FIFO being opened; a guest that
// computes ends at its next call of the host, or at once where its code can be
// interrupted. After Start without an error, Wait must be called.
//
// An error says that the Cmd is wrong or that the host could not start it, and is
// errors.ErrUnsupported on an operating system that sockets do not work on.
func (c *Cmd) Start(ctx context.Context) error {
	switch {
	case c.ctx != nil:
		return errors.New("this Cmd was started before; make another for another run")
	case c.Module == nil:
		return errors.New("the Cmd has no Module; compile one, as with package host/wazero")
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	if err := cmp.Or(c.Limits.valid(), c.Faults.Valid()); err != nil {
		return err
	}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	c.started = make(chan struct{})
	defer close(c.started)
	guest, err := c.Module.Start(c.ctx, c)
	if err != nil {
		c.cancel(nil)
		return err
	}
	c.guest = guest
	c.unwatch = func() bool { return true }
	if c.OnStop != nil {
		c.unwatch = context.AfterFunc(c.ctx, func() { c.OnStop(context.Cause(c.ctx)) })
	}
	go c.Limits.enforce(c.ctx, c.cancel, guest)
	return nil
}

// Wait waits for the guest to end. By then everything that it held is closed and
// freed. The error is nil if the guest ended by itself with exit code 0, else
//
//   - an *ExitError if it ended by itself with another;
//   - a *TrapError if it did what wasm forbids;
//   - a *ModuleError if the module cannot run, which engines report before, except of
//     its start function;
//   - a *LimitError if it had used up what Limits gives it;
//   - ErrStopped after Stop, or the cause of Start's context;
//   - another error if the host failed.
func (c *Cmd) Wait() error {
	if c.guest == nil || c.ProcessState != nil {
		return errors.New("there is no guest to wait for; call Start, and then Wait once")
	}
	code, err := c.guest.Wait()
	c.unwatch()
	c.cancel(nil)
	c.ProcessState = &ProcessState{ExitCode: code, Stats: c.guest.Stats()}
	switch {
	case err != nil:
		c.ProcessState.ExitCode = -1
		return err
	case code != 0:
		return &ExitError{c.ProcessState}
	}
	return nil
}

// ErrEnded is returned by a call of a function of a guest that has ended. Wait returns why.
var ErrEnded = errors.New("the guest has ended")

// Call calls a function that the guest of a library exports. Arguments and results are
// those of wasm, in 64 bits each: an i32 in the lower half, a float by its bits. A guest
// makes one call at a time, and others wait; between calls it does nothing, and its
// sockets stay as they are. Call may be called from any goroutine after Start.
//
// A call that traps or exits ends the guest. One that has begun goes on when ctx ends,
// but Call does not wait for it.
func (c *Cmd) Call(ctx context.Context, name string, args ...uint64) ([]uint64, error) {
	if c.guest == nil {
		return nil, errors.New("there is no guest to call; call Start before")
	}
	return c.guest.Call(ctx, name, args)
}

// Stop ends the guest as the end of Start's context does. It may be called from any
// goroutine after Start, and by what Cmd calls; before, the context is for that. It does
// not wait, but for 100 ms at most to find out what it answers. It returns ErrNotInterruptible
// if the guest may go on, and nil if it ends, or has ended, save in a Stdout or Stderr
// that blocks.
func (c *Cmd) Stop() error {
	if c.cancel == nil {
		return nil
	}
	c.cancel(ErrStopped)
	<-c.started
	if c.guest == nil {
		return nil
	}
	return c.guest.Stop()
}

// Addrs is the addresses at which the guest listens now or has bound datagram sockets.
// It may be called from any goroutine between Start and the return of Wait.
func (c *Cmd) Addrs() []net.Addr { return c.guest.Addrs() }

// Stats returns what the guest has used until now: zero if it could not be started. It may be
// called from any goroutine after Start.
func (c *Cmd) Stats() Stats {
	if c.guest == nil {
		return Stats{}
	}
	return c.guest.Stats()
}

// Stats are a guest's resources used so far.
type Stats struct {
	// WallTime is since its start. CPUTime is that of its own work and of its calls of
	// the host; 0 on systems that do not report it: all but Linux.
	WallTime, CPUTime time.Duration

	Memory uint64 // bytes of its linear memory, which never shrinks

	Received, Sent uint64 // bytes through sockets
	Sockets        int    // open now
	Accepted       uint64 // connections
	Connections    int    // of these, open now, or left to their clients when it ended
	Dialled        uint64 // connections begun
	Refused        uint64 // uses of the network, by the policy
	Limited        uint64 // times that a limit of sockets or files refused something or delayed it
	Wakeups        uint64 // ends of waits for sockets, standard input and time
	Calls          uint64 // of the functions of sockabi; an engine may leave out some that move bytes
	Waiting        bool   // the guest is in poll_oneoff
}

// ProcessState describes how a guest ended.
type ProcessState struct {
	ExitCode int // 32 bits that the guest chose; -1 if it did not end by itself
	Stats
}

// An ExitError is the end of a guest with another exit code than 0.
type ExitError struct{ *ProcessState }

func (e *ExitError) Error() string { return fmt.Sprintf("exit status %d", e.ExitCode) }
