//go:build linux || darwin

package sockets

import (
	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// A backend implements a socket of the guest. There are four: a kernelSocket, a listenerCopy of
// one of the host's listeners, a connBridge to a net.Conn, and a dnsSocket. A socket begins as a
// kernelSocket; binding and connecting can replace it by another backend, on the same descriptor.
type backend interface {
	// queue returns the descriptor that is readable when there is something to accept or to
	// receive. For a connection, it is the descriptor to send on, too.
	queue() int

	// options returns the descriptor whose options the guest reads and sets.
	options() int

	// getInt returns the value of an option that is a number.
	getInt(o Option) (int, error)

	// local and peer return the addresses of the two ends, as the guest sees them.
	// peer of a socket that is not connected returns ENOTCONN.
	local() (address.Endpoint, error)
	peer() (address.Endpoint, error)

	// listen makes the socket accept connections.
	listen(backlog int) error

	// accept takes a connection off the queue. It returns EAGAIN if there is none, and
	// EINVAL if the socket does not listen.
	accept() (backend, error)

	// connect begins to connect, or asks for the outcome, and returns the backend
	// that the socket has from now on, also with an error. The errors are those of
	// connect(2) of a descriptor that does not block.
	connect(to address.Endpoint) (backend, error)

	// failure returns an error that the guest has not seen yet and that no call of the
	// operating system reports, and forgets it; nil if there is none.
	failure() error

	// shutdown shuts down one direction or both, sockabi.SHUT_*; 0 means SHUT_RD. For a listener
	// that is shut down for this guest only, it does nothing and returns true.
	shutdown(how uint8) (retires bool, err error)

	// owned reports whether the connections in the queue are for this guest only. Then retire
	// makes the queue refuse further ones. Call retire after taking those in the queue.
	owned() bool
	retire()

	// close closes all descriptors.
	close()
}

// A kernelSocket is a socket of the operating system.
type kernelSocket struct {
	fd        int
	port      uint16 // the port that local returns, if not 0
	listening bool

	// dial, if not nil, connects in place of the kernel.
	dial func(to address.Endpoint) (backend, error)
}

func (k *kernelSocket) queue() int   { return k.fd }
func (k *kernelSocket) options() int { return k.fd }

func (k *kernelSocket) getInt(o Option) (int, error) {
	return unix.GetsockoptInt(k.fd, o.level, o.number)
}

func (k *kernelSocket) local() (address.Endpoint, error) {
	sa, err := unix.Getsockname(k.fd)
	return address.Of(sa).WithPort(k.port), err
}

func (k *kernelSocket) peer() (address.Endpoint, error) {
	sa, err := unix.Getpeername(k.fd)
	return address.Of(sa), err
}

func (k *kernelSocket) listen(backlog int) error {
	err := unix.Listen(k.fd, backlog)
	k.listening = k.listening || err == nil
	return err
}

func (k *kernelSocket) accept() (backend, error) {
	fd, err := netos.Accept(k.fd)
	if err != nil {
		return nil, err
	}
	return &kernelSocket{fd: fd, port: k.port}, nil
}

func (k *kernelSocket) connect(to address.Endpoint) (backend, error) {
	switch {
	case k.dial == nil:
		sa, err := to.Reach()
		if err != nil {
			return k, err
		}
		return k, unix.Connect(k.fd, sa)
	case k.listening:
		return k, unix.EISCONN
	}
	return k.dial(to)
}

func (k *kernelSocket) failure() error { return nil }

func (k *kernelSocket) shutdown(how uint8) (retires bool, err error) {
	switch how {
	case sockabi.SHUT_WR:
		return false, unix.Shutdown(k.fd, unix.SHUT_WR)
	case sockabi.SHUT_RDWR:
		return false, unix.Shutdown(k.fd, unix.SHUT_RDWR)
	}
	return false, unix.Shutdown(k.fd, unix.SHUT_RD)
}

func (k *kernelSocket) owned() bool { return true }
func (k *kernelSocket) retire()     { unix.Shutdown(k.fd, unix.SHUT_RDWR) }
func (k *kernelSocket) close()      { unix.Close(k.fd) }
