package socket

import (
	"bytes"
	"errors"
	"net/netip"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// These tests run inside wasm, against a real host's loopback, both ends in one
// module: on any engine, as GOOS=wasip1 GOARCH=wasm go test -exec runs them.

var (
	loopback4 = inet("127.0.0.1:0")
	loopback6 = inet("[::1]:0")
)

// eventually repeats what would block, for so long that only a host that never
// does it fails.
func eventually(t testing.TB, what string, do func() error) error {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Microsecond) {
		if err := do(); !WouldBlock(err) {
			return err
		}
		if time.Now().After(end) {
			t.Fatalf("%s: still would block", what)
		}
	}
}

// spin is eventually without sleeping or allocating, for what loopback delivers
// at once or nearly.
func spin(do func() error) error {
	err := do()
	for n := 0; n < 1e6 && WouldBlock(err); n++ {
		runtime.Gosched()
		err = do()
	}
	return err
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// needs skips a test of a family that the host does not offer.
func needs(t testing.TB, family Addr) {
	t.Helper()
	c, err := ListenPacket(family)
	if errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL) ||
		errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EACCES) {
		t.Skipf("the host does not offer it: %v", err)
	}
	must(c, err)(t).Close()
}

// abstract is a name that no other test uses, of this process or another.
func abstract() Addr {
	name := strconv.FormatInt(time.Now().UnixNano(), 36)
	return Addr{Path: "@wasisock." + name}
}

func needsUnix(t testing.TB) {
	t.Helper()
	needs(t, abstract())
}

func connected(t testing.TB, c *Conn) {
	t.Helper()
	err := eventually(t, "connecting", func() error {
		ok, err := c.Connected()
		if err == nil && !ok {
			return syscall.EINPROGRESS
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func accept(t testing.TB, l *Listener) (c *Conn) {
	t.Helper()
	err := eventually(t, "accepting", func() (err error) { c, err = l.Accept(); return })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func listen(t testing.TB, at Addr) (*Listener, Addr) {
	t.Helper()
	l := must(Listen(at, 0))(t)
	t.Cleanup(func() { l.Close() })
	return l, must(l.LocalAddr())(t)
}

// pair is a connection over a listener at an address.
func pair(t testing.TB, at Addr) (client, server *Conn) {
	t.Helper()
	l, addr := listen(t, at)
	client = must(Dial(addr))(t)
	t.Cleanup(func() { client.Close() })
	server = accept(t, l)
	connected(t, client)
	l.Close()
	return client, server
}

func packet(t testing.TB, at Addr) (*PacketConn, Addr) {
	t.Helper()
	c := must(ListenPacket(at))(t)
	t.Cleanup(func() { c.Close() })
	return c, must(c.LocalAddr())(t)
}

// read waits for as many bytes as want has, and compares.
func read(t testing.TB, c *Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	n := 0
	for n < len(got) {
		err := eventually(t, "reading", func() error {
			k, err := c.Read(got[n:])
			n += k
			return err
		})
		if err != nil {
			t.Fatalf("read %q, then %v; want %q", got[:n], err, want)
		}
	}
	if !bytes.Equal(got, []byte(want)) {
		t.Fatalf("read %q, want %q", got, want)
	}
}

func write(t testing.TB, c *Conn, s string) {
	t.Helper()
	if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
		t.Fatalf("write %q: %d, %v", s, n, err)
	}
}

// end is the result of the next read once it no longer would block.
func end(t testing.TB, c *Conn) error {
	t.Helper()
	return eventually(t, "reading", func() error { _, err := c.Read(make([]byte, 1)); return err })
}

func readFrom(t testing.TB, c *PacketConn, p []byte) (n int, from Addr) {
	t.Helper()
	err := eventually(t, "reading", func() (err error) { n, from, err = c.ReadFrom(p); return })
	if err != nil {
		t.Fatal(err)
	}
	return n, from
}

func is(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) && !(err == nil && want == nil) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func mapped(a Addr) Addr {
	return Addr{AddrPort: netip.AddrPortFrom(netip.AddrFrom16(a.AddrPort.Addr().As16()), a.Port())}
}
