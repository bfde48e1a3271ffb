package otlp

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wasisock/wasisock/cmd/internal/otlp/otlptest"
)

// partial returns the answer of a collector that rejects n items.
func partial(n uint64, why string) []byte {
	inner := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), n)
	inner = protowire.AppendString(protowire.AppendTag(inner, 2, protowire.BytesType), why)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), inner)
}

// status returns a google.rpc.Status.
func status(why string) []byte {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 3)
	b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), why)
	return protowire.AppendBytes(protowire.AppendTag(b, 3, protowire.BytesType), []byte("details"))
}

// TestAnswers holds what happens to the spans of a request, by the collector's answer.
func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name, kind string
		code       int
		body       []byte
		lost       int64
		want       string
	}{
		{"taken", "application/x-protobuf", 200, nil, 0, ""},
		{"taken without a message", "text/plain", 202, []byte("thanks"), 0, ""},
		{"garbage", "application/x-protobuf", 200, []byte{0xff, 0xff, 0xff}, 0, ""},
		{"a warning", "application/x-protobuf", 200, partial(0, "hm"), 0, ""},
		{"a part", "application/x-protobuf", 200, partial(2, "too old\x1b"), 2, `2 were rejected: too old\x1b`},
		{"more than there is", "application/x-protobuf", 200, partial(200, "all"), 3, "200 were rejected: all"},
		{"a status", "application/x-protobuf", 400, status("bad spans"), 3, "400 Bad Request: bad spans"},
		{"a text", "text/plain", 404, []byte("no such page\n"), 3, "404 Not Found: no such page"},
		{"much text", "text/plain", 500, bytes.Repeat([]byte("x"), 1<<20), 3, "500 Internal Server Error: xxx"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "60000") // all in one request
			c := otlptest.New(t)
			c.Answer = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/v1/traces" {
					return false
				}
				w.Header().Set("Content-Type", test.kind)
				w.WriteHeader(test.code)
				w.Write(test.body)
				return true
			}
			c.Server.Start()
			e, l := exporting(t, c.URL, prometheus.NewRegistry())
			for range 3 {
				one(e)
			}
			e.spans.ForceFlush(t.Context())
			e.Close()
			if e.lost.Load() != test.lost || e.sent.Load() != 3-test.lost || e.queued.Load() != 0 {
				t.Errorf("lost %d, sent %d, and %d wait; want %d lost", e.lost.Load(), e.sent.Load(), e.queued.Load(), test.lost)
			}
			said := l.String()
			if !strings.Contains(said, strings.ReplaceAll(test.want, `\`, `\\`)) || test.want == "" && said != "" || len(said) > 2000 {
				t.Errorf("%.3000s; want %s", said, test.want)
			}
			if test.lost > 0 && !strings.Contains(said, fmt.Sprintf("OTLP: %d of 3 spans were lost", test.lost)) {
				t.Error(said)
			}
		})
	}
}

// TestBusyCollector is asked again while it says that it is busy.
func TestBusyCollector(t *testing.T) {
	c := otlptest.New(t)
	var tries atomic.Int64
	c.Answer = func(w http.ResponseWriter, r *http.Request) bool {
		n := tries.Add(1)
		if r.URL.Path != "/v1/traces" || n > 3 {
			return false
		}
		if n == 2 {
			w.Header().Set("Retry-After", "0")
		}
		w.WriteHeader([]int{429, 503, 504}[n-1])
		return true
	}
	c.Server.Start()
	e, l := exporting(t, c.URL, prometheus.NewRegistry())
	one(e)
	c.Eventually("the span arrives", func() bool { return len(c.Spans()) == 1 })
	e.Close()
	if e.lost.Load() != 0 || l.String() != "" {
		t.Errorf("%d lost: %s", e.lost.Load(), l)
	}

	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
	tries.Store(0)
	c.Answer = func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	e, l = exporting(t, c.URL, prometheus.NewRegistry())
	one(e)
	began := time.Now()
	e.Close()
	if took := time.Since(began); took > flushTime || e.lost.Load() != 1 || !strings.Contains(l.String(), "/v1/traces: 503 Service Unavailable") {
		t.Errorf("after %v, %d lost: %s", took, e.lost.Load(), l)
	}
}

// TestCollectorThatIsAway comes back.
func TestCollectorThatIsAway(t *testing.T) {
	to := away(t)
	e, l := exporting(t, to, prometheus.NewRegistry())
	for range 5 {
		one(e)
		e.spans.ForceFlush(t.Context())
	}
	if n := strings.Count(l.String(), "\n"); n != 1 || !strings.Contains(l.String(), "cannot send spans to "+to+"/v1/traces: dial tcp") {
		t.Errorf("%d messages: %s", n, l)
	}
	at, err := net.Listen("tcp", strings.TrimPrefix(to, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	c := otlptest.New(t)
	c.Listener.Close()
	c.Listener = at
	c.Server.Start()
	one(e)
	e.spans.ForceFlush(t.Context())
	e.Close()
	if len(c.Spans()) != 1 || !strings.Contains(l.String(), "OTLP: spans reach "+to+"/v1/traces again") || !strings.Contains(l.String(), "OTLP: 5 of 6 spans were lost") {
		t.Errorf("%d spans: %s", len(c.Spans()), l)
	}
}

// TestFlood holds that a collector that does not answer delays nobody, that spans which do not fit
// are lost and counted, and that Close does not wait for long.
func TestFlood(t *testing.T) {
	release := make(chan struct{})
	c := otlptest.New(t)
	c.Answer = func(http.ResponseWriter, *http.Request) bool {
		<-release
		return true
	}
	c.Server.Start()
	defer close(release)
	r := prometheus.NewRegistry()
	e, l := exporting(t, c.URL, r)
	const all = 3 * maxQueued
	began := time.Now()
	for range all {
		one(e)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("%d spans took %v", all, took)
	}
	if n := strings.Count(l.String(), "spans are lost, because 4096 wait to be sent"); n != 1 {
		t.Errorf("%d messages: %s", n, l)
	}
	families, err := r.Gather()
	if err != nil || len(families) != 2 || families[0].GetName() != "wasisock_otlp_spans_lost_total" || families[0].GetMetric()[0].GetCounter().GetValue() != all-maxQueued {
		t.Errorf("%v, %v", families, err)
	}
	began = time.Now()
	e.Close()
	if took := time.Since(began); took > flushTime+time.Second {
		t.Errorf("Close took %v", took)
	}
	if said := l.String(); !strings.Contains(said, fmt.Sprintf("OTLP: %d of %d spans were lost", all, all)) || !strings.Contains(said, "/v1/metrics has not taken the last metrics") {
		t.Error(said)
	}
}

// TestTLS sends to a collector whose certificate the environment names, and to one that nobody knows.
func TestTLS(t *testing.T) {
	c := otlptest.New(t)
	c.Server.StartTLS()
	e, l := exporting(t, c.URL, prometheus.NewRegistry())
	one(e)
	e.Close()
	if !strings.Contains(l.String(), "certificate") || len(c.Spans()) != 0 {
		t.Errorf("without the certificate: %s", l)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw}), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", file)
	e, l = exporting(t, c.URL, prometheus.NewRegistry())
	one(e)
	e.Close()
	if l.String() != "" || len(c.Spans()) != 1 {
		t.Errorf("%d spans, %s", len(c.Spans()), l)
	}
}
