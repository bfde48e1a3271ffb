//go:build linux || darwin

package system

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/account"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// lingering is for how long what the guest has sent before it closed a connection is
// still delivered, and lastly the same after its end.
const (
	lingering = time.Minute
	lastly    = time.Second
)

// A connBridge carries a connection of the guest's to a net.Conn and back. The guest has
// one end of a pair of sockets, which to the poller is as any other.
type connBridge struct {
	*kernelSocket               // the guest's end
	end           *net.UnixConn // the host's
	filled        int64         // bytes that keep the guest's end from being writable until it is connected
	facade        int           // a socket such as the guest believes to have, for its options
	peerEnd       address.Endpoint
	background    *account.Background
	ctx           context.Context // done when the guest has closed its end
	cancel        func()

	mu        sync.Mutex
	connected bool
	localEnd  address.Endpoint // none is that of facade
	pending   error            // that the guest was not told
}

// newConnBridge makes of k the guest's end. The caller runs the bridge.
func newConnBridge(k *kernelSocket, bg *account.Background) (*connBridge, error) {
	ours, theirs, err := netos.Pair(unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	r := &connBridge{kernelSocket: k, background: bg}
	file := os.NewFile(uintptr(ours), "bridge")
	end, err := net.FileConn(file)
	file.Close()
	if err != nil {
		unix.Close(theirs)
		return nil, err
	}
	r.end = end.(*net.UnixConn)
	if r.facade, err = netos.Copy(k.fd); err != nil {
		unix.Close(theirs)
		r.end.Close()
		return nil, err
	}
	if err := netos.Replace(theirs, k.fd); err != nil {
		unix.Close(r.facade)
		r.end.Close()
		return nil, err
	}
	r.ctx, r.cancel = context.WithCancel(bg.Ended)
	return r, nil
}

// fill writes as much as fd takes, and is how much that was.
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

// dialled is connect by the embedder's function: a socket connects while that runs.
func (g *guest) dialled(s *socket, k *kernelSocket, to address.Endpoint) (backend, error) {
	g.forget(s)
	r, err := newConnBridge(k, &g.account.Background)
	if err != nil {
		return k, err
	}
	r.peerEnd, r.filled = to, fill(k.fd)
	network, target := s.network(), to.Path
	if s.family != sockabi.AF_UNIX {
		target = netip.AddrPortFrom(to.Addr.Addr().Unmap(), to.Addr.Port()).String()
	}
	family := s.family
	g.account.Go(func() {
		defer r.end.Close()
		conn, err := g.dial(r.ctx, network, target)
		if err != nil {
			r.fail(err)
			r.end.CloseRead() // what the guest sends now fails at once
			r.end.CloseWrite()
			r.drain()
			return
		}
		defer conn.Close()
		r.mu.Lock()
		r.connected, r.localEnd = true, address.For(family, conn.LocalAddr())
		r.mu.Unlock()
		r.carry(conn)
	})
	return r, unix.EINPROGRESS
}

// connect reports what has become of connecting.
func (r *connBridge) connect(address.Endpoint) (backend, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch err := r.pending; {
	case r.connected:
		return r, unix.EISCONN
	case err != nil:
		r.pending = nil
		return r, err
	case r.ctx.Err() != nil:
		return r, unix.ECONNABORTED
	}
	return r, unix.EALREADY
}

// drain makes the guest's end writable.
func (r *connBridge) drain() error {
	_, err := io.CopyN(io.Discard, r.end, r.filled)
	return err
}

// carry returns when both directions have ended, or the guest has closed its end and
// all that it had sent is delivered.
func (r *connBridge) carry(conn net.Conn) {
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
		if err := forward(r.end, conn); err != nil && !errors.Is(err, unix.EPIPE) { // which is the guest's doing
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

// forward copies without splice, which takes a pipe for each connection.
func forward(to io.Writer, from io.Reader) error {
	_, err := io.Copy(struct{ io.Writer }{to}, struct{ io.Reader }{from})
	return err
}

// A bridgeError is what the guest is told of an error of the embedder's.
type bridgeError struct {
	errno unix.Errno
	err   error
}

func (e *bridgeError) Error() string { return e.err.Error() }
func (e *bridgeError) Unwrap() error { return e.errno }

// fail keeps an error for the guest.
func (r *connBridge) fail(err error) {
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

func (r *connBridge) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	pending := r.pending
	r.pending = nil
	return pending
}

func (r *connBridge) options() int { return r.facade }

func (r *connBridge) getInt(o option) (int, error) {
	return unix.GetsockoptInt(r.facade, o.level, o.code)
}

func (r *connBridge) close() {
	r.kernelSocket.close()
	r.cancel()
	unix.Close(r.facade)
}

func (r *connBridge) local() (address.Endpoint, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.localEnd.Family != sockabi.AF_UNSPEC {
		return r.localEnd.WithPort(r.port), nil
	}
	sa, err := unix.Getsockname(r.facade)
	return address.Of(sa).WithPort(r.port), err
}

func (r *connBridge) peer() (address.Endpoint, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.connected {
		return address.Endpoint{}, unix.ENOTCONN
	}
	return r.peerEnd, nil
}
