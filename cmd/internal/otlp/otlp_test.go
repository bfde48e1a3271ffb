package otlp

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wasisock/wasisock/cmd/internal/otlp/otlptest"
	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/outputtest"
	"github.com/wasisock/wasisock/internal/porttest"
)

// exporting returns an Exporter to a URL, and its log. It sends spans after 10 ms, unless the
// environment has another time.
func exporting(t *testing.T, to string, r *prometheus.Registry) (*Exporter, *outputtest.Buffer) {
	t.Helper()
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", cmp.Or(os.Getenv("OTEL_BSP_SCHEDULE_DELAY"), "10"))
	endpoint, err := ParseEndpoint(to)
	if err != nil {
		t.Fatal(err)
	}
	l := new(outputtest.Buffer)
	logger := slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	e, err := Start(Config{Endpoint: endpoint, Service: "guest", Version: "v1", Log: logger, Registry: r})
	if err != nil {
		t.Fatal(err)
	}
	return e, l
}

// away returns the URL of a collector that is not there.
func away(t *testing.T) string { return "http://127.0.0.1:" + porttest.Free(t) }

var epoch = time.Unix(1700000000, 0)

// call returns a call that begins some milliseconds after the epoch and takes one.
func call(ms int, name string, fd int64, args, result, errno string) host.Call {
	c := host.Call{Name: name, FD: fd, Result: result, Errno: errno, Start: epoch.Add(time.Duration(ms) * time.Millisecond), Duration: time.Millisecond}
	for arg := range strings.FieldsSeq(args) {
		key, value, _ := strings.Cut(arg, "=")
		c.Args = append(c.Args, host.Arg{Name: key, Text: value})
	}
	return c
}

// told returns the spans of a collector as lines.
func told(c *otlptest.Collector) (lines []string) {
	for _, s := range c.Spans() {
		at := func(ns uint64) int64 { return time.Unix(0, int64(ns)).Sub(epoch).Milliseconds() }
		line := fmt.Sprintf("%d-%d %s %s %s", at(s.StartTimeUnixNano), at(s.EndTimeUnixNano), s.Name, s.Kind, otlptest.Text(s.Attributes))
		if s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR {
			line += " ERROR " + s.Status.Message
		}
		lines = append(lines, strings.ReplaceAll(line, "SPAN_KIND_", ""))
	}
	return lines
}

