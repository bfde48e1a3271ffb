package hosttest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
)

// A harm is a hostile guest, and how it ends.
type harm struct {
	name string // a command of testdata/hostile, or one of its files of text
	arg  func(*bench) int
	port bool                        // its argument is the port of the innocent guest
	cmd  func(c *host.Cmd, port int) // what it is run with
	ends func(error) bool            // nil is an exit with code 0
	long bool                        // too long to run two thousand times
}

// harms are all hostile guests. Each is a sentence: the guest does its harm beside an
// innocent one, which goes on answering, and leaves nothing behind.
var harms = []struct {
	says    string
	promise string
	needs   Capability
	isCall  bool // it belongs to the group of hostile calls, and not of modules
	harm
}{
	{says: "a guest that opens sockets without end gets EMFILE at its limit", promise: promiseLimits, isCall: true,
		harm: harm{name: "bomb", arg: number(100), cmd: sockets(100)}},
	{says: "a guest that forgets the connections it accepts gets EMFILE at its limit", promise: promiseLimits, isCall: true,
		harm: harm{name: "forget", arg: number(50), cmd: sockets(50)}},
	{says: "a guest ends at its limit while its nameserver does not answer", promise: promiseLimits, isCall: true,
		harm: harm{name: "hang", cmd: hangs, ends: atLimit, long: true}},
	{says: "a guest can wait for thousands of sockets at once", isCall: true,
		harm: harm{name: "many", arg: manySockets, long: true}},
	{says: "sock_getaddrinfo survives lists and names with wrong lengths", promise: promisePointers, isCall: true,
		harm: harm{name: "names"}},
	{says: "descriptors that a guest makes up are EBADF", promise: promisePointers, isCall: true,
		harm: harm{name: "numbers"}},
	{says: "buffers that overlap do no harm", promise: promisePointers, isCall: true,
		harm: harm{name: "overlap", port: true, long: true}},
	{says: "a port can be opened and closed again and again", isCall: true,
		harm: harm{name: "reuse", arg: number(20)}},
	{says: "a client that sends slowly keeps no other waiting", isCall: true,
		harm: harm{name: "slow", port: true, long: true}},
	{says: "a wait reports closed sockets whose numbers are used again", isCall: true,
		harm: harm{name: "stale", arg: number(20)}},
	{says: "a guest that connects without end keeps no other waiting", isCall: true,
		harm: harm{name: "storm", port: true, long: true}},
	{says: "poll_oneoff fails for more subscriptions than memory holds", promise: promisePointers, isCall: true,
		harm: harm{name: "subscriptions"}},
	{says: "a guest cannot use the sockets of another", promise: promiseHosts, isCall: true,
		harm: harm{name: "thief"}},
	{says: "pointers at the end of memory and beyond are EFAULT", promise: promisePointers, isCall: true,
		harm: harm{name: "edge.wat"}},
	{says: "a guest whose memory grows between its calls harms no other",
		harm: harm{name: "grow.wat"}},
	{says: "a guest that computes without end ends at its limit of time", promise: promiseLimits, needs: Interruptible,
		harm: harm{name: "spin.wat", cmd: wall, ends: atLimit, long: true}},
	{says: "a guest that computes without end in its start function ends at its limit of time", promise: promiseLimits, needs: Interruptible,
		harm: harm{name: "start.wat", cmd: wall, ends: atLimit, long: true}},
	{says: "a guest that traps in the middle of a request leaves no connection", promise: promiseNothing,
		harm: harm{name: "trap.wat", ends: trapped("unreachable"), cmd: tellsPort}},
	{says: "a guest that calls the host while it recurses without end ends with a trap", promise: promiseLimits, needs: BoundedRecursion,
		harm: harm{name: "recurse.wat", ends: trapped("stack overflow"), long: true}},
}

// besideInnocent returns the sentences about hostile calls, or those about modules.
func besideInnocent(calls bool) (sentences []sentence) {
	for _, h := range harms {
		if h.isCall == calls {
			sentences = append(sentences, sentence{says: h.says, promise: h.promise, needs: h.needs,
				test: func(t *testing.T, b *bench) { b.beside(t, h.harm) }})
		}
	}
	return sentences
}

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

func number(n int) func(*bench) int { return func(*bench) int { return n } }

