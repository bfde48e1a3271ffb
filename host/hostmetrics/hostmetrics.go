// Package hostmetrics exports metrics of guests to Prometheus.
//
//	metrics, err := hostmetrics.New(prometheus.DefaultRegisterer)
//	…
//	module = metrics.Module(module)     // all guests of it count from now on
//
// The metrics are sums over all these guests, those that ended included:
//
//	wasisock_calls_total{name,errno}           uses of sockets, and waits
//	wasisock_call_duration_seconds{name}       a histogram of how long they took, waiting included
//	wasisock_poll_wakeups_total                ends of waits for sockets, standard input and time
//	wasisock_sockets_open                      now
//	wasisock_connections_accepted_total
//	wasisock_connections_dialled_total         begun
//	wasisock_refused_total                     uses of the network, by the policy
//	wasisock_limited_total                     times that a limit refused something or delayed it
//	wasisock_received_bytes_total              through sockets
//	wasisock_sent_bytes_total
//	wasisock_memory_bytes                      of linear memory, now
//	wasisock_cpu_seconds_total                 0 where the system does not report it, see host.Stats
//	wasisock_guests_running                    started, and Wait has not returned
//	wasisock_guest_restarts_total{reason}      ok, exit, trap, limit, failed or swap, as Restarted was told
//	wasisock_guests_abandoned_total            as Abandoned was told
//	wasisock_guest_exits_total{kind}           ok, exit, trap, stopped, limit or failed
//
// An exit is "ok" with exit code 0 and "exit" with another, "stopped" by Cmd.Stop or the end of
// the context, "limit" at one of host.Limits, and "failed" if the host could not run the guest.
// The reason of a restart is the exit of the guest before, or "swap" if it was stopped for the
// new one.
package hostmetrics

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/sockabi"
)

// Metrics collects the metrics of the guests of its modules.
type Metrics struct {
	calls     *prometheus.CounterVec
	durations *prometheus.HistogramVec
	exits     *prometheus.CounterVec
	restarts  *prometheus.CounterVec
	abandoned prometheus.Counter
	series    map[string]*[errnos]atomic.Pointer[series]

	mu      sync.Mutex
	running map[*guest]bool
	ended   host.Stats // of all that are not running
}

// errnos is how many there can be: more than sockabi has.
const errnos = 128

// A series is where calls of a function that ended with an errno are counted.
type series struct {
	calls    prometheus.Counter
	duration prometheus.Observer
}

// New registers the metrics. To have several in one registry, give each a label of its own by
// prometheus.WrapRegistererWith.
func New(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wasisock_calls_total", Help: "Uses of sockets and waits of guests.",
		}, []string{"name", "errno"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wasisock_call_duration_seconds", Help: "How long uses of sockets and waits took.",
			Buckets: prometheus.ExponentialBuckets(1e-6, 4, 12),
		}, []string{"name"}),
		exits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wasisock_guest_exits_total", Help: "How guests ended.",
		}, []string{"kind"}),
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wasisock_guest_restarts_total", Help: "Guests that were started in place of another.",
		}, []string{"reason"}),
		abandoned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wasisock_guests_abandoned_total", Help: "Guests that should have ended and were in a call that did not return.",
		}),
		series:  map[string]*[errnos]atomic.Pointer[series]{},
		running: map[*guest]bool{},
	}
	for _, f := range sockabi.Functions() {
		m.series[f.Name] = new([errnos]atomic.Pointer[series])
	}
	for _, kind := range []string{"ok", "exit", "trap", "stopped", "limit", "failed"} {
		m.exits.WithLabelValues(kind)
	}
	for _, reason := range []string{"ok", "exit", "trap", "limit", "failed", "swap"} {
		m.restarts.WithLabelValues(reason)
	}
	if err := r.Register(collector{m}); err != nil {
		return nil, fmt.Errorf("metrics of guests: %w; make them once for each registry, or wrap it with a label for each", err)
	}
	return m, nil
}

// Restarted counts a guest that was started in place of another. before is the result of
// that one's Cmd.Wait, or host.ErrStopped if the new guest replaces it.
func (m *Metrics) Restarted(before error) { m.restarts.WithLabelValues(reason(before)).Inc() }

// Abandoned counts a guest that was stopped but is in a call of the host that does not return,
// so that nobody waits for it. It counts as running until the call returns.
func (m *Metrics) Abandoned() { m.abandoned.Inc() }

func reason(before error) string {
	var exit *host.ExitError
	switch {
	case errors.Is(before, host.ErrStopped):
		return "swap"
	case errors.As(before, &exit):
		return "exit"
	}
	return kind(context.Background(), 0, before)
}

// Module returns m with all its guests counted.
func (m *Metrics) Module(of host.Module) host.Module { return module{of, m} }

type module struct {
	host.Module
	metrics *Metrics
}

type guest struct {
	host.Guest
	metrics *Metrics
	ctx     context.Context
}

