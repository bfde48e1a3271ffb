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

// A Cmd is one run of a guest, as an exec.Cmd is one run of a program. With the zero value of
// all fields but Module, the guest has no arguments, environment, files or network, and its
// output is discarded. A Cmd runs once. Its fields must not be changed after Start, and it
// closes none of them.
type Cmd struct {
	Module Module

	Args []string // Args[0] is the program's name
	Env  []string // each "KEY=value"

	// Stdin is empty if nil. A Read that blocks may outlive the guest, and its data is then
	// lost. An *os.File that is a terminal, pipe or socket loses nothing: it is read only when
	// the guest reads.
	Stdin io.Reader

	// Stdout and Stderr discard their data if nil. A Write that blocks blocks the whole guest,
	// which then cannot be stopped, except on an *os.File that the guest made non-blocking, as
	// Go guests do. The flags of the file do not change.
	Stdout, Stderr io.Writer

	Dirs []Dir

	// Policy decides on every use of the network. Nil refuses everything.
	Policy Policy

	// Dial replaces net.Dialer for the guest's TCP and UNIX streams, for example by connections
	// in memory or through a VPN. The network is "tcp" or "unix", and the address, which Policy
	// has allowed, is numeric or a path. The context ends when the guest has closed the socket,
	// or ends; Dial must return then. It runs on a goroutine of its own.
	//
	// The guest gets the errno that an error wraps, ETIMEDOUT for a timeout, and ECONNREFUSED
	// for other errors. The Cmd closes the connection. A method CloseWrite, if it has one, is
	// called when the guest shuts down sending. Data that the guest has sent is delivered for
	// up to a minute after it closed the socket; at its end Wait allows a second for that.
	// Options that the guest sets do not reach the connection. Nil dials as net.Dialer does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Listeners are listeners of the host. A guest that listens at the address of one gets a
	// copy of it, without asking Policy. So several guests can share a port, and none of them
	// can close it or change its options. A guest that listens at all addresses of IPv4 or of
	// IPv6 gets a listener at all addresses of either.
	//
	// A guest that sees the directory of a UNIX socket can remove its file, and Go programs
	// do so when they close.
	//
	// A listener need not be a *net.TCPListener or *net.UnixListener: it can be in memory, or
	// of a VPN. Cmd accepts from such a listener until it fails or its owner closes it, and
	// copies the data of its connections as for Dial. A connection that arrives between two
	// guests waits for the second.
	Listeners []net.Listener

	// ListenFDs passes the Listeners to the guest as descriptors 3 and up, as systemd does; the
	// descriptors of Dirs follow. It sets LISTEN_FDS, and LISTEN_PID to 3, which os.Getpid
	// returns on wasip1.
	ListenFDs bool

	// Resolver looks up the names that the guest asks for. Nil is net.DefaultResolver.
	Resolver *net.Resolver

	// NoNameserver makes the guest's DNS messages ordinary datagrams, which Policy must allow,
	// and leaves it the /etc/resolv.conf of its directories. Otherwise a guest with a directory
	// at / or /etc sees a resolv.conf that names the host, which answers DNS messages by
	// Resolver, under Policy, without blocking the guest.
	NoNameserver bool

	Limits Limits

	// OnListen is called when the guest listens at a TCP or UNIX address, or has bound a UDP or
	// unixgram socket. It gets the actual address, with a port that is never 0. The guest waits
	// for it to return. It may be nil.
	OnListen func(net.Addr)

	// OnStop is called when the guest is stopped: by Stop, at a limit or by the end of Start's
	// context. Wait returns the same cause. The guest may run on for a while, or without end if
	// it computes: see ErrNotInterruptible. OnStop runs in a goroutine of its own. It may be
	// nil.
	OnStop func(cause error)

	// OnLimit is called once for each field of Limits that has refused or delayed something,
	// with the field's name, such as "Connections". The guest waits for it to return. It may be
	// nil.
	OnLimit func(field string)

	// Faults are injected into the guest's network; the zero value injects none.
	Faults hostfault.Faults

	// Calls is called after each use of a socket and each wait, with the name of the function
	// in sockabi, its errno, 0 for success, and its duration, waiting included. The guest waits
	// for it to return. Nil costs nothing.
	Calls func(name string, errno sockabi.Errno, took time.Duration)

	// Trace is called after each use of a socket and each wait. Package hosttrace writes
	// traces. Nil costs nothing.
	Trace Tracer

	// OnLookup is called after each look-up of a name, from any goroutine. The look-up waits for
	// it to return. Nil costs nothing.
	OnLookup func(Lookup)

	// ProcessState describes how the guest ended, after Wait or Run.
	ProcessState *ProcessState

	ctx    context.Context
	cancel context.CancelCauseFunc
	guest  Guest

	started chan struct{} // closed when guest is set, or there will be none
	unwatch func() bool   // ends the watch for OnStop
}

