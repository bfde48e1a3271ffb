// Package otlptest is a collector of OTLP over HTTP, for tests.
package otlptest

import (
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A Collector keeps what it gets.
type Collector struct {
	t *testing.T
	*httptest.Server

	// Answer, if not nil, answers requests in place of the collector, if it returns true. Then the
	// collector keeps nothing.
	Answer func(w http.ResponseWriter, r *http.Request) bool

	mu        sync.Mutex
	spans     []*tracepb.Span
	resources []*resourcepb.Resource // one for each request
	metrics   map[string]*metricspb.Metric
	headers   []http.Header // one for each request
}

// New returns a collector that is not started. The test closes it.
func New(t *testing.T) *Collector {
	c := &Collector{t: t, metrics: map[string]*metricspb.Metric{}}
	c.Server = httptest.NewUnstartedServer(c)
	c.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that reject the certificate
	t.Cleanup(c.Close)
	return c
}

// Start returns a collector over plain HTTP.
func Start(t *testing.T) *Collector {
	c := New(t)
	c.Server.Start()
	return c
}

// ServeHTTP keeps the message of a request.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.Answer != nil && c.Answer(w, r) {
		return
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" {
		c.t.Errorf("%s with %s", r.Method, r.Header.Get("Content-Type"))
	}
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			c.t.Error(err)
			return
		}
		body = unpacked
	}
	text, err := io.ReadAll(body)
	if err != nil {
		c.t.Error(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headers = append(c.headers, r.Header)
	// TracesData and MetricsData are the requests of their services under another name.
	switch r.URL.Path {
	case "/v1/traces":
		var m tracepb.TracesData
		if err := proto.Unmarshal(text, &m); err != nil {
			c.t.Error(err)
		}
		for _, rs := range m.ResourceSpans {
			c.resources = append(c.resources, rs.Resource)
			for _, ss := range rs.ScopeSpans {
				c.spans = append(c.spans, ss.Spans...)
			}
		}
	case "/v1/metrics":
		var m metricspb.MetricsData
		if err := proto.Unmarshal(text, &m); err != nil {
			c.t.Error(err)
		}
		for _, rm := range m.ResourceMetrics {
			c.resources = append(c.resources, rm.Resource)
			for _, sm := range rm.ScopeMetrics {
				for _, metric := range sm.Metrics {
					c.metrics[metric.Name] = metric
				}
			}
		}
	default:
		c.t.Errorf("a request for %s", r.URL.Path)
	}
	w.Header().Set("Content-Type", "application/x-protobuf") // of an empty message
}

// Spans returns the spans that have come until now, in order of their beginnings.
func (c *Collector) Spans() []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(slices.Values(c.spans), func(a, b *tracepb.Span) int { return int(int64(a.StartTimeUnixNano) - int64(b.StartTimeUnixNano)) })
}

// Metric returns a metric as it last came, or nil.
func (c *Collector) Metric(name string) *metricspb.Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.metrics[name]
}

// Headers returns the headers of all requests.
func (c *Collector) Headers() []http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.headers)
}

// Resources returns the resources of all requests, each as Text has attributes.
func (c *Collector) Resources() (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.resources {
		all = append(all, Text(r.Attributes))
	}
	return all
}

// Text returns attributes as key=value, with spaces between them, in order of their keys.
func Text(attributes []*commonpb.KeyValue) string {
	var texts []string
	for _, a := range attributes {
		texts = append(texts, a.Key+"="+value(a.Value))
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}

func value(v *commonpb.AnyValue) string {
	switch v := v.Value.(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_IntValue:
		return fmt.Sprint(v.IntValue)
	case *commonpb.AnyValue_ArrayValue:
		var all []string
		for _, e := range v.ArrayValue.Values {
			all = append(all, value(e))
		}
		return strings.Join(all, ",")
	}
	return fmt.Sprint(v)
}

// Eventually waits until is returns true, for a minute at most.
func (c *Collector) Eventually(what string, is func() bool) {
	c.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("it was never so: %s", what)
		}
	}
}
