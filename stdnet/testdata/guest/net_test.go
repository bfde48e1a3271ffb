//go:build wasip1

// Package guest is tests of what Go's own do not reach, run inside wasm by the tests of
// package stdnet, with the overlay.
package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// wasmedge is whether this runs on WasmEdge, which has fewer options.
var wasmedge = os.Getenv("ENGINE") == "wasmedge"

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// pair is both ends of a connection, and its listener.
func pair(t *testing.T, network, address string) (client, server net.Conn, ln net.Listener) {
	t.Helper()
	ln = must[net.Listener](t)(net.Listen(network, address))
	client = must[net.Conn](t)(net.Dial(network, ln.Addr().String()))
	server = must[net.Conn](t)(ln.Accept())
	t.Cleanup(func() { client.Close(); server.Close(); ln.Close() })
	for _, c := range []net.Conn{client, server} {
		c.SetDeadline(time.Now().Add(10 * time.Second))
	}
	return client, server, ln
}

// echo sends text and wants it at the other end.
func echo(t *testing.T, from io.Writer, to io.Reader, text string) {
	t.Helper()
	must[int](t)(io.WriteString(from, text))
	b := make([]byte, len(text))
	if must[int](t)(io.ReadFull(to, b)); string(b) != text {
		t.Fatalf("got %q, want %q", b, text)
	}
}

func option(t *testing.T, c syscall.Conn, level, name int) (value int, err error) {
	t.Helper()
	raw := must[syscall.RawConn](t)(c.SyscallConn())
	if e := raw.Control(func(fd uintptr) { value, err = syscall.GetsockoptInt(int(fd), level, name) }); e != nil {
		t.Fatal(e)
	}
	return value, err
}

func TestOptions(t *testing.T) {
	client, _, _ := pair(t, "tcp", "127.0.0.1:0")
	c := client.(*net.TCPConn)
	for _, o := range []struct {
		name        string
		level, code int
		set         func() error
		want        int
		everywhere  bool
	}{
		{"no delay by default", syscall.IPPROTO_TCP, syscall.TCP_NODELAY, func() error { return nil }, 1, false},
		{"delay", syscall.IPPROTO_TCP, syscall.TCP_NODELAY, func() error { return c.SetNoDelay(false) }, 0, false},
		{"no delay", syscall.IPPROTO_TCP, syscall.TCP_NODELAY, func() error { return c.SetNoDelay(true) }, 1, false},
		{"idle", syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, func() error { return c.SetKeepAlivePeriod(77 * time.Second) }, 77, false},
		{"no keep-alive", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, func() error { return c.SetKeepAlive(false) }, 0, true},
		{"keep-alive", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, func() error { return c.SetKeepAlive(true) }, 1, true},
		{"type", syscall.SOL_SOCKET, syscall.SO_TYPE, func() error { return nil }, syscall.SOCK_STREAM, true},
	} {
		err := o.set()
		got, readErr := option(t, c, o.level, o.code)
		if wasmedge && !o.everywhere {
			if o.name != "no delay by default" && !errors.Is(err, syscall.ENOPROTOOPT) || readErr != syscall.ENOPROTOOPT {
				t.Errorf("%s: %v and %v, want ENOPROTOOPT", o.name, err, readErr)
			}
			continue
		}
		if err != nil || readErr != nil || got != o.want {
			t.Errorf("%s: %d, %v, %v, want %d", o.name, got, err, readErr, o.want)
		}
	}
	for _, err := range []error{c.SetLinger(3), c.SetLinger(-1), c.SetReadBuffer(1 << 16), c.SetWriteBuffer(1 << 16)} {
		if err != nil {
			t.Error(err)
		}
	}
}

// TestFamilies wants tcp4 and tcp6 at one port, which takes an option.
func TestFamilies(t *testing.T) {
	six := must[net.Listener](t)(net.Listen("tcp6", "[::1]:0"))
	defer six.Close()
	if !wasmedge {
		raw := must[syscall.RawConn](t)(six.(*net.TCPListener).SyscallConn())
		raw.Control(func(fd uintptr) {
			if only, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY); only != 1 || err != nil {
				t.Errorf("tcp6 takes IPv4 too: %d, %v", only, err)
			}
		})
	}
	if _, err := net.Listen("tcp4", "[::1]:0"); err == nil {
		t.Error("tcp4 listens at an IPv6 address")
	}
}