// TestSpans holds the spans of calls, by field.
func TestSpans(t *testing.T) {
	c := otlptest.Start(t)
	e, l := exporting(t, c.URL, prometheus.NewRegistry())
	var traced, asked int
	cmd := &host.Cmd{
		Trace: func(host.Call) { traced++ },
		Policy: func(r host.Request) error {
			asked++
			return nil
		},
	}
	ended := e.Watch(cmd, 3)
	const tcp, udp = "af=INET4 type=STREAM", "af=INET4 type=DGRAM"
	dial := func(names ...string) { cmd.Policy(host.Request{Op: host.OpDial, Names: names}) }
	calls := 0
	does := func(c host.Call) {
		calls++
		cmd.Trace(c)
	}

	// Dials: as Go does it, as others do, that fail, and that are denied.
	does(call(0, "sock_open_v2", 1, tcp, "1", ""))
	dial("db.example.com")
	does(call(1, "sock_connect_v2", 1, "fd=1 addr=192.0.2.1:5432", "", "EINPROGRESS"))
	does(call(2, "sock_getsockopt", 1, "fd=1 name=SO_ERROR", "0", ""))
	does(call(3, "sock_getpeeraddr_v2", 1, "fd=1", "", "ENOTCONN"))
	does(call(8, "sock_getsockopt", 1, "fd=1 name=SO_ERROR", "0", ""))
	does(call(9, "sock_getpeeraddr_v2", 1, "fd=1", "192.0.2.1:5432", ""))
	does(call(10, "sock_send_v2", 1, "fd=1", "100", ""))
	does(call(11, "fd_close", 1, "fd=1", "", ""))
	does(call(20, "sock_open", 1, tcp, "1", ""))
	dial()
	does(call(21, "sock_connect", 1, "fd=1 addr=[2001:db8::1]:80", "", "EINPROGRESS"))
	does(call(25, "sock_getsockopt", 1, "fd=1 name=SO_ERROR", "ECONNREFUSED", ""))
	refused := call(30, "sock_connect", 1, "fd=1 addr=127.0.0.9:80", "", "EACCES")
	refused.Reason = "denied: no rule allows dial tcp 127.0.0.9:80"
	does(refused)
	does(call(40, "sock_connect", 1, "fd=1 addr=/run/db", "", ""))
	does(call(41, "sock_open", 2, tcp, "2", ""))
	does(call(42, "sock_connect", 2, "fd=2 addr=192.0.2.2:80", "", "EINPROGRESS"))
	does(call(43, "sock_getsockopt", 2, "fd=2 name=SO_ERROR", "0", ""))
	does(call(44, "sock_getpeeraddr", 2, "fd=2", "", "ENOTCONN")) // so it has not connected
	does(call(45, "fd_close", 2, "fd=2", "", ""))
	does(call(46, "sock_open", 2, tcp, "2", ""))
	does(call(47, "sock_connect", 2, "fd=2 addr=192.0.2.3:80", "", "EINPROGRESS"))
	does(call(48, "sock_recv", 2, "fd=2", "", "EAGAIN"))
	does(call(49, "sock_send", 2, "fd=2", "5", ""))
	does(call(50, "sock_connect", 2, "fd=2", "", "EFAULT"))
	does(call(50, "sock_open", 3, tcp, "3", ""))
	does(call(50, "sock_connect", 3, "fd=3 addr=192.0.2.4:80", "", "EINPROGRESS"))
	does(call(51, "sock_getsockopt", 3, "fd=3 name=SO_ERROR", "0", ""))
	does(call(58, "fd_close", 3, "fd=3", "", ""))

	// Datagrams have no connections.
	does(call(51, "sock_open", 4, udp, "4", ""))
	does(call(52, "sock_connect", 4, "fd=4 addr=192.0.2.1:53", "", ""))

	// Connections: that end as usual, that are replaced, and that fail.
	does(call(60, "sock_accept_v2", 9, "fd=9 flags=4", "5 from 198.51.100.1:1000", ""))
	does(call(61, "sock_getlocaladdr_v2", 5, "fd=5", "192.0.2.9:80", ""))
	does(call(62, "sock_recv_v2", 5, "fd=5", "10", ""))
	does(call(63, "fd_read", 5, "fd=5", "3", ""))
	does(call(64, "sock_recv_from", 5, "fd=5", "2 from 198.51.100.1:1000, truncated", ""))
	does(call(65, "sock_send_v2", 5, "fd=5", "1000", ""))
	does(call(66, "sock_recv_v2", 5, "fd=5", "", "EAGAIN"))
	does(call(70, "fd_close", 5, "fd=5", "", ""))
	does(call(71, "sock_accept_v2", 9, "fd=9 flags=4", "5 from unnamed", ""))
	does(call(72, "sock_accept_v2", 9, "fd=9 flags=4", "6 from [2001:db8::2]:1", ""))
	does(call(73, "fd_renumber", 6, "fd=6 to=5", "", ""))
	does(call(74, "fd_write", 5, "fd=5", "7", ""))
	does(call(75, "sock_recv", 5, "fd=5", "", "ECONNRESET"))
	does(call(76, "fd_close", 5, "fd=5", "", ""))
	does(call(77, "sock_accept", 9, "fd=9 flags=4", "", "EAGAIN"))
	does(call(78, "fd_close", 77, "fd=77", "", "EBADF"))

	for i, look := range []host.Lookup{
		{Name: "a.example.com", Type: "AAAA", Addrs: []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")}},
		{Name: "b.example.com", Error: "EAI_NONAME"},
	} {
		look.Start, look.Duration = epoch.Add(time.Duration(80+i)*time.Millisecond), time.Millisecond
		cmd.OnLookup(look)
	}
	ended()
	e.Close()
	want := []string{
		"1-9 connect CLIENT network.peer.address=192.0.2.1 network.peer.port=5432 network.transport=tcp network.type=ipv4 server.address=db.example.com server.port=5432 wasisock.guest.instance=3",
		"21-26 connect CLIENT error.type=ECONNREFUSED network.peer.address=2001:db8::1 network.peer.port=80 network.transport=tcp network.type=ipv6 server.address=2001:db8::1 server.port=80 wasisock.guest.instance=3 ERROR ",
		"30-31 connect CLIENT error.type=EACCES network.peer.address=127.0.0.9 network.peer.port=80 network.transport=tcp network.type=ipv4 server.address=127.0.0.9 server.port=80 wasisock.guest.instance=3 ERROR " + refused.Reason,
		"40-41 connect CLIENT network.peer.address=/run/db network.transport=unix server.address=/run/db wasisock.guest.instance=3",
		"42-46 connect CLIENT error.type=ECANCELED network.peer.address=192.0.2.2 network.peer.port=80 network.transport=tcp network.type=ipv4 server.address=192.0.2.2 server.port=80 wasisock.guest.instance=3 ERROR closed before it was connected",
		"47-50 connect CLIENT network.peer.address=192.0.2.3 network.peer.port=80 network.transport=tcp network.type=ipv4 server.address=192.0.2.3 server.port=80 wasisock.guest.instance=3",
		"50-52 connect CLIENT network.peer.address=192.0.2.4 network.peer.port=80 network.transport=tcp network.type=ipv4 server.address=192.0.2.4 server.port=80 wasisock.guest.instance=3",
		"61-71 connection SERVER client.address=198.51.100.1 client.port=1000 network.local.address=192.0.2.9 network.local.port=80 network.peer.address=198.51.100.1 network.peer.port=1000 network.transport=tcp network.type=ipv4 server.address=192.0.2.9 server.port=80 wasisock.guest.instance=3 wasisock.received_bytes=15 wasisock.sent_bytes=1000",
		"72-74 connection SERVER network.transport=unix wasisock.guest.instance=3 wasisock.received_bytes=0 wasisock.sent_bytes=0",
		"73-77 connection SERVER client.address=2001:db8::2 client.port=1 error.type=ECONNRESET network.peer.address=2001:db8::2 network.peer.port=1 network.transport=tcp network.type=ipv6 wasisock.guest.instance=3 wasisock.received_bytes=0 wasisock.sent_bytes=7 ERROR ",
		"80-81 DNS lookup INTERNAL dns.answers=2001:db8::1,2001:db8::2 dns.question.name=a.example.com wasisock.dns.question.type=AAAA wasisock.guest.instance=3",
		"81-82 DNS lookup INTERNAL dns.question.name=b.example.com error.type=EAI_NONAME wasisock.guest.instance=3 ERROR ",
	}
	got := told(c)
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("got  %s\nwant %s", g, w)
		}
	}
	if traced != calls || asked != 2 {
		t.Errorf("the guest's own Trace had %d of %d calls, and its Policy %d of 2", traced, calls, asked)
	}
	if l.String() != "" || len(e.guests) != 0 {
		t.Errorf("%q, and %d guests are left", l, len(e.guests))
	}
}

