//go:build linux || darwin

package bridge

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/account"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// background returns the Background of a guest that ends with the test.
func background(t *testing.T) *account.Background {
	ctx, cancel := context.WithCancel(context.Background())
	bg := &account.Background{Ended: ctx}
	t.Cleanup(func() {
		cancel()
		bg.Wait()
	})
	return bg
}

// wait waits until fd has one of these events.
func wait(t *testing.T, fd int, events int16) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
	if n, err := netos.Poll(fds, 10*time.Second); n != 1 || err != nil {
		t.Fatalf("nothing happens: %v", err)
	}
}

// dial returns the bridge of a new socket that connects to a port of 192.0.2.1 with f.
func dial(t *testing.T, f func(context.Context) (net.Conn, error)) *Conn {
	t.Helper()
	fd, err := netos.NewSocket(unix.AF_INET, unix.SOCK_STREAM)
	if err != nil {
		t.Fatal(err)
	}
	to := address.At(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80})
	c, err := Dial(fd, sockabi.AF_INET4, to, background(t), f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(fd)
		c.Close()
	})
	return c
}

func TestDial(t *testing.T) {
	may := make(chan struct{})
	ours, theirs := net.Pipe()
	defer ours.Close()
	c := dial(t, func(context.Context) (net.Conn, error) {
		<-may
		return theirs, nil
	})
	if err := c.Outcome(); err != unix.EALREADY {
		t.Errorf("while it connects: %v", err)
	}
	if n, err := netos.Poll([]unix.PollFd{{Fd: int32(c.FD()), Events: unix.POLLOUT}}, 0); n != 0 || err != nil {
		t.Errorf("while it connects the guest's end is writable: %v", err)
	}
	if _, err := c.Peer(); err != unix.ENOTCONN {
		t.Errorf("while it connects the peer is there: %v", err)
	}
	close(may)
	wait(t, c.FD(), unix.POLLOUT)
	if err := c.Outcome(); err != unix.EISCONN {
		t.Errorf("when it is connected: %v", err)
	}
	if peer, err := c.Peer(); peer.String() != "192.0.2.1:80" || err != nil {
		t.Errorf("the peer is %s, %v", peer, err)
	}
	unix.Write(c.FD(), []byte("question"))
	buf := make([]byte, 100)
	if n, err := ours.Read(buf); string(buf[:n]) != "question" || err != nil {
		t.Errorf("the peer has %q, %v", buf[:n], err)
	}
	ours.Write([]byte("answer"))
	wait(t, c.FD(), unix.POLLIN)
	if n, err := unix.Read(c.FD(), buf); string(buf[:n]) != "answer" || err != nil {
		t.Errorf("the guest has %q, %v", buf[:n], err)
	}
	ours.Close()
	wait(t, c.FD(), unix.POLLIN)
	if n, err := unix.Read(c.FD(), buf); n != 0 || err != nil {
		t.Errorf("at the end the guest has %q, %v", buf[:n], err)
	}
}

func TestErrorsOfDial(t *testing.T) {
	for _, test := range []struct {
		err  error
		want unix.Errno
	}{
		{errors.New("no such service"), unix.ECONNREFUSED},
		{os.ErrPermission, unix.EACCES},
		{os.ErrDeadlineExceeded, unix.ETIMEDOUT},
		{os.NewSyscallError("connect", unix.EHOSTUNREACH), unix.EHOSTUNREACH},
	} {
		c := dial(t, func(context.Context) (net.Conn, error) { return nil, test.err })
		wait(t, c.FD(), unix.POLLIN)
		err := c.Failure()
		if !errors.Is(err, test.want) || err.Error() != test.err.Error() {
			t.Errorf("%v is %v for the guest, want %v", test.err, err, test.want)
		}
		if err := c.Failure(); err != nil {
			t.Errorf("%v is reported twice: %v", test.err, err)
		}
		if _, err := unix.Write(c.FD(), []byte("x")); err != unix.EPIPE {
			t.Errorf("after %v the guest sends: %v", test.err, err)
		}
	}
}

// A source is a listener whose connections come from a channel.
type source chan net.Conn

func (s source) Accept() (net.Conn, error) {
	c, ok := <-s
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (s source) Close() error { return nil }
func (source) Addr() net.Addr { return nil }

func TestListener(t *testing.T) {
	conns := make(source)
	open := func() (*Listener, int) {
		t.Helper()
		l, err := Open(conns)
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := l.CopyTokens()
		if err != nil {
			t.Fatal(err)
		}
		return l, tokens
	}
	bg := background(t)
	l, tokens := open()
	if _, err := l.Accept(tokens, sockabi.AF_INET4, bg); err != unix.EAGAIN {
		t.Errorf("without a connection: %v", err)
	}
	ours, theirs := net.Pipe()
	defer ours.Close()
	conns <- theirs
	wait(t, tokens, unix.POLLIN)

	// The first user goes, and the connection waits for the next.
	unix.Close(tokens)
	l.Release()
	l, tokens = open()
	defer unix.Close(tokens)
	wait(t, tokens, unix.POLLIN)
	c, err := l.Accept(tokens, sockabi.AF_INET4, bg)
	if err != nil {
		t.Fatal(err)
	}
	if peer, err := c.Peer(); peer.String() != "0.0.0.0:0" || err != nil {
		t.Errorf("a peer without an address is %s, %v", peer, err)
	}
	go ours.Write([]byte("hello"))
	wait(t, c.FD(), unix.POLLIN)
	buf := make([]byte, 100)
	if n, err := unix.Read(c.FD(), buf); string(buf[:n]) != "hello" || err != nil {
		t.Errorf("the guest has %q, %v", buf[:n], err)
	}
	unix.Close(c.FD())
	c.Close()
	if _, err := io.ReadAll(ours); err != nil {
		t.Error(err)
	}

	close(conns)
	wait(t, tokens, unix.POLLIN|unix.POLLHUP)
	if _, err := l.Accept(tokens, sockabi.AF_INET4, bg); err != unix.EINVAL {
		t.Errorf("after the listener's end: %v", err)
	}
	l.Release()
}
