//go:build linux

package stdnet

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPollerSignals: a signal to the host's process harms no goroutine, whether it
// waits or works.
func TestPollerSignals(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		g := e.start(t, guestPoller(t), true, "echo")
		conns := g.dialAll(5)
		for range 5 { // at rest
			time.Sleep(20 * time.Millisecond)
			g.interrupt()
		}
		for _, c := range conns {
			g.ping(c)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 20 {
				g.interrupt()
			}
		}()
		for pinging := true; pinging; {
			select {
			case <-done:
				pinging = false
			default:
				conns = append(conns, g.dial())
				for _, c := range conns[max(0, len(conns)-5):] {
					g.ping(c)
				}
			}
		}
		for _, c := range conns {
			g.ping(c)
		}
	})
}

// TestPollerRest: connections that nobody uses cost nothing.
func TestPollerRest(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		g := e.start(t, guestPoller(t), true, "echo")
		conns := g.dialAll(500)
		time.Sleep(time.Second)
		if used := g.cpu(3 * time.Second); used > 60*time.Millisecond {
			t.Errorf("%v of processor time in 3 s at rest", used)
		}
		for _, c := range conns {
			g.ping(c)
		}
	})
}

// TestPollerBusy: goroutines that never wait do not keep the others from being served.
func TestPollerBusy(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		sink, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer sink.Close()
		for _, args := range [][]string{{"busy"}, {"sender", sink.LocalAddr().String()}} {
			t.Run(args[0], func(t *testing.T) {
				g := e.start(t, guestPoller(t), true, args...)
				tries(t, func() error {
					var took []time.Duration
					for range 30 {
						start := time.Now()
						g.ping(g.dial())
						took = append(took, time.Since(start))
					}
					slices.Sort(took)
					t.Log("a new connection is served in", took[len(took)/2], "up to", took[len(took)-1])
					if middle := took[len(took)/2]; middle > 500*time.Millisecond {
						return fmt.Errorf("a new connection is served in %v", middle)
					}
					return nil
				})
			})
		}
	})
}

// TestPollerTimers: I/O keeps no timer from being in time.
func TestPollerTimers(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		tries(t, func() error { return ticksInTime(t, e) })
	})
}

func ticksInTime(t *testing.T, e engine) error {
	g := e.start(t, guestPoller(t), true, "ticker")
	defer g.kill()
	const clients = 4
	for range clients {
		c := g.dial()
		go func() {
			for {
				if _, err := c.Write(make([]byte, 1000)); err != nil {
					return
				}
				if _, err := io.ReadFull(c, make([]byte, 1000)); err != nil {
					return
				}
			}
		}()
	}
	var least, middle, answer int
	if _, err := fmt.Sscan(g.line("late "), &least, &middle, &answer); err != nil {
		t.Fatal(err)
	}
	t.Logf("late by %d to %d µs, with an answer in %d µs", least, middle, answer)
	if least < 0 {
		t.Errorf("a tick comes %d µs early", -least)
	}
	// On a busy machine an interpreter takes its time for what the clients have asked before.
	if middle > 10_000+4*clients*answer {
		return fmt.Errorf("a tick of 10 ms is late by %d µs, with an answer in %d µs", middle, answer)
	}
	return nil
}

// TestPollerSpin: the states in which WasmEdge's polls return at once with nothing
// neither take processor time nor last forever.
func TestPollerSpin(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		t.Run("half-closed peer", func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			g := e.start(t, guestPoller(t), false, "blocked", l.Addr().String())
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.(*net.TCPConn).CloseWrite()
			time.Sleep(time.Second)
			if used := g.cpu(2 * time.Second); used > 200*time.Millisecond {
				t.Errorf("%v of processor time in 2 s", used)
			}
			c.SetDeadline(time.Now().Add(patience))
			if n, err := io.Copy(io.Discard, c); n != 8<<20 || err != nil {
				t.Errorf("received %d, %v", n, err)
			}
			g.line("wrote 8388608 <nil>")
		})
		t.Run("refused datagram", func(t *testing.T) {
			nobody, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			addr := nobody.LocalAddr().String()
			nobody.Close()
			g := e.start(t, guestPoller(t), false, "refused", addr)
			g.line("refused true")
		})
	})
}

// TestPollerClose: a poller of many connections closes them fast, and serves others.
func TestPollerClose(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		g := e.start(t, guestPoller(t), true, "echo")
		start := time.Now()
		for range 2 {
			for _, c := range g.dialAll(1000) {
				c.Close()
			}
		}
		g.ping(g.dial())
		t.Log("2,000 connections in", time.Since(start))
		for range 2 {
			for _, c := range g.dialAll(20) { // the same slots
				c.Close()
			}
		}
	})
}

// TestPollerStates: deadlines and closing, in all orders.
func TestPollerStates(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		for _, name := range []string{"deadlines", "closing"} {
			t.Run(name, func(t *testing.T) { e.start(t, guestPoller(t), false, name).line("right") })
		}
	})
}

// TestPollerCold: many idle connections make the busy ones hardly slower, are served
// soon themselves, and lose no error.
func TestPollerCold(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		g := e.start(t, guestPoller(t), true, "echo")
		active := g.dial()
		middle := func() time.Duration {
			var took []time.Duration
			for range 300 {
				took = append(took, g.ping(active))
			}
			slices.Sort(took)
			return took[len(took)/2]
		}
		alone := middle()
		idle := g.dialAll(1000)
		middle() // while the idle ones cool down
		tries(t, func() error {
			among := middle()
			t.Log("a round trip takes", alone, "alone,", among, "among 1,000 idle connections")
			if among > 3*alone+time.Millisecond {
				return fmt.Errorf("a round trip takes %v alone, %v among idle connections", alone, among)
			}
			return nil
		})

		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					g.ping(active)
				}
			}
		}()
		first := 0
		tries(t, func() error {
			var took []time.Duration
			for _, c := range idle[first : first+50] {
				took = append(took, g.ping(c))
			}
			first += 50
			slices.Sort(took)
			t.Log("an idle connection is served in", took[25], "up to", took[49])
			if took[25] > 200*time.Millisecond {
				return fmt.Errorf("an idle connection is served in %v", took[25])
			}
			return nil
		})
		c := idle[len(idle)-1].(*net.TCPConn)
		c.SetLinger(0)
		c.Close() // by RST
		if line := g.line("ended: "); !strings.HasPrefix(line, "true") {
			t.Errorf("a reset idle connection ends with %q", line)
		}
		close(stop)
		<-stopped
		for _, c := range idle[:len(idle)-1] {
			g.ping(c)
		}
	})
}