// TestOpenConnectionsEnd holds that those of guests that have not ended have spans at the end.
func TestOpenConnectionsEnd(t *testing.T) {
	c := otlptest.Start(t)
	e, _ := exporting(t, c.URL, prometheus.NewRegistry())
	cmd := new(host.Cmd)
	e.Watch(cmd, 1)
	cmd.Trace(call(0, "sock_accept", 9, "", "5 from 198.51.100.1:1000", ""))
	e.Close()
	if got := told(c); len(got) != 1 || !strings.Contains(got[0], " connection SERVER ") {
		t.Errorf("%q", got)
	}
	if cmd.Policy != nil {
		t.Error("a guest without a policy has one")
	}
}

// TestMetrics holds every kind of metric, by field.
func TestMetrics(t *testing.T) {
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
	r := prometheus.NewRegistry()
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "calls_total", Help: "Calls."}, []string{"name"})
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "open"})
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took", Buckets: []float64{1, 10}})
	summary := prometheus.NewSummary(prometheus.SummaryOpts{Name: "size", Objectives: map[float64]float64{0.5: 0.1}})
	r.MustRegister(counter, gauge, histogram, summary)
	counter.WithLabelValues("x").Add(7)
	gauge.Set(-2.5)
	for _, v := range []float64{0.5, 2, 3, 100} {
		histogram.Observe(v)
		summary.Observe(v)
	}
	c := otlptest.Start(t)
	began := time.Now()
	e, l := exporting(t, c.URL, r)
	c.Eventually("metrics arrive at intervals", func() bool { return len(c.Headers()) > 1 })
	e.Close()
	at := func(from, now uint64) bool {
		return time.Unix(0, int64(from)).Sub(began) >= 0 && now >= from && time.Since(time.Unix(0, int64(now))) < time.Minute
	}
	sum := c.Metric("calls_total").GetSum()
	const cumulative = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE
	if p := sum.GetDataPoints(); len(p) != 1 || !sum.IsMonotonic || sum.AggregationTemporality != cumulative || p[0].GetAsDouble() != 7 ||
		otlptest.Text(p[0].Attributes) != "name=x" || !at(p[0].StartTimeUnixNano, p[0].TimeUnixNano) || c.Metric("calls_total").Description != "Calls." {
		t.Errorf("the counter is %v", c.Metric("calls_total"))
	}
	if p := c.Metric("open").GetGauge().GetDataPoints(); len(p) != 1 || p[0].GetAsDouble() != -2.5 || p[0].StartTimeUnixNano != 0 {
		t.Errorf("the gauge is %v", c.Metric("open"))
	}
	if p := c.Metric("took").GetHistogram().GetDataPoints(); len(p) != 1 || p[0].Count != 4 || p[0].GetSum() != 105.5 || !at(p[0].StartTimeUnixNano, p[0].TimeUnixNano) ||
		!reflect.DeepEqual(p[0].ExplicitBounds, []float64{1, 10}) || !reflect.DeepEqual(p[0].BucketCounts, []uint64{1, 2, 1}) {
		t.Errorf("the histogram is %v", c.Metric("took"))
	}
	if p := c.Metric("size").GetSummary().GetDataPoints(); len(p) != 1 || p[0].Count != 4 || p[0].Sum != 105.5 || len(p[0].QuantileValues) != 1 || p[0].QuantileValues[0].Quantile != 0.5 || p[0].QuantileValues[0].Value != 2 {
		t.Errorf("the summary is %v", c.Metric("size"))
	}
	if l.String() != "" {
		t.Error(l)
	}
}

