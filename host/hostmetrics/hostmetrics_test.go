//go:build linux || darwin

package hostmetrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wasisock/wasisock/host"
	. "github.com/wasisock/wasisock/host/hostmetrics"
	"github.com/wasisock/wasisock/host/wazero"
	"github.com/wasisock/wasisock/internal/guestbuild"
	"github.com/wasisock/wasisock/sockabi"
)

var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "wasisock"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// compiled is a guest of this module.
func compiled(t testing.TB, path string, cfg wazero.Config) host.Module {
	t.Helper()
	wasm := guestbuild.Wasm(t, path)
	cfg.CacheDir = filepath.Join(scratch, "cache")
	m, err := wazero.Compile(t.Context(), wasm, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

const (
	pollServer = "../../guest/server"
	testGuest  = "../../testdata/program"
)

// A scraper reads metrics as Prometheus does.
type scraper struct {
	testing.TB
	*Metrics
	url string
}

func newScraper(t testing.TB) *scraper {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	m, err := New(registry)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}))
	t.Cleanup(s.Close)
	return &scraper{t, m, s.URL}
}

// scrape is values by name and labels, as they are written.
func (s *scraper) scrape() map[string]float64 {
	s.Helper()
	answer, err := http.Get(s.url)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.Fatalf("%s, %v: %s", answer.Status, err, text)
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		if values[line[:i]], err = strconv.ParseFloat(strings.TrimSpace(line[i:]), 64); err != nil {
			s.Fatal(err)
		}
	}
	return values
}

func (s *scraper) want(want map[string]float64) {
	s.Helper()
	got := s.scrape()
	for name, v := range want {
		if g, ok := got[name]; g != v || !ok {
			s.Errorf("%s is %v, %v; want %v", name, g, ok, v)
		}
	}
}

// start runs a guest that listens, and returns where.
func start(t testing.TB, m host.Module, args ...string) (*host.Cmd, net.Addr) {
	t.Helper()
	listening := make(chan net.Addr, 1)
	cmd := host.Command(m, args...)
	cmd.Policy = host.AllowAll
	cmd.OnListen = func(a net.Addr) { listening <- a }
	if err := cmd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Stop() })
	select {
	case a := <-listening:
		return cmd, a
	case <-time.After(time.Minute):
		t.Fatal("the guest does not listen")
		panic("unreachable")
	}
}

// exchange sends a request on a connection of its own, and counts the answer's bytes.
func exchange(t testing.TB, addr net.Addr, size int) (sent, received int) {
	c, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Error(err)
		return 0, 0
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	request := fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
	io.WriteString(c, request)
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 OK\r\n") {
		t.Errorf("%v, %.40q", err, answer)
	}
	return len(request), len(answer)
}

// TestWhatServersDid puts two servers of one module under load, and counts along. One
// ends in the middle: nothing goes down.
func TestWhatServersDid(t *testing.T) {
	s := newScraper(t)
	m := s.Module(compiled(t, pollServer, wazero.Config{}))
	first, at1 := start(t, m, "server", "-addr", "127.0.0.1:0")
	second, at2 := start(t, m, "server", "-addr", "127.0.0.1:0")
	s.want(map[string]float64{"wasisock_guests_running": 2, "wasisock_sockets_open": 2, "wasisock_connections_accepted_total": 0})

	var wg sync.WaitGroup
	var sent, received, n atomic.Int64
	load := func(addr net.Addr) {
		for range 8 {
			wg.Go(func() {
				for i := range 25 {
					out, in := exchange(t, addr, 1000*i)
					sent.Add(int64(out))
					received.Add(int64(in))
					n.Add(1)
				}
			})
		}
	}
	stop := make(chan struct{})
	watched := make(chan error)
	go func() {
		before := s.scrape()
		for {
			now := s.scrape()
			for name, v := range before {
				if strings.Contains(name, "_total") && now[name] < v {
					watched <- fmt.Errorf("%s went from %v to %v", name, v, now[name])
					return
				}
			}
			before = now
			select {
			case <-stop:
				watched <- nil
				return
			default:
			}
		}
	}()
	load(at1)
	load(at2)
	wg.Wait()
	first.Stop()
	if err := first.Wait(); err != host.ErrStopped {
		t.Error(err)
	}
	load(at2)
	wg.Wait()
	close(stop)
	if err := <-watched; err != nil {
		t.Error(err)
	}

	want := map[string]float64{
		"wasisock_guests_running":                             1,
		"wasisock_connections_accepted_total":                 float64(n.Load()),
		"wasisock_connections_dialled_total":                  0,
		"wasisock_refused_total":                              0,
		"wasisock_limited_total":                              0,
		"wasisock_received_bytes_total":                       float64(sent.Load()),
		"wasisock_sent_bytes_total":                           float64(received.Load()),
		"wasisock_memory_bytes":                               float64(second.Stats().Memory),
		`wasisock_guest_exits_total{kind="stopped"}`:          1,
		`wasisock_guest_exits_total{kind="ok"}`:               0,
		`wasisock_calls_total{errno="0",name="sock_open_v2"}`: 2,
	}
	s.want(want)
	got := s.scrape()
	if accepted := got[`wasisock_calls_total{errno="0",name="sock_accept_v2"}`] + got[`wasisock_calls_total{errno="0",name="sock_accept"}`]; accepted != float64(n.Load()) {
		t.Errorf("%v calls accepted %d connections", accepted, n.Load())
	}
	calls := map[string]float64{} // by name
	for series, v := range got {
		if _, name, ok := strings.Cut(series, `wasisock_calls_total{errno="`); ok {
			_, name, _ = strings.Cut(name, `,name=`)
			calls[strings.TrimSuffix(name, "}")] += v
		}
	}
	for name, v := range calls {
		if n := got["wasisock_call_duration_seconds_count{name="+name+"}"]; n != v {
			t.Errorf("%v calls of %s have %v durations", v, name, n)
		}
	}
	polls := got[`wasisock_calls_total{errno="0",name="poll_oneoff"}`]
	if w := got["wasisock_poll_wakeups_total"]; w == 0 || w > polls+1 {
		t.Errorf("%v wake-ups in %v polls", w, polls)
	}
	if cpu := got["wasisock_cpu_seconds_total"]; runtime.GOOS == "linux" && cpu <= second.Stats().CPUTime.Seconds()/2 {
		t.Errorf("%v s of CPU time", cpu)
	}

	second.Stop()
	second.Wait()
	want["wasisock_guests_running"], want["wasisock_sockets_open"], want["wasisock_memory_bytes"] = 0, 0, 0
	want[`wasisock_guest_exits_total{kind="stopped"}`] = 2
	s.want(want)
}