// TestFile passes connections through os.File and back.
func TestFile(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		address := "127.0.0.1:0"
		if network == "unix" {
			address = t.TempDir() + "/s"
		}
		client, server, ln := pair(t, network, address)
		f := must[*os.File](t)(client.(interface{ File() (*os.File, error) }).File())
		c := must[net.Conn](t)(net.FileConn(f))
		f.Close()
		if c.LocalAddr().String() != client.LocalAddr().String() || c.RemoteAddr().String() != client.RemoteAddr().String() || c.LocalAddr().Network() != network {
			t.Errorf("%s: %v -> %v, want %v -> %v", network, c.LocalAddr(), c.RemoteAddr(), client.LocalAddr(), client.RemoteAddr())
		}
		client.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		echo(t, c, server, "the file's connection outlives the first")
		echo(t, server, c, "both ways")
		c.Close()
		if n, err := server.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("%s: after the last Close: %d, %v", network, n, err)
		}

		f = must[*os.File](t)(ln.(interface{ File() (*os.File, error) }).File())
		l := must[net.Listener](t)(net.FileListener(f))
		f.Close()
		if l.Addr().String() != ln.Addr().String() || l.Addr().Network() != network {
			t.Errorf("%s: listens at %v, want %v", network, l.Addr(), ln.Addr())
		}
		if u, ok := ln.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
		ln.Close()
		again := must[net.Conn](t)(net.Dial(network, l.Addr().String()))
		must[net.Conn](t)(l.Accept()).Close()
		again.Close()
		l.Close()
		if _, err := net.Dial(network, l.Addr().String()); err == nil {
			t.Errorf("%s: the listener is there after the last Close", network)
		}
	}
	u := must[net.PacketConn](t)(net.ListenPacket("udp4", "127.0.0.1:0"))
	f := must[*os.File](t)(u.(*net.UDPConn).File())
	p := must[net.PacketConn](t)(net.FilePacketConn(f))
	if _, ok := p.(*net.UDPConn); !ok || p.LocalAddr().String() != u.LocalAddr().String() {
		t.Errorf("%T at %v, want *net.UDPConn at %v", p, p.LocalAddr(), u.LocalAddr())
	}
	if _, err := net.FileListener(f); err == nil {
		t.Error("a listener is made of a packet socket")
	}
	f.Close()
	u.Close()
	p.Close()
	file := must[*os.File](t)(os.Create(t.TempDir() + "/f"))
	defer file.Close()
	if _, err := net.FileConn(file); err == nil {
		t.Error("a connection is made of a file")
	}
}

// TestSenders holds the ports of datagrams against what the senders say, among them
// such as show nothing about the order of their bytes.
func TestSenders(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "127.0.0.1:28784", "127.0.0.1:25956"} {
		to := must[net.PacketConn](t)(net.ListenPacket("udp", "127.0.0.1:0"))
		if address[0] == '[' {
			to.Close()
			to = must[net.PacketConn](t)(net.ListenPacket("udp", "[::1]:0"))
		}
		from, err := net.ListenPacket("udp", address)
		if err != nil {
			t.Logf("%s: %v", address, err) // taken
			continue
		}
		must[int](t)(from.WriteTo([]byte("x"), to.LocalAddr()))
		to.SetDeadline(time.Now().Add(10 * time.Second))
		_, sender, err := to.ReadFrom(make([]byte, 8))
		if err != nil || sender.String() != from.LocalAddr().String() {
			t.Errorf("the sender is %v, %v, want %v", sender, err, from.LocalAddr())
		}
		from.Close()
		to.Close()
	}
}

