//go:build wasip1

package guest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// gathers is whether this runs with WASISOCK_GATHER=1.
var gathers = os.Getenv("WASISOCK_GATHER") == "1"

// arrived returns what a read of c would return, without waiting for it, or taking it.
func arrived(t *testing.T, c net.Conn) string {
	t.Helper()
	b := make([]byte, 1000)
	var n int
	var err error
	raw := must[syscall.RawConn](t)(c.(syscall.Conn).SyscallConn())
	raw.Control(func(fd uintptr) { n, _, err = syscall.Recvfrom(int(fd), b, syscall.MSG_PEEK) })
	if err != nil && err != syscall.EAGAIN {
		t.Fatal(err)
	}
	return string(b[:max(0, n)])
}

func write(t *testing.T, c io.Writer, text string) {
	t.Helper()
	must[int](t)(io.WriteString(c, text))
}

// TestGatherOff: what is written leaves at once, unless WASISOCK_GATHER says otherwise, and
// datagrams do so always.
func TestGatherOff(t *testing.T) {
	networks := []string{"udp", "unixgram"}
	if !gathers {
		networks = append(networks, "tcp")
	}
	for _, network := range networks {
		var from, to net.Conn
		switch network {
		case "tcp":
			from, to, _ = pair(t, "tcp", "127.0.0.1:0")
		case "udp":
			to = must[*net.UDPConn](t)(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))
			from = must[net.Conn](t)(net.Dial("udp", to.LocalAddr().String()))
		case "unixgram":
			path := filepath.Join(t.TempDir(), "s")
			to = must[*net.UnixConn](t)(net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"}))
			from = must[net.Conn](t)(net.Dial("unixgram", path))
		}
		write(t, from, "one")
		if got := arrived(t, to); got != "one" {
			t.Errorf("%s: %q has arrived at once", network, got)
		}
		from.Close()
		to.Close()
	}
}

func needsGather(t *testing.T) {
	if !gathers {
		t.Skip("runs with WASISOCK_GATHER=1")
	}
}

// TestGatherLeaves: what is written leaves when a goroutine waits, and before what follows it.
func TestGatherLeaves(t *testing.T) {
	needsGather(t)
	for _, way := range []struct {
		name string
		do   func(t *testing.T, c *net.TCPConn)
	}{
		{"yield", func(*testing.T, *net.TCPConn) { runtime.Gosched() }},
		{"park", func(*testing.T, *net.TCPConn) {
			c := make(chan int)
			go func() { c <- 1 }()
			<-c
		}},
		{"sleep", func(*testing.T, *net.TCPConn) { time.Sleep(time.Millisecond) }},
		{"read", func(t *testing.T, c *net.TCPConn) { arrived(t, c) }},
		{"SetLinger", func(t *testing.T, c *net.TCPConn) { c.SetLinger(1) }},
		{"CloseWrite", func(t *testing.T, c *net.TCPConn) {
			c.CloseWrite()
			if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
				t.Errorf("a write after CloseWrite: %v", err)
			}
		}},
		{"Close", func(t *testing.T, c *net.TCPConn) { c.Close() }},
	} {
		t.Run(way.name, func(t *testing.T) {
			client, server, _ := pair(t, "tcp", "127.0.0.1:0")
			write(t, client, "one")
			n, err := (&net.Buffers{[]byte("two"), []byte("three")}).WriteTo(client)
			if n != 8 || err != nil {
				t.Fatal(n, err)
			}
			if got := arrived(t, server); got != "" {
				t.Errorf("%q has arrived at once", got)
			}
			way.do(t, client.(*net.TCPConn))
			if got := arrived(t, server); got != "onetwothree" {
				t.Errorf("%q has arrived", got)
			}
		})
	}
	t.Run("exit of a goroutine", func(t *testing.T) {
		client, server, _ := pair(t, "tcp", "127.0.0.1:0")
		for range 3 { // the first makes goroutine and buffer of the runtime's
			go func() { write(t, client, "one") }()
			time.Sleep(time.Millisecond)
			if got := arrived(t, server); got != "one" {
				t.Errorf("%q has arrived", got)
			}
			server.Read(make([]byte, 10))
		}
	})
}