// A Published is a listener for Cmd.Listeners that a guest gets when it listens at Port of any
// address. The guest sees Port as its own; Cmd.Addrs and Cmd.OnListen report the address of the
// Listener.
type Published struct {
	net.Listener
	Port uint16
}

// A Dir is a directory of the host that the guest sees. Symbolic links that lead out of it are
// not followed. UNIX sockets in it are those of the host's directory; Policy gets their paths
// on the host.
type Dir struct {
	Host     string // path on the host
	Guest    string // absolute path in the guest, such as "/" or "/data"
	ReadOnly bool   // every change is refused, and creating what exists too
}

// Command returns a Cmd of the module with arguments; the first is the program's name. All
// other fields have their zero values.
func Command(m Module, args ...string) *Cmd { return &Cmd{Module: m, Args: args} }

// ErrStopped is returned by Wait for a guest that Stop has ended.
var ErrStopped = errors.New("the guest was stopped")

// ErrNotInterruptible is returned if a guest was stopped while it computed and its code cannot
// be interrupted, at all or in time. It ends at its next call of the host, never if it makes
// none. Modules compiled with Config.Interruptible always stop.
var ErrNotInterruptible = errors.New("the guest computes in code that cannot be interrupted: it ends at its next call of the host, never if it makes none; compile its module with Config.Interruptible")

// Run starts the guest and waits for its end. It returns the errors of Start and Wait.
func (c *Cmd) Run(ctx context.Context) error {
	if err := c.Start(ctx); err != nil {
		return err
	}
	return c.Wait()
}

// Start starts the guest and does not wait for it. When ctx ends, the guest is stopped: a wait
// ends at once, except a Write to Stdout or Stderr that blocks and a FIFO being opened. A guest
// that computes ends at its next call of the host, or at once if its code can be interrupted.
// After Start has returned nil, Wait must be called.
//
// Start returns an error if the Cmd is invalid or the host cannot start the guest, and
// errors.ErrUnsupported on an operating system without support for guests.
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

// Wait waits for the guest to end, and until everything that it held is closed and freed. It
// returns nil if the guest ended by itself with exit code 0, and otherwise
//
//   - an *ExitError if it ended by itself with another exit code;
//   - a *TrapError if it did what wasm forbids;
//   - a *ModuleError if the module cannot run, which engines report before, except of
//     its start function;
//   - a *LimitError if it had used up its Limits.WallTime or CPUTime;
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

// Call calls a function that the guest of a library exports. Arguments and results are values
// of wasm in 64 bits each: an i32 in the lower half, a float by its bits. A guest makes one
// call at a time; other calls wait. Between calls the guest does not run, and its sockets stay
// open. Call may be called from any goroutine after Start.
//
// A call that traps or exits ends the guest. If ctx ends, Call returns its cause at once; a
// call that has begun runs on.
func (c *Cmd) Call(ctx context.Context, name string, args ...uint64) ([]uint64, error) {
	if c.guest == nil {
		return nil, errors.New("there is no guest to call; call Start before")
	}
	return c.guest.Call(ctx, name, args)
}

// Stop stops the guest as the end of Start's context does. It may be called from any goroutine
// after Start, also by functions that Cmd calls. It waits at most 100 ms, to find out whether
// the guest ends. It returns ErrNotInterruptible if the guest may go on, and nil if it ends or
// has ended, except in a Stdout or Stderr that blocks.
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

// Addrs returns the addresses at which the guest listens now or has bound datagram sockets. It
// may be called from any goroutine between Start and the return of Wait.
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
	// WallTime is the time since its start. CPUTime is the CPU time of its own work and of its
	// calls of the host. It is measured on Linux, and 0 elsewhere.
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

// An ExitError reports an exit code other than 0.
type ExitError struct{ *ProcessState }

func (e *ExitError) Error() string { return fmt.Sprintf("exit status %d", e.ExitCode) }