// TestBuffers sends buffers as one datagram, which one call alone can do, and many.
// TestDatagramEdges sends datagrams that are empty, too long for a buffer and for UDP, to
// another family, and to a port where nobody listens.
func TestDatagramEdges(t *testing.T) {
	s := must[*net.UDPConn](t)(net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))
	defer s.Close()
	to := s.LocalAddr().(*net.UDPAddr)
	c := must[*net.UDPConn](t)(net.DialUDP("udp4", nil, to))
	defer c.Close()
	s.SetDeadline(time.Now().Add(5 * time.Second))
	c.SetDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 10)
	c.Write(nil)
	n, from, err := s.ReadFromUDP(b)
	if n != 0 || from.String() != c.LocalAddr().String() || err != nil {
		t.Errorf("an empty one: %d from %v, %v", n, from, err)
	}
	s.WriteTo(nil, from)
	if n, err := c.Read(b); n != 0 || err != nil {
		t.Errorf("an empty answer: %d, %v", n, err)
	}
	c.Write(make([]byte, 100))
	if n, oobn, flags, _, err := s.ReadMsgUDPAddrPort(b, nil); n != len(b) || oobn != 0 || flags&syscall.MSG_TRUNC == 0 || err != nil {
		t.Errorf("100 bytes into %d: %d, %d, flags %#x, %v", len(b), n, oobn, flags, err)
	}
	const longest = 65507
	if _, err := c.Write(make([]byte, longest+1)); !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("a byte more than UDP has: %v", err)
	}
	if n, err := c.Write(make([]byte, longest)); n != longest || err != nil {
		t.Errorf("as many bytes as UDP has: %d, %v", n, err)
	}
	if n, _, err := s.ReadFromUDPAddrPort(make([]byte, 1<<16)); n != longest || err != nil {
		t.Errorf("as many bytes as UDP has, read: %d, %v", n, err)
	}
	if _, err := c.WriteTo(b, to); !errors.Is(err, net.ErrWriteToConnected) {
		t.Errorf("to an address, of a connected socket: %v", err)
	}
	if _, err := s.WriteToUDPAddrPort(b, netip.MustParseAddrPort("[::1]:9")); err == nil {
		t.Error("IPv4 sends to IPv6")
	}
	s.Close()
	c.Write(b)
	if _, err := c.Read(b); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("nobody listens: %v", err)
	}
	if _, err := c.Write(b); err != nil {
		t.Errorf("after that was read: %v", err)
	}
}

func TestBuffers(t *testing.T) {
	to := must[net.PacketConn](t)(net.ListenPacket("udp", "127.0.0.1:0"))
	defer to.Close()
	to.SetDeadline(time.Now().Add(10 * time.Second))
	from := must[net.Conn](t)(net.Dial("udp", to.LocalAddr().String()))
	defer from.Close()
	buffers := net.Buffers{[]byte("one "), nil, []byte("datagram")}
	must[int64](t)(buffers.WriteTo(from))
	b := make([]byte, 64)
	n, _, err := to.ReadFrom(b)
	if err != nil || string(b[:n]) != "one datagram" {
		t.Errorf("got %q, %v", b[:n], err)
	}

	client, server, _ := pair(t, "tcp", "127.0.0.1:0")
	var want []byte
	buffers = nil
	for i := range 1000 {
		b := slices.Repeat([]byte{byte(i)}, i*7)
		want, buffers = append(want, b...), append(buffers, b)
	}
	go func() {
		buffers.WriteTo(client)
		client.Close()
	}()
	if got := must[[]byte](t)(io.ReadAll(server)); !slices.Equal(got, want) {
		t.Errorf("%d bytes came, want %d, in order", len(got), len(want))
	}
}

// TestResetBeforeAccept wants a connection with an address, whatever came before it.
func TestResetBeforeAccept(t *testing.T) {
	ln := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	defer ln.Close()
	gone := must[net.Conn](t)(net.Dial("tcp", ln.Addr().String()))
	gone.(*net.TCPConn).SetLinger(0)
	gone.Close()
	c := must[net.Conn](t)(net.Dial("tcp", ln.Addr().String()))
	defer c.Close()
	ln.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Second))
	for {
		s := must[net.Conn](t)(ln.Accept())
		if a, ok := s.RemoteAddr().(*net.TCPAddr); !ok || a == nil || a.Port == 0 {
			t.Fatalf("the peer is at %v", s.RemoteAddr())
		}
		s.Close()
		if s.RemoteAddr().String() == c.LocalAddr().String() {
			return
		}
	}
}

// TestWriteAfterClose would end WasmEdge by SIGPIPE.
func TestWriteAfterClose(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		address := "127.0.0.1:0"
		if network == "unix" {
			address = t.TempDir() + "/s"
		}
		client, server, _ := pair(t, network, address)
		server.Close()
		var err error
		for range 100 {
			if _, err = client.Write(make([]byte, 1<<10)); err != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: the error is %v", network, err)
		}
		buffers := net.Buffers{[]byte("x"), []byte("y")}
		if _, err := buffers.WriteTo(client); !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: the error of buffers is %v", network, err)
		}
	}
}

