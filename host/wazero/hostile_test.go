//go:build linux

package wazero

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
)

const hostileDir = "../../testdata/hostile"

// A harm is a way of being hostile, and what becomes of the guest.
type harm struct {
	name string // of a file of text, or of what the program there is to do
	arg  int
	cmd  func(*host.Cmd)
	ends func(error) bool // nil is an exit with 0
	slow bool             // not for two thousand times
}

func (h harm) isText() bool { return filepath.Ext(h.name) == ".wat" }

func trapped(text string) func(error) bool {
	return func(err error) bool {
		var trap *host.TrapError
		return errors.As(err, &trap) && strings.Contains(trap.Text, text)
	}
}

func atLimit(err error) bool {
	var limit *host.LimitError
	return errors.As(err, &limit)
}

func sockets(n int) func(*host.Cmd)        { return func(c *host.Cmd) { c.Limits.Sockets = n } }
func wall(d time.Duration) func(*host.Cmd) { return func(c *host.Cmd) { c.Limits.WallTime = d } }

// hangs gives a guest a nameserver that takes no connection and refuses none.
func hangs(c *host.Cmd) {
	c.Limits.WallTime = 500 * time.Millisecond
	c.Policy = func(host.Request) error { return nil }
	c.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
}

// harms is all of them, against a server at that port.
func harms(port int) []harm {
	all := []harm{
		{name: "bomb", arg: 100, cmd: sockets(100)},
		{name: "forget", arg: 50, cmd: sockets(50)},
		{name: "hang", cmd: hangs, ends: atLimit, slow: true},
		{name: "many", arg: manySockets(), slow: true},
		{name: "names"},
		{name: "numbers"},
		{name: "overlap", arg: port, slow: true},
		{name: "reuse", arg: 20},
		{name: "slow", arg: port, slow: true},
		{name: "stale", arg: 20},
		{name: "storm", arg: port, slow: true},
		{name: "subscriptions"},
		{name: "thief"},
		{name: "edge.wat"},
		{name: "grow.wat"},
		{name: "spin.wat", cmd: wall(200 * time.Millisecond), ends: atLimit, slow: true},
		{name: "start.wat", cmd: wall(200 * time.Millisecond), ends: atLimit, slow: true},
		{name: "trap.wat", ends: trapped("unreachable"), cmd: func(c *host.Cmd) {
			c.Stdin = bytes.NewReader(binary.LittleEndian.AppendUint32(nil, uint32(port)))
		}},
	}
	if engine != "wasmedge" { // whose interpreter takes all of the machine's memory
		all = append(all, harm{name: "recurse.wat", ends: trapped("stack overflow"), slow: true})
	}
	return all
}

// manySockets is thirty thousand, for sixty thousand subscriptions, or as many as this
// process can have beside others. An interpreter takes minutes for so many.
func manySockets() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || testing.Short() || engine == "wasmedge" {
		return 1000
	}
	return int(min(30_000, max(limit.Cur, 3000)-2000))
}

// An arsenal is the modules of the hostile guests, compiled: what computes without end
// so that it can be stopped.
type arsenal map[string]host.Module

func newArsenal(t *testing.T, harms []harm) arsenal {
	a := arsenal{}
	add := func(name string, wasm []byte) {
		cfg := cached()
		cfg.Interruptible = name == "spin.wat" || name == "start.wat"
		m, err := compile(t.Context(), wasm, cfg)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Cleanup(func() { m.Close() })
		a[name] = m
	}
	for _, h := range harms {
		switch {
		case h.isText():
			add(h.name, assemble(t, filepath.Join(hostileDir, h.name)))
		case a[""] == nil:
			add("", built(t, hostileDir))
		}
	}
	return a
}

// command is a guest that does harm. On loopback it may do what it wants.
func (a arsenal) command(t *testing.T, h harm) (cmd *host.Cmd, stderr *strings.Builder) {
	policy, err := host.ParsePolicy("dial tcp 127.0.0.1:*", "listen tcp 127.0.0.1:*", "listen udp 127.0.0.1:*", "send udp 127.0.0.1:*")
	if err != nil {
		t.Fatal(err)
	}
	stderr = new(strings.Builder)
	cmd = &host.Cmd{Module: a[""], Args: []string{"hostile", h.name, fmt.Sprint(h.arg)}, Policy: policy, Stderr: stderr}
	if h.isText() {
		cmd.Module = a[h.name]
	}
	if h.cmd != nil {
		h.cmd(cmd)
	}
	return cmd, stderr
}

func (h harm) check(t *testing.T, err error, stderr *strings.Builder) {
	t.Helper()
	if h.ends == nil && err != nil || h.ends != nil && !h.ends(err) {
		t.Errorf("%s: %v\n%s", h.name, err, stderr)
	}
}

// An innocent is an HTTP server, as a guest, that is asked all the time.
type innocent struct {
	*host.Cmd
	port     int
	answered atomic.Int64
	slowest  atomic.Int64
	client   sync.WaitGroup
	stop     context.CancelFunc
}

