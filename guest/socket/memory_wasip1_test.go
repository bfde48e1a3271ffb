package socket

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTheHotPathAllocatesNothing(t *testing.T) {
	client, server := pair(t, loopback4)
	a, addrA := packet(t, loopback4)
	b, addrB := packet(t, loopback4)
	l, _ := listen(t, loopback4)
	ended, gone := pair(t, loopback4)
	gone.Close()
	is(t, "Read", end(t, ended), io.EOF)
	a.WriteTo(nil, addrB)
	readFrom(t, b, nil) // learns the order of ports
	buf := make([]byte, 64)
	bufs := [][]byte{buf[:1], buf[1:2], nil}
	check := func(what string, err, want error) {
		if err != want {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	for name, do := range map[string]func(){
		"Read and Write": func() {
			_, err := client.Write(buf[:1])
			check("Write", err, nil)
			check("Read", spin(func() error { _, err := server.Read(buf); return err }), nil)
		},
		"ReadV and WriteV": func() {
			_, err := client.WriteV(bufs)
			check("WriteV", err, nil)
			check("ReadV", spin(func() error { _, err := server.ReadV(bufs); return err }), nil)
		},
		"ReadFrom and WriteTo": func() {
			_, err := a.WriteTo(buf[:1], addrB)
			check("WriteTo", err, nil)
			var from Addr
			check("ReadFrom", spin(func() (err error) { _, from, err = b.ReadFrom(buf); return }), nil)
			if from != addrA {
				t.Errorf("from %v", from)
			}
		},
		"what would block": func() {
			_, err := server.Read(buf)
			check("Read", err, syscall.EAGAIN)
			_, _, err = b.ReadFrom(buf)
			check("ReadFrom", err, syscall.EAGAIN)
			_, err = b.Read(buf)
			check("Read", err, syscall.EAGAIN)
			_, err = l.Accept()
			check("Accept", err, syscall.EAGAIN)
			if !WouldBlock(err) {
				t.Error("Accept would not block")
			}
		},
		"the end": func() {
			_, err := ended.Read(buf)
			check("Read", err, io.EOF)
		},
		"addresses": func() {
			_, err := client.RemoteAddr()
			check("RemoteAddr", err, nil)
			_, err = client.LocalAddr()
			check("LocalAddr", err, nil)
			_, err = client.Connected()
			check("Connected", err, nil)
		},
		"options": func() {
			_, err := Error.Get(&client.Socket)
			check("Error", err, nil)
			check("KeepAlive", KeepAlive.Set(&client.Socket, true), nil)
		},
	} {
		if n := testing.AllocsPerRun(100, do); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestBuffersOnAStackThatMoves reads and writes buffers that lie on a stack, at
// every depth of a new one, so that some calls meet the end of it and move it.
func TestBuffersOnAStackThatMoves(t *testing.T) {
	client, server := pair(t, loopback4)
	a, addrA := packet(t, loopback4)
	done := make(chan bool)
	for depth := range 120 {
		go func() { // a new stack, which is small
			defer func() { done <- true }()
			descend(depth, func() {
				var out, in [40]byte
				for i := range out {
					out[i] = byte(depth + i)
				}
				if n, err := client.Write(out[:]); n != len(out) || err != nil {
					t.Errorf("Write: %d, %v", n, err)
				}
				var n int
				err := spin(func() (err error) { n, err = server.ReadV([][]byte{in[:7], in[7:]}); return })
				if n != len(in) || err != nil || in != out {
					t.Errorf("depth %d: ReadV: %d, %v, %v", depth, n, err, in)
				}
				in = [40]byte{}
				if n, err := a.WriteToV([][]byte{out[:3], out[3:]}, addrA); n != len(out) || err != nil {
					t.Errorf("WriteToV: %d, %v", n, err)
				}
				var from Addr
				err = spin(func() (err error) { n, from, err = a.ReadFrom(in[:]); return })
				if n != len(in) || err != nil || in != out || from != addrA {
					t.Errorf("depth %d: ReadFrom: %d, %v, %v, %v", depth, n, err, in, from)
				}
			})
		}()
		<-done
	}
}

//go:noinline
func descend(depth int, do func()) {
	var frame [72]byte // less than a call needs, so that depths differ by little
	if depth > 0 {
		descend(depth-1, do)
	} else {
		do()
	}
	runtime.KeepAlive(&frame)
}

func TestGoroutinesDoNotMixTheirCalls(t *testing.T) {
	const pairs, rounds = 8, 10
	done := make(chan bool)
	for id := range pairs {
		client, server := pair(t, loopback4)
		p, self := packet(t, loopback4)
		go func() {
			defer func() { done <- true }()
			want := bytes.Repeat([]byte{byte(id)}, 100+id)
			for range rounds {
				client.Write(want)
				got, buf := make([]byte, 200), make([]byte, 200)
				var n, m int
				var from Addr
				err := spin(func() error {
					k, err := server.Read(got[n:])
					if n += k; err == nil && n < len(want) {
						return syscall.EAGAIN
					}
					return err
				})
				p.WriteTo(want, self)
				runtime.GC()
				if err == nil {
					err = spin(func() (err error) { m, from, err = p.ReadFrom(buf); return })
				}
				if !bytes.Equal(got[:n], want) || !bytes.Equal(buf[:m], want) || from != self || err != nil {
					t.Errorf("%d: %v, %v from %v, %v", id, got[:n], buf[:m], from, err)
				}
			}
		}()
	}
	for range pairs {
		<-done
	}
}

func TestRunningOutOfDescriptorsNamesTheLimitAndPasses(t *testing.T) {
	l, addr := listen(t, loopback4)
	time.Sleep(time.Millisecond) // the host's poller needs descriptors of its own, once
	waiting := must(Dial(addr))(t)
	defer waiting.Close()
	connected(t, waiting)
	var open []*PacketConn
	closeAll := func() {
		for _, c := range open {
			c.Close()
		}
		open = nil
	}
	defer closeAll()
	var err error
	for err == nil {
		var c *PacketConn
		if c, err = ListenPacket(loopback4); err == nil {
			open = append(open, c)
		}
		if len(open) > 3000 {
			closeAll()
			t.Skip("the host gives more than 3000 descriptors")
		}
	}
	for name, open := range map[string]func() error{
		"ListenPacket": func() error { return err },
		"Dial":         func() error { _, err := Dial(addr); return err },
		"Listen":       func() error { _, err := Listen(loopback4, 1); return err },
		"Accept":       func() error { _, err := l.Accept(); return err },
	} {
		err := open()
		if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) || !strings.Contains(err.Error(), "ulimit -n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	closeAll()
	accept(t, l).Close()
	must(Dial(addr))(t).Close()
}
