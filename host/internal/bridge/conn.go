//go:build linux || darwin

// Package bridge connects sockets of the guest to connections that are not sockets of the
// operating system: a net.Conn that the embedder dials, and those of a net.Listener.
package bridge

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/account"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// lingering is how long data is still delivered after the guest has closed a connection.
// lastly is the same after the end of the guest.
const (
	lingering = time.Minute
	lastly    = time.Second
)

// A Conn carries data between the guest and a net.Conn. The guest has one end of a pair of
// sockets, which it can poll as any other.
type Conn struct {
	fd         int           // the guest's end
	end        *net.UnixConn // the host's
	filled     int64         // number of bytes that keep the guest's end from being writable until it is connected
	facade     int           // a socket of the guest's family, for options
	peer       address.Endpoint
	background *account.Background
	ctx        context.Context // done when the guest has closed its end
	cancel     func()

	mu        sync.Mutex
	connected bool
	local     address.Endpoint // the zero endpoint means that of facade
	pending   error            // an error that the guest has not seen yet
}

// newConn makes the socket fd the guest's end of a new pair. The caller runs the bridge.
func newConn(fd int, bg *account.Background) (*Conn, error) {
	ours, theirs, err := netos.Pair(unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	r := &Conn{fd: fd, background: bg}
	file := os.NewFile(uintptr(ours), "bridge")
	end, err := net.FileConn(file)
	file.Close()
	if err != nil {
		unix.Close(theirs)
		return nil, err
	}
	r.end = end.(*net.UnixConn)
	if r.facade, err = netos.Copy(fd); err != nil {
		unix.Close(theirs)
		r.end.Close()
		return nil, err
	}
	if err := netos.Replace(theirs, fd); err != nil {
		unix.Close(r.facade)
		r.end.Close()
		return nil, err
	}
	r.ctx, r.cancel = context.WithCancel(bg.Ended)
	return r, nil
}

// fill writes to fd until it would block, and returns the number of bytes.
func fill(fd int) (n int64) {
	var chunk [32 << 10]byte
	for {
		written, err := unix.Write(fd, chunk[:])
		switch {
		case err == nil:
			n += int64(written)
		case err != unix.EINTR:
			return n
		}
	}
}

// Dial makes fd, a socket of that family, connect to the address to: dial runs in the background,
// and the socket is connecting meanwhile.
func Dial(fd int, family uint8, to address.Endpoint, bg *account.Background, dial func(context.Context) (net.Conn, error)) (*Conn, error) {
	r, err := newConn(fd, bg)
	if err != nil {
		return nil, err
	}
	r.peer, r.filled = to, fill(fd)
	bg.Go(func() {
		defer r.end.Close()
		conn, err := dial(r.ctx)
		if err != nil {
			r.fail(err)
			r.end.CloseRead() // sends of the guest fail from now on
			r.end.CloseWrite()
			r.drain()
			return
		}
		defer conn.Close()
		r.mu.Lock()
		r.connected, r.local = true, address.For(family, conn.LocalAddr())
		r.mu.Unlock()
		r.carry(conn)
	})
	return r, nil
}

// Outcome reports whether connecting has succeeded, as connect(2) does when it is called again.
func (r *Conn) Outcome() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch err := r.pending; {
	case r.connected:
		return unix.EISCONN
	case err != nil:
		r.pending = nil
		return err
	case r.ctx.Err() != nil:
		return unix.ECONNABORTED
	}
	return unix.EALREADY
}

// drain makes the guest's end writable.
func (r *Conn) drain() error {
	_, err := io.CopyN(io.Discard, r.end, r.filled)
	return err
}

// carry copies data in both directions. It returns when both have ended, or when the guest has
// closed its end and all data that it sent is delivered.
func (r *Conn) carry(conn net.Conn) {
	if r.drain() != nil {
		return
	}
	var both sync.WaitGroup
	sent := make(chan struct{})
	both.Go(func() {
		defer close(sent)
		if err := forward(conn, r.end); err != nil {
			r.fail(err)
			r.end.CloseRead()
		} else if c, ok := conn.(interface{ CloseWrite() error }); ok {
			c.CloseWrite()
		}
	})
	both.Go(func() {
		if err := forward(r.end, conn); err != nil && !errors.Is(err, unix.EPIPE) { // EPIPE: the guest has closed its end
			r.fail(err)
		}
		r.end.CloseWrite()
	})
	ended := make(chan struct{})
	go func() {
		both.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return
	case <-r.ctx.Done():
	}
	select {
	case <-sent:
	case <-time.After(lingering):
	case <-r.background.Ended.Done():
		select {
		case <-sent:
		case <-time.After(lastly):
		}
	}
	conn.Close()
	r.end.Close()
	<-ended
}

// forward copies without splice, which needs a pipe for each connection.
func forward(to io.Writer, from io.Reader) error {
	_, err := io.Copy(struct{ io.Writer }{to}, struct{ io.Reader }{from})
	return err
}

// A bridgeError is the errno that the guest gets for an error of the embedder.
type bridgeError struct {
	errno unix.Errno
	err   error
}

func (e *bridgeError) Error() string { return e.err.Error() }
func (e *bridgeError) Unwrap() error { return e.errno }

// fail records an error for the guest.
func (r *Conn) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fallback := unix.ECONNREFUSED
	if r.connected {
		fallback = unix.ECONNRESET
	}
	var errno unix.Errno
	var timeout net.Error
	switch {
	case errors.As(err, &errno):
	case errors.Is(err, os.ErrPermission):
		errno = unix.EACCES
	case errors.As(err, &timeout) && timeout.Timeout():
		errno = unix.ETIMEDOUT
	}
	r.pending = cmp.Or(r.pending, error(&bridgeError{cmp.Or(errno, fallback), err}))
}

// Failure returns an error that the guest has not seen yet, and forgets it; nil if there is none.
func (r *Conn) Failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	pending := r.pending
	r.pending = nil
	return pending
}

// FD returns the guest's end, which the guest's socket closes.
func (r *Conn) FD() int { return r.fd }

// Options returns the descriptor of a socket of the guest's family, for options.
func (r *Conn) Options() int { return r.facade }

// Close frees the bridge. Call it when the guest has closed its end.
func (r *Conn) Close() {
	r.cancel()
	unix.Close(r.facade)
}

// Local returns the address of the guest's end.
func (r *Conn) Local() (address.Endpoint, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.local.Family != sockabi.AF_UNSPEC {
		return r.local, nil
	}
	sa, err := unix.Getsockname(r.facade)
	return address.Of(sa), err
}

// Peer returns the address of the other end, or ENOTCONN.
func (r *Conn) Peer() (address.Endpoint, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.connected {
		return address.Endpoint{}, unix.ENOTCONN
	}
	return r.peer, nil
}