func (m module) Start(ctx context.Context, c *host.Cmd) (host.Guest, error) {
	counted, also := *c, c.Calls
	counted.Calls = m.metrics.call
	if also != nil {
		counted.Calls = func(name string, errno sockabi.Errno, took time.Duration) {
			m.metrics.call(name, errno, took)
			also(name, errno, took)
		}
	}
	g, err := m.Module.Start(ctx, &counted)
	if err != nil {
		m.metrics.exits.WithLabelValues(kind(ctx, 0, err)).Inc()
		return nil, err
	}
	watched := &guest{g, m.metrics, ctx}
	m.metrics.mu.Lock()
	defer m.metrics.mu.Unlock()
	m.metrics.running[watched] = true
	return watched, nil
}

func (g *guest) Wait() (exitCode int, err error) {
	exitCode, err = g.Guest.Wait()
	m := g.metrics
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.running, g)
	m.ended = sum(m.ended, g.Stats())
	m.exits.WithLabelValues(kind(g.ctx, exitCode, err)).Inc()
	return exitCode, err
}

func kind(ctx context.Context, exitCode int, err error) string {
	var trap *host.TrapError
	var limit *host.LimitError
	switch {
	case err == nil && exitCode == 0:
		return "ok"
	case err == nil:
		return "exit"
	case errors.As(err, &trap):
		return "trap"
	case errors.As(err, &limit):
		return "limit"
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		return "stopped"
	}
	return "failed"
}

func (m *Metrics) call(name string, errno sockabi.Errno, took time.Duration) {
	var s *series
	all := m.series[name]
	known := all != nil && errno < errnos
	if known {
		s = all[errno].Load()
	}
	if s == nil {
		text := errno.Name()
		switch {
		case errno == 0:
			text = "0"
		case text == "":
			text = strconv.Itoa(int(errno))
		}
		s = &series{m.calls.WithLabelValues(name, text), m.durations.WithLabelValues(name)}
		if known {
			all[errno].Store(s)
		}
	}
	s.calls.Inc()
	s.duration.Observe(took.Seconds())
}

// sum adds what can be added.
func sum(a, b host.Stats) host.Stats {
	a.CPUTime += b.CPUTime
	a.Received += b.Received
	a.Sent += b.Sent
	a.Accepted += b.Accepted
	a.Dialled += b.Dialled
	a.Refused += b.Refused
	a.Limited += b.Limited
	a.Wakeups += b.Wakeups
	return a
}

func desc(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

var (
	wakeupsDesc  = desc("wasisock_poll_wakeups_total", "Ends of waits of guests for sockets, standard input and time.")
	socketsDesc  = desc("wasisock_sockets_open", "Sockets that guests have open.")
	acceptedDesc = desc("wasisock_connections_accepted_total", "Connections that guests accepted.")
	dialledDesc  = desc("wasisock_connections_dialled_total", "Connections that guests began.")
	refusedDesc  = desc("wasisock_refused_total", "Uses of the network that the policy refused to guests.")
	limitedDesc  = desc("wasisock_limited_total", "Times that a limit of sockets or files refused something to guests, or delayed it.")
	receivedDesc = desc("wasisock_received_bytes_total", "Bytes that guests received through sockets.")
	sentDesc     = desc("wasisock_sent_bytes_total", "Bytes that guests sent through sockets.")
	memoryDesc   = desc("wasisock_memory_bytes", "Linear memory of guests.")
	cpuDesc      = desc("wasisock_cpu_seconds_total", "CPU time of guests and of their calls.")
	runningDesc  = desc("wasisock_guests_running", "Guests that were started and have not ended.")
)

// collector is Metrics for the registry alone.
type collector struct{ *Metrics }

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	c.calls.Describe(ch)
	c.durations.Describe(ch)
	c.exits.Describe(ch)
	c.restarts.Describe(ch)
	c.abandoned.Describe(ch)
	for _, d := range []*prometheus.Desc{wakeupsDesc, socketsDesc, acceptedDesc, dialledDesc, refusedDesc, limitedDesc, receivedDesc, sentDesc, memoryDesc, cpuDesc, runningDesc} {
		ch <- d
	}
}

// Collect adds what running guests have used to what ended ones had, under the lock
// under which they end: so no sum goes down.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	c.calls.Collect(ch)
	c.durations.Collect(ch)
	c.exits.Collect(ch)
	c.restarts.Collect(ch)
	c.abandoned.Collect(ch)

	c.mu.Lock()
	total, running := c.ended, len(c.running)
	var sockets, memory float64
	for g := range c.running {
		s := g.Stats()
		total = sum(total, s)
		sockets += float64(s.Sockets)
		memory += float64(s.Memory)
	}
	c.mu.Unlock()

	counter := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v)
	}
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	counter(wakeupsDesc, float64(total.Wakeups))
	gauge(socketsDesc, sockets)
	counter(acceptedDesc, float64(total.Accepted))
	counter(dialledDesc, float64(total.Dialled))
	counter(refusedDesc, float64(total.Refused))
	counter(limitedDesc, float64(total.Limited))
	counter(receivedDesc, float64(total.Received))
	counter(sentDesc, float64(total.Sent))
	gauge(memoryDesc, memory)
	counter(cpuDesc, total.CPUTime.Seconds())
	gauge(runningDesc, float64(running))
}