// TestGatherErrors: an error is returned by the next call, once.
func TestGatherErrors(t *testing.T) {
	needsGather(t)
	reset := func(t *testing.T) net.Conn {
		client, server, _ := pair(t, "tcp", "127.0.0.1:0")
		server.(*net.TCPConn).SetLinger(0)
		write(t, client, "one")
		server.Close()
		return client
	}
	is := func(err error) bool { return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) }
	t.Run("before", func(t *testing.T) { // the first write fails, as ever
		client, server, _ := pair(t, "tcp", "127.0.0.1:0")
		server.(*net.TCPConn).SetLinger(0)
		server.Close()
		if n, err := client.Write([]byte("one")); n != 0 || !is(err) {
			t.Errorf("%d, %v", n, err)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, way := range []struct {
		name string
		call func(c *net.TCPConn) error
	}{
		{"write", func(c *net.TCPConn) error { _, err := c.Write([]byte("two")); return err }},
		{"large write", func(c *net.TCPConn) error { _, err := c.Write(make([]byte, 1<<20)); return err }},
		{"read", func(c *net.TCPConn) error { _, err := c.Read(make([]byte, 1)); return err }},
		{"CloseWrite", func(c *net.TCPConn) error { return c.CloseWrite() }},
		{"Close", func(c *net.TCPConn) error { return c.Close() }},
	} {
		t.Run(way.name, func(t *testing.T) {
			for _, waits := range []bool{false, true} {
				if way.name == "write" && !waits {
					continue // it is kept, too
				}
				c := reset(t).(*net.TCPConn)
				if waits {
					runtime.Gosched()
				}
				if err := way.call(c); !is(err) {
					t.Errorf("waits %v: it returns %v", waits, err)
				}
				if _, err := c.Write([]byte("three")); err == nil {
					t.Errorf("waits %v: a write after that succeeds", waits)
				}
				if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
					t.Errorf("waits %v: closing after that: %v", waits, err)
				}
			}
		})
	}
}

// TestGatherOrder: what goroutines write in whatever way arrives in its order, and none of
// it within a write of another.
func TestGatherOrder(t *testing.T) {
	needsGather(t)
	client, server, _ := pair(t, "tcp", "127.0.0.1:0")
	client.SetDeadline(time.Now().Add(time.Minute))
	server.SetDeadline(time.Now().Add(time.Minute))
	const writers, rounds = 8, 14
	line := func(writer, round, length int) string {
		return fmt.Sprintf("%d %d %s\n", writer, round, strings.Repeat(string(rune('a'+writer)), length))
	}
	lengths := []int{1, 100, 5000, 40_000, 70_000, 0, 200_000}
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() {
			for round := range rounds {
				text := line(writer, round, lengths[(writer+round)%len(lengths)])
				var err error
				switch half := len(text) / 2; round % 3 {
				case 0:
					_, err = client.Write([]byte(text))
				case 1:
					_, err = (&net.Buffers{[]byte(text[:half]), nil, []byte(text[half:])}).WriteTo(client)
				case 2:
					_, err = io.Copy(client, bytes.NewReader([]byte(text))) // one write
				}
				if err != nil {
					t.Error(err)
				}
				if round%5 == writer%5 {
					runtime.Gosched()
				}
			}
		})
	}
	go func() {
		all.Wait()
		client.Close()
	}()
	var got bytes.Buffer
	if _, err := io.Copy(&got, server); err != nil {
		t.Fatal(err)
	}
	next := make([]int, writers)
	for text := range strings.Lines(got.String()) {
		writer := int(text[0] - '0')
		if writer < 0 || writer >= writers {
			t.Fatalf("a line begins with %.20q", text)
		}
		round := next[writer]
		next[writer]++
		if want := line(writer, round, lengths[(writer+round)%len(lengths)]); text != want {
			t.Fatalf("a line is %.20q (%d bytes), want %.20q (%d bytes)", text, len(text), want, len(want))
		}
	}
	for writer, n := range next {
		if n != rounds {
			t.Errorf("%d lines of writer %d have arrived", n, writer)
		}
	}
}

// fill writes to c in small pieces until that takes too long, and returns how much.
func fill(t *testing.T, c net.Conn) (n int) {
	t.Helper()
	piece := bytes.Repeat([]byte("x"), 3000)
	for {
		c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		k, err := c.Write(piece)
		n += k
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.SetWriteDeadline(time.Time{})
			return n
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestGatherFull: where the host takes no more, writes wait, and what was kept arrives, also
// when the connection has been closed, or closed for writing.
func TestGatherFull(t *testing.T) {
	needsGather(t)
	for _, end := range []string{"write", "CloseWrite", "Close", "wait"} {
		t.Run(end, func(t *testing.T) {
			client, server, _ := pair(t, "tcp", "127.0.0.1:0")
			n := fill(t, client)
			switch end {
			case "write":
				go func() { write(t, client, "end"); client.Close() }()
				n += 3
			case "CloseWrite":
				if err := client.(*net.TCPConn).CloseWrite(); err != nil {
					t.Error(err)
				}
			case "Close":
				if err := client.Close(); err != nil {
					t.Error(err)
				}
			case "wait": // nobody writes or closes: it arrives all the same
				if _, err := io.CopyN(io.Discard, server, int64(n)); err != nil {
					t.Fatal(err)
				}
				client.Close()
				n = 0
			}
			got, err := io.Copy(io.Discard, server)
			if int(got) != n || err != nil {
				t.Errorf("%d bytes of %d, %v", got, n, err)
			}
		})
	}
	t.Run("many", func(t *testing.T) { // more than there is room for
		const conns = 80
		var all sync.WaitGroup
		for range conns {
			client, server, _ := pair(t, "tcp", "127.0.0.1:0")
			client.(*net.TCPConn).SetWriteBuffer(4096)
			server.(*net.TCPConn).SetReadBuffer(4096)
			n := fill(t, client)
			client.(*net.TCPConn).CloseWrite()
			all.Go(func() {
				time.Sleep(100 * time.Millisecond)
				if got, err := io.Copy(io.Discard, server); int(got) != n || err != nil {
					t.Errorf("%d bytes of %d, %v", got, n, err)
				}
			})
		}
		all.Wait()
	})
}
