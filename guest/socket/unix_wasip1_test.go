package socket

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/wasisock/wasisock/sockabi"
)

// unixPath is a path for a socket: of the host's, removed afterwards. The test is
// skipped if the guest was not given the directory under the host's name for it.
func unixPath(t *testing.T) Addr {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "wasisock")
	if err != nil {
		t.Skipf("the guest does not see the host's /tmp: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	needs(t, Addr{Path: dir + "/needs"})
	return Addr{Path: dir + "/s"}
}

// unixAddrs makes an address of each kind.
var unixAddrs = map[string]func(*testing.T) Addr{
	"path":     unixPath,
	"abstract": func(t *testing.T) Addr { needsUnix(t); return abstract() },
	"the longest abstract": func(t *testing.T) Addr {
		needsUnix(t)
		at := abstract()
		at.Path += strings.Repeat("x", sockabi.MaxUnixPath-len(at.Path))
		return at
	},
}

func TestUnixStreams(t *testing.T) {
	for name, at := range unixAddrs {
		t.Run(name, func(t *testing.T) {
			at := at(t)
			l, addr := listen(t, at)
			if addr != at {
				t.Errorf("listening at %q, want %q", addr, at)
			}
			client := must(Dial(at))(t)
			defer client.Close()
			if ok, err := client.Connected(); !ok || err != nil {
				t.Fatalf("Connected: %v, %v", ok, err)
			}
			server := accept(t, l)
			for name, test := range map[string]struct {
				ask  func() (Addr, error)
				want Addr
			}{
				"the client's own address": {client.LocalAddr, Addr{}},
				"the client's peer":        {client.RemoteAddr, at},
				"the server's own address": {server.LocalAddr, at},
				"the server's peer":        {server.RemoteAddr, Addr{}},
			} {
				if got := must(test.ask())(t); got != test.want {
					t.Errorf("%s is %q, want %q", name, got, test.want)
				}
			}
			if _, err := server.Read(make([]byte, 1)); err != error(syscall.EAGAIN) {
				t.Errorf("Read of nothing: %v", err)
			}
			write(t, client, "ping")
			read(t, server, "ping")
			write(t, server, "pong")
			read(t, client, "pong")
			is(t, "CloseWrite", client.CloseWrite(), nil)
			is(t, "Read at the end", end(t, server), io.EOF)
			client.Close()
			_, err := server.Write([]byte("x"))
			is(t, "Write to nobody", err, syscall.EPIPE)
			_, err = Listen(at, 1)
			is(t, "listening twice", err, syscall.EADDRINUSE)
		})
	}
}

func TestAUnixClientMayHaveAName(t *testing.T) {
	needsUnix(t)
	at, own := abstract(), abstract()
	l, _ := listen(t, at)
	c := must(Dial(at, Bind(own)))(t)
	defer c.Close()
	if got := must(accept(t, l).RemoteAddr())(t); got != own {
		t.Errorf("the peer is %q, want %q", got, own)
	}
	if got := must(c.LocalAddr())(t); got != own {
		t.Errorf("the client is %q, want %q", got, own)
	}
	_, err := Dial(at, Bind(loopback4))
	is(t, "binding UNIX to IPv4", err, syscall.EAFNOSUPPORT)
}

func TestNobodyAtAUnixAddressIsRefusedAtOnce(t *testing.T) {
	needsUnix(t)
	_, err := Dial(abstract())
	is(t, "Dial", err, syscall.ECONNREFUSED)
	_, err = DialPacket(abstract())
	is(t, "DialPacket", err, syscall.ECONNREFUSED)
	_, err = Dial(Addr{Path: "/no/such/directory"})
	is(t, "Dial", err, syscall.ENOENT)
	_, err = Dial(Addr{Path: strings.Repeat("p", sockabi.MaxUnixPath+1)})
	is(t, "Dial", err, syscall.ENAMETOOLONG)
}

func TestAFullUnixQueueIsEAGAIN(t *testing.T) {
	needsUnix(t)
	at := abstract()
	l := must(Listen(at, 1))(t)
	defer l.Close()
	for range 64 {
		c, err := Dial(at)
		if err == error(syscall.EAGAIN) {
			return
		}
		defer must(c, err)(t).Close()
	}
	t.Skip("the host queues more connections than it was told to")
}

func TestUnixDatagrams(t *testing.T) {
	for name, at := range unixAddrs {
		t.Run(name, func(t *testing.T) {
			a, addrA := packet(t, at(t))
			b, addrB := packet(t, at(t))
			unnamed := must(DialPacket(addrB))(t)
			defer unnamed.Close()
			buf := make([]byte, 9)
			for _, data := range []string{"ping", ""} {
				if n, err := a.WriteTo([]byte(data), addrB); n != len(data) || err != nil {
					t.Fatalf("WriteTo: %d, %v", n, err)
				}
				if n, from := readFrom(t, b, buf); string(buf[:n]) != data || from != addrA {
					t.Errorf("%q from %q, want %q from %q", buf[:n], from, data, addrA)
				}
				if n, err := unnamed.Write([]byte(data)); n != len(data) || err != nil {
					t.Fatalf("Write: %d, %v", n, err)
				}
				if n, from := readFrom(t, b, buf); string(buf[:n]) != data || from != (Addr{}) {
					t.Errorf("%q from %q, want %q from nobody", buf[:n], from, data)
				}
			}
			if got := must(unnamed.RemoteAddr())(t); got != addrB {
				t.Errorf("dialed %q, want %q", got, addrB)
			}
			a.WriteTo([]byte("0123456789"), addrB)
			if n, _ := readFrom(t, b, buf); n != len(buf) || !b.Truncated() {
				t.Errorf("ReadFrom: %d, truncated %v", n, b.Truncated())
			}
			if got := must(unnamed.LocalAddr())(t); got != (Addr{}) {
				t.Errorf("the unnamed socket is at %q", got)
			}
			_, err := a.WriteTo(nil, loopback4)
			is(t, "WriteTo IPv4 on a UNIX socket", err, syscall.EAFNOSUPPORT)
		})
	}
}

func TestAUnixSocketThatTheHostDoesNotHaveSaysWhatToDo(t *testing.T) {
	c, err := ListenPacket(abstract())
	if err == nil {
		is(t, "Close", c.Close(), nil)
		return
	}
	if errors.Is(err, os.ErrPermission) {
		return // the host has them, and a policy
	}
	is(t, "ListenPacket", err, syscall.ENOSYS)
	if !strings.Contains(err.Error(), "--allow-af-unix") {
		t.Errorf("%v does not say what to do", err)
	}
}