func newInnocent(t *testing.T) *innocent {
	t.Helper()
	m, err := compile(t.Context(), built(t, "../../guest/server"), cached())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	in := &innocent{Cmd: host.Command(m, "server", "-addr", "127.0.0.1:0", "-quiet")}
	if in.Policy, err = host.ParsePolicy("listen tcp 127.0.0.1:*"); err != nil {
		t.Fatal(err)
	}
	at := listening(t, in.Cmd)
	in.port = int(netip.MustParseAddrPort(at).Port())
	ctx, stop := context.WithCancel(t.Context())
	in.stop = stop
	in.client.Go(func() {
		var transport http.Transport
		defer transport.CloseIdleConnections()
		for n := 0; ctx.Err() == nil; n++ {
			began := time.Now()
			if err := ask(&transport, at, fmt.Sprint("name=", n)); err != nil {
				t.Errorf("the innocent's answer %d: %v", n, err)
				return
			}
			in.answered.Add(1)
			in.slowest.Store(max(in.slowest.Load(), int64(time.Since(began))))
			if n%10 == 0 { // a new connection
				transport.CloseIdleConnections()
			}
		}
	})
	return in
}

// ask asks an echo server once, and waits for a minute.
func ask(transport *http.Transport, at, body string) error {
	client := http.Client{Transport: transport, Timeout: time.Minute}
	res, err := client.Post("http://"+at, "text/plain", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && string(text) != "echo: "+body {
		err = fmt.Errorf("%s: %q", res.Status, text)
	}
	return err
}

// end stops the innocent, who is still well.
func (in *innocent) end(t *testing.T) {
	in.stop()
	in.client.Wait()
	in.Stop()
	if err := in.Wait(); err != host.ErrStopped {
		t.Errorf("the innocent: %v", err)
	}
}

// TestHostileGuests runs each beside an innocent one, which answers all the time.
func TestHostileGuests(t *testing.T) {
	arms := newArsenal(t, harms(0))
	newInnocent(t).end(t) // what is made once stays
	before := measure(t)
	in := newInnocent(t)
	for _, h := range harms(in.port) {
		t.Run(h.name, func(t *testing.T) {
			answered := in.answered.Load()
			in.slowest.Store(0)
			cmd, stderr := arms.command(t, h)
			h.check(t, cmd.Run(t.Context()), stderr)
			for deadline := time.Now().Add(time.Minute); in.answered.Load() < answered+3; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the innocent does not answer")
				}
			}
			t.Logf("it had %v and %d MB; the innocent answered %d times, after %v at most", cmd.ProcessState.WallTime,
				cmd.ProcessState.Memory>>20, in.answered.Load()-answered, time.Duration(in.slowest.Load()))
		})
	}
	in.end(t)
	expectNothingLeft(t, before, 1)
}

// TestMemoryThatMovesBetweenCalls is grow.wat where memory cannot grow in its place.
func TestMemoryThatMovesBetweenCalls(t *testing.T) {
	withoutRanges(t)
	h := harm{name: "grow.wat"}
	arms := newArsenal(t, []harm{h})
	cmd, stderr := arms.command(t, h)
	h.check(t, cmd.Run(t.Context()), stderr)
}

func TestNothingIsLeftOfHostileGuests(t *testing.T) { expectNothingLeftOf(t, false) }

// TestNothingIsLeftOfHostileModules is about those that are compiled in no time.
func TestNothingIsLeftOfHostileModules(t *testing.T) { expectNothingLeftOf(t, true) }

// expectNothingLeftOf runs two thousand, eight at a time, of which some are stopped
// meanwhile.
func expectNothingLeftOf(t *testing.T, text bool) {
	t.Helper()
	n := 2000
	if testing.Short() && !text {
		n = 100
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // who takes what trap.wat sends
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	var quick []harm
	for _, h := range harms(l.Addr().(*net.TCPAddr).Port) {
		if h.isText() == text && !h.slow {
			quick = append(quick, h)
		}
	}
	arms := newArsenal(t, quick)
	some := func(n int) {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
					h := quick[i%len(quick)]
					cmd, stderr := arms.command(t, h)
					if i%3 == 0 {
						ctx, cancel := context.WithTimeoutCause(t.Context(), rand.N(20*time.Millisecond), host.ErrStopped)
						if err := cmd.Run(ctx); err != host.ErrStopped {
							h.check(t, err, stderr)
						}
						cancel()
						continue
					}
					h.check(t, cmd.Run(t.Context()), stderr)
				}
			})
		}
		wg.Wait()
	}
	some(10 * len(quick))
	before := measure(t)
	began := time.Now()
	some(n)
	t.Logf("%d guests in %v", n, time.Since(began))
	expectNothingLeft(t, before, n)
}

// expectNothingLeft holds that n guests have left nothing behind: what is less than one
// of each is the collector's.
func expectNothingLeft(t *testing.T, before usage, n int) {
	t.Helper()
	after := measure(t)
	for range 100 { // the other ends of connections take a moment
		if after.goroutines <= before.goroutines && after.descriptors <= before.descriptors {
			break
		}
		time.Sleep(20 * time.Millisecond)
		after = measure(t)
	}
	t.Logf("before %+v", before)
	t.Logf("after  %+v", after)
	if after.goroutines > before.goroutines || after.descriptors > before.descriptors {
		t.Errorf("goroutines or descriptors are left: %+v, before %+v", after, before)
	}
	if after.threads > before.threads+20 || after.mappings > before.mappings+50+n/20 || after.resident > before.resident+100 {
		t.Errorf("threads, mappings or memory are left: %+v, before %+v", after, before)
	}
}