// TestEnvironment holds what the variables of OpenTelemetry do.
func TestEnvironment(t *testing.T) {
	for key, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%2Cb , Other = c", "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "api-key=m",
		"OTEL_EXPORTER_OTLP_COMPRESSION": "none", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "gzip",
		"OTEL_SERVICE_NAME": "shop", "OTEL_RESOURCE_ATTRIBUTES": "service.version=7,deployment.environment.name=test",
	} {
		t.Setenv(key, value)
	}
	c := otlptest.Start(t)
	e, l := exporting(t, c.URL+"/", prometheus.NewRegistry())
	one(e)
	e.Close()
	if l.String() != "" || len(c.Headers()) != 2 {
		t.Fatalf("%d requests, %s", len(c.Headers()), l)
	}
	for _, h := range c.Headers() {
		got := fmt.Sprint(h["Api-Key"], h["Other"], h["Content-Encoding"])
		if got != "[a,b] [c] [gzip]" && got != "[m] [] []" {
			t.Error(got)
		}
	}
	for _, r := range c.Resources() {
		for _, want := range []string{"service.name=shop", "service.version=7", "deployment.environment.name=test", "telemetry.sdk.name=opentelemetry", "host.name=", "service.instance.id="} {
			if !strings.Contains(r, want) {
				t.Errorf("%s is not in %s", want, r)
			}
		}
	}

	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	e, _ = exporting(t, c.URL, prometheus.NewRegistry())
	before := len(c.Spans())
	one(e)
	e.Close()
	if n := len(c.Spans()) - before; n != 0 || e.queued.Load() != 0 || e.lost.Load() != 0 {
		t.Errorf("%d spans although none is sampled, %d wait", n, e.queued.Load())
	}
}