// TestRefusedAddresses are those that the host would cut in silence.
func TestRefusedAddresses(t *testing.T) {
	zone := &net.UDPAddr{IP: net.ParseIP("fe80::1"), Port: 53, Zone: "7"}
	high := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1<<16 + 80}
	_, dialZone := net.DialUDP("udp", nil, zone)
	_, listenZone := net.ListenUDP("udp", zone)
	_, dialHigh := net.DialTCP("tcp", nil, high)
	_, listenHigh := net.ListenTCP("tcp", high)
	_, long := net.Dial("unix", "/"+string(slices.Repeat([]byte{'x'}, 200)))
	for i, err := range []error{dialZone, listenZone, dialHigh, listenHigh, long} {
		if !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%d: the error is %v", i, err)
		}
	}
}

func TestUnix(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{dir + "/s", "@wasisock-" + dir} {
		client, server, ln := pair(t, "unix", name)
		echo(t, client, server, "to the server")
		echo(t, server, client, "to the client")
		if ln.Addr().String() != name || client.RemoteAddr().String() != name || server.LocalAddr().String() != name {
			t.Errorf("%s: the addresses are %v, %v, %v", name, ln.Addr(), client.RemoteAddr(), server.LocalAddr())
		}
		if client.LocalAddr().String() != "@" || server.RemoteAddr().String() != "@" {
			t.Errorf("%s: the unnamed end is %v and %v", name, client.LocalAddr(), server.RemoteAddr())
		}
	}
	if _, err := os.Stat(dir + "/s"); err != nil {
		t.Errorf("the socket is gone before the listener: %v", err)
	}
	if err := os.Chmod(dir+"/s", 0o600); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Chmod of a socket: %v", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Error(err)
	}

	for _, name := range []string{dir + "/g", "@wasisock-g-" + dir} {
		a := must[*net.UnixConn](t)(net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"}))
		b := must[*net.UnixConn](t)(net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name + "2", Net: "unixgram"}))
		unnamed := must[net.Conn](t)(net.Dial("unixgram", name))
		for _, c := range []net.Conn{a, b, unnamed} {
			c.SetDeadline(time.Now().Add(10 * time.Second))
		}
		buf := make([]byte, 16)
		must[int](t)(b.WriteTo([]byte("named"), a.LocalAddr()))
		n, from, err := a.ReadFrom(buf)
		if err != nil || string(buf[:n]) != "named" || from.String() != name+"2" {
			t.Errorf("%s: got %q from %v, %v", name, buf[:n], from, err)
		}
		must[int](t)(unnamed.Write([]byte("unnamed")))
		n, from, err = a.ReadFrom(buf)
		if u, ok := from.(*net.UnixAddr); err != nil || string(buf[:n]) != "unnamed" || ok && u != nil && u.Name != "" {
			t.Errorf("%s: got %q from %v, %v", name, buf[:n], from, err)
		}
		a.Close()
		b.Close()
		unnamed.Close()
	}
}

// TestLookup runs without files: the host's resolver is the name server.
func TestLookup(t *testing.T) {
	addrs, err := net.DefaultResolver.LookupHost(context.Background(), "localhost")
	if err != nil || !slices.Contains(addrs, "127.0.0.1") && !slices.Contains(addrs, "::1") {
		t.Errorf("localhost is %v, %v", addrs, err)
	}
	ln := must[net.Listener](t)(net.Listen("tcp", "localhost:0"))
	defer ln.Close()
	must[net.Conn](t)(net.Dial("tcp", ln.Addr().String())).Close()
	for _, name := range []string{"localhost", "localhost."} {
		if cname, err := net.LookupCNAME(name); cname != "localhost." || err != nil {
			t.Errorf("%s is called %q, %v", name, cname, err)
		}
	}
	if _, err := net.LookupHost("nowhere.invalid."); !strings.Contains(fmt.Sprint(err), "no such host") {
		t.Errorf("nowhere.invalid. is %v", err)
	}
	_, err = net.LookupMX("localhost")
	var dns *net.DNSError
	if !errors.As(err, &dns) || dns.IsNotFound {
		t.Errorf("the host's resolver knows no MX records, and says %v", err)
	}
}

// TestServer runs with DNS_SERVER, which knows one name.
func TestServer(t *testing.T) {
	addrs, err := net.LookupHost("known.example")
	if err != nil || !slices.Equal(addrs, []string{"192.0.2.33"}) {
		t.Errorf("known.example is %v, %v", addrs, err)
	}
	_, err = net.LookupHost("unknown.example")
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound {
		t.Errorf("unknown.example is not found by %v", err)
	}
}