func sockets(n int) func(*host.Cmd, int) {
	return func(c *host.Cmd, _ int) { c.Limits.Sockets = n }
}

func wall(c *host.Cmd, _ int) { c.Limits.WallTime = 200 * time.Millisecond }

func tellsPort(c *host.Cmd, port int) {
	c.Stdin = bytes.NewReader(binary.LittleEndian.AppendUint32(nil, uint32(port)))
}

// hangs gives a guest a nameserver that neither takes a connection nor refuses one.
func hangs(c *host.Cmd, _ int) {
	c.Limits.WallTime = 500 * time.Millisecond
	c.Policy = host.AllowAll
	c.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
}

// manySockets is thirty thousand, for sixty thousand subscriptions, or as many as this
// process can have beside others. An interpreter takes minutes for so many.
func manySockets(b *bench) int {
	if testing.Short() || !b.has(Compiled) {
		return 1000
	}
	return min(30_000, max(openFiles(), 3000)-2000)
}

// hostile returns a run of a hostile guest. On loopback it may do what it wants.
func (b *bench) hostile(t testing.TB, h harm, port int) (cmd *host.Cmd, stderr *strings.Builder) {
	t.Helper()
	arg := 0
	if h.port {
		arg = port
	} else if h.arg != nil {
		arg = h.arg(b)
	}
	stderr = new(strings.Builder)
	cmd = &host.Cmd{
		Module: b.hostileModule(t, h.name),
		Args:   []string{"hostile", h.name, fmt.Sprint(arg)},
		Policy: policy(t, "dial tcp 127.0.0.1:*", "listen tcp 127.0.0.1:*", "listen udp 127.0.0.1:*", "send udp 127.0.0.1:*"),
		Stderr: stderr,
	}
	if h.cmd != nil {
		h.cmd(cmd, port)
	}
	return cmd, stderr
}

// hostileModule returns the module of a harm, compiled once. What computes without end
// is compiled so that it can be stopped.
func (b *bench) hostileModule(t testing.TB, name string) host.Module {
	t.Helper()
	if !isText(name) {
		return b.shared(t, guestHostile, Config{})
	}
	b.modules.mu.Lock()
	defer b.modules.mu.Unlock()
	if m := b.modules.all[name]; m != nil {
		return m
	}
	m, err := b.compile(context.Background(), b.text(t, name), Config{Interruptible: name == "spin.wat" || name == "start.wat"})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	b.modules.all[name] = m
	return m
}

func (h harm) check(t *testing.T, err error, stderr *strings.Builder) {
	t.Helper()
	if h.ends == nil && err != nil || h.ends != nil && !h.ends(err) {
		t.Errorf("%s: %v\n%s", h.name, err, stderr)
	}
}

// beside runs a hostile guest beside an innocent one, which answers all the time.
func (b *bench) beside(t *testing.T, h harm) {
	b.hostileModule(t, h.name)
	b.innocent(t).end(t) // what is made once stays
	before := measure(t)
	in := b.innocent(t)
	answered := in.answered.Load()
	cmd, stderr := b.hostile(t, h, in.port)
	h.check(t, cmd.Run(t.Context()), stderr)
	for deadline := time.Now().Add(time.Minute); in.answered.Load() < answered+3; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the innocent guest does not answer")
		}
	}
	if s := cmd.ProcessState; s != nil {
		t.Logf("it had %v and %d MB; the innocent guest answered %d times, after %v at most", s.WallTime, s.Memory>>20,
			in.answered.Load()-answered, time.Duration(in.slowest.Load()))
	}
	in.end(t)
	expectNothingLeft(t, before, 1)
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

func (b *bench) innocent(t *testing.T) *innocent {
	t.Helper()
	in := &innocent{Cmd: host.Command(b.shared(t, guestServer, Config{}), "server", "-addr", "127.0.0.1:0", "-quiet")}
	in.Policy = policy(t, "listen tcp 127.0.0.1:*")
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
				t.Errorf("the innocent guest's answer %d: %v", n, err)
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

// end stops the innocent guest, which still serves.
func (in *innocent) end(t *testing.T) {
	t.Helper()
	in.stop()
	in.client.Wait()
	in.Stop()
	if err := in.Wait(); err != host.ErrStopped {
		t.Errorf("the innocent guest: %v", err)
	}
}