// one makes e send a span.
func one(e *Exporter) { e.span("one", epoch, epoch.Add(1), nil, func(trace.Span) {}) }

// TestInvalid holds that what cannot be is an error that names it.
func TestInvalid(t *testing.T) {
	for _, v := range []string{"", "127.0.0.1:4318", "localhost:4318", "grpc://a:4317", "http://", "http://a:b", "http://a:70000", "http://u@a", "http://a?b", "http://a#b"} {
		if u, err := ParseEndpoint(v); err == nil || !strings.Contains(err.Error(), "write a URL such as http://127.0.0.1:4318") {
			t.Errorf("%q: %v, %v", v, u, err)
		}
	}
	missing := filepath.Join(t.TempDir(), "missing")
	empty := filepath.Join(t.TempDir(), "empty")
	os.WriteFile(empty, nil, 0o666)
	for _, test := range []struct{ name, value, want string }{
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "5s", `OTEL_EXPORTER_OTLP_TIMEOUT is "5s"; write a number of milliseconds`},
		{"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "0", `OTEL_EXPORTER_OTLP_METRICS_TIMEOUT is "0"; write a number of milliseconds`},
		{"OTEL_METRIC_EXPORT_INTERVAL", "-1", `OTEL_METRIC_EXPORT_INTERVAL is "-1"; write a number of milliseconds`},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", `OTEL_EXPORTER_OTLP_COMPRESSION is "zstd"; write gzip or none`},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a", "OTEL_EXPORTER_OTLP_HEADERS is not a list of headers; write such as key=value"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=%zz", "OTEL_EXPORTER_OTLP_HEADERS is not a list of headers"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", missing, "OTEL_EXPORTER_OTLP_CERTIFICATE: open " + missing},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", empty, "has no certificate; name a file of PEM"},
		{"OTEL_EXPORTER_OTLP_CLIENT_KEY", missing, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and its key: "},
		{"OTEL_RESOURCE_ATTRIBUTES", "a", "missing value: [a]; write OTEL_RESOURCE_ATTRIBUTES as key=value"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", `OTEL_EXPORTER_OTLP_PROTOCOL is "grpc", and wasisock sends http/protobuf alone; unset it`},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			t.Setenv(test.name, test.value)
			endpoint, err := ParseEndpoint("http://127.0.0.1:1")
			if err == nil {
				_, err = Start(Config{Endpoint: endpoint, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v; want %s", err, test.want)
			}
		})
	}
}

func TestPorts(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"http://192.0.2.1:4318", "[{4318 4318}]"},
		{"http://[2001:db8::1]", "[{80 80}]"},
		{"https://otlp.example.com/x", "[{443 443} {53 53}]"},
	} {
		u, err := ParseEndpoint(test.url)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(Ports(u)); got != test.want {
			t.Errorf("%s: %s, want %s", test.url, got, test.want)
		}
	}
}