// trapping is a module of which _start is unreachable.
const trapping = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x05\x01\x03\x00\x00\x0b"

func TestHowGuestsEnd(t *testing.T) {
	s := newScraper(t)
	m := s.Module(compiled(t, testGuest, wazero.Config{}))
	trap, err := wazero.Compile(t.Context(), []byte(trapping), wazero.Config{CacheDir: wazero.CacheOff})
	if err != nil {
		t.Fatal(err)
	}
	defer trap.Close()
	var calls atomic.Int64
	for _, test := range []struct {
		cmd *host.Cmd
		err error
	}{
		{&host.Cmd{Module: m, Args: []string{"guest", "exit", "0"}}, nil},
		{&host.Cmd{Module: m, Args: []string{"guest", "work"}, Policy: host.AllowAll,
			Calls: func(string, sockabi.Errno, time.Duration) { calls.Add(1) }}, nil},
		{&host.Cmd{Module: m, Args: []string{"guest", "dial", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}}, nil},
		{&host.Cmd{Module: m, Args: []string{"guest", "listen", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"}, Policy: host.AllowAll,
			Limits: host.Limits{Sockets: 1}}, nil},
		{&host.Cmd{Module: m, Args: []string{"guest", "exit", "3"}}, new(host.ExitError)},
		{&host.Cmd{Module: s.Module(trap)}, new(host.TrapError)},
		{&host.Cmd{Module: m, Args: []string{"guest", "sleep"}, Limits: host.Limits{WallTime: 10 * time.Millisecond}}, new(host.LimitError)},
		{&host.Cmd{Module: m, Args: []string{"a\x00b"}}, errors.New("")},
	} {
		err := test.cmd.Run(t.Context())
		if fmt.Sprintf("%T", err) != fmt.Sprintf("%T", test.err) {
			t.Errorf("%q: %v", test.cmd.Args, err)
		}
		s.Restarted(err)
	}
	s.Restarted(host.ErrStopped)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, errors.New("enough"))
	defer cancel()
	sleeper := &host.Cmd{Module: m, Args: []string{"guest", "sleep"}}
	if err := sleeper.Run(ctx); err == nil || err.Error() != "enough" {
		t.Error(err)
	}
	s.want(map[string]float64{
		`wasisock_guest_exits_total{kind="ok"}`:                       4,
		`wasisock_guest_exits_total{kind="exit"}`:                     1,
		`wasisock_guest_exits_total{kind="trap"}`:                     1,
		`wasisock_guest_exits_total{kind="limit"}`:                    1,
		`wasisock_guest_exits_total{kind="stopped"}`:                  1,
		`wasisock_guest_exits_total{kind="failed"}`:                   1,
		`wasisock_guest_restarts_total{reason="ok"}`:                  4,
		`wasisock_guest_restarts_total{reason="exit"}`:                1,
		`wasisock_guest_restarts_total{reason="trap"}`:                1,
		`wasisock_guest_restarts_total{reason="limit"}`:               1,
		`wasisock_guest_restarts_total{reason="failed"}`:              1,
		`wasisock_guest_restarts_total{reason="swap"}`:                1,
		"wasisock_guests_running":                                     0,
		"wasisock_connections_dialled_total":                          20,
		"wasisock_refused_total":                                      3,
		"wasisock_limited_total":                                      2,
		`wasisock_calls_total{errno="EACCES",name="sock_connect_v2"}`: 3,
	})
	if calls.Load() < 20 {
		t.Errorf("the Cmd's own Calls was told of %d", calls.Load())
	}
}

func TestTwoOfOneRegistry(t *testing.T) {
	all := prometheus.NewRegistry()
	labelled := func(name string) prometheus.Registerer {
		return prometheus.WrapRegistererWith(prometheus.Labels{"module": name}, all)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := New(labelled(name)); err != nil {
			t.Error(err)
		}
	}
	if _, err := New(labelled("a")); err == nil || !strings.Contains(err.Error(), "once for each registry") {
		t.Error(err)
	}
}

// BenchmarkCalls measures a call that counts.
func BenchmarkCalls(b *testing.B) {
	m, err := New(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	var call func(string, sockabi.Errno, time.Duration)
	m.Module(starter(func(c *host.Cmd) { call = c.Calls })).Start(b.Context(), new(host.Cmd))
	b.ReportAllocs()
	for b.Loop() {
		call("sock_recv_v2", sockabi.EAGAIN, 700*time.Nanosecond)
	}
}

// starter is a module whose guests do not start.
type starter func(*host.Cmd)

func (s starter) Start(_ context.Context, c *host.Cmd) (host.Guest, error) {
	s(c)
	return nil, errors.New("no")
}

func (starter) Close() error { return nil }
