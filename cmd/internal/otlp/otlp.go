// Package otlp sends spans of guests' connections, dials and look-ups, and the metrics of a
// registry of Prometheus, to a collector of OpenTelemetry: by OTLP over HTTP.
//
// What sends never delays a guest. Spans wait in a bounded queue. Spans for which there is no room,
// and those that the collector does not take, are lost and counted.
//
// OpenTelemetry's exporters would do the same, and make the program 3 MB larger, because they import
// gRPC. So only the spans and their queue are the SDK's.
package otlp

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.39.0"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wasisock/wasisock/internal/printable"
)

const (
	// maxQueued is the number of spans that wait at most, those that are being sent included.
	maxQueued = 4096

	// flushTime is how long Close waits at most.
	flushTime = 2 * time.Second

	// scope names what makes the spans and metrics.
	scope = "github.com/wasisock/wasisock"
)

// A Config describes what an Exporter sends, and where.
type Config struct {
	Endpoint *url.URL // of ParseEndpoint
	Service  string   // service.name, unless the environment names another
	Version  string   // of the program: service.version, likewise
	Log      *slog.Logger

	// Registry has the metrics to send. The numbers of spans sent and lost are added to it.
	Registry *prometheus.Registry
}

// An Exporter sends spans and metrics. Its methods may be called from any goroutine.
type Exporter struct {
	log    *slog.Logger
	tracer trace.Tracer
	spans  *sdktrace.TracerProvider

	queued, sent, lost atomic.Int64 // spans
	overflow           sync.Once    // logs the first span for which there is no room

	metrics     metricSender
	interval    time.Duration // of metrics
	closed      chan struct{}
	metricsDone chan struct{}

	mu     sync.Mutex
	guests map[*guest]bool // that have not ended
}

// Start returns an Exporter. Beside Config, these variables of OpenTelemetry apply, those of
// OTEL_EXPORTER_OTLP_TRACES and METRICS too: OTEL_EXPORTER_OTLP_HEADERS, TIMEOUT (in milliseconds),
// COMPRESSION, CERTIFICATE, CLIENT_CERTIFICATE and CLIENT_KEY; OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_SCHEDULE_DELAY and
// OTEL_METRIC_EXPORT_INTERVAL (in milliseconds). Start returns an error if one is invalid. It does
// not wait for the collector. The caller must call Close.
//
// Errors of the SDK go to the log of the last Exporter of the process.
func Start(c Config) (*Exporter, error) {
	const metricInterval = "OTEL_METRIC_EXPORT_INTERVAL"
	interval, err := strconv.ParseUint(cmp.Or(os.Getenv(metricInterval), "60000"), 10, 31)
	if err != nil || interval == 0 {
		return nil, fmt.Errorf("%s is %q; write a number of milliseconds", metricInterval, os.Getenv(metricInterval))
	}
	traces, err := newClient(c.Endpoint, "v1/traces", "TRACES")
	if err != nil {
		return nil, err
	}
	metrics, err := newClient(c.Endpoint, "v1/metrics", "METRICS")
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(semconv.ServiceName(c.Service), semconv.ServiceVersion(c.Version), semconv.ServiceInstanceID(rand.Text())),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("cannot describe this service: %w; write OTEL_RESOURCE_ATTRIBUTES as key=value,other=value", err)
	}
	e := &Exporter{
		log: c.Log, interval: time.Duration(interval) * time.Millisecond, guests: map[*guest]bool{},
		closed: make(chan struct{}), metricsDone: make(chan struct{}),
	}
	otel.SetLogger(logr.FromSlogHandler(c.Log.Handler()))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { e.warn("%v", err) }))
	if err := e.count(c.Registry); err != nil {
		return nil, err
	}
	exporter, err := otlptrace.New(ctx, tracesClient{traces})
	if err != nil {
		return nil, err
	}
	e.spans = sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(
		&spanSender{SpanExporter: exporter, exporter: e, report: report{e, traces, "spans", false}}, sdktrace.WithMaxQueueSize(maxQueued)))
	e.tracer = e.spans.Tracer(scope, trace.WithInstrumentationVersion(c.Version), trace.WithSchemaURL(semconv.SchemaURL))
	e.metrics = metricSender{
		metrics, c.Registry, time.Now(), resourceOf(about),
		&commonpb.InstrumentationScope{Name: scope, Version: c.Version}, report{e, metrics, "metrics", false},
	}
	go e.sendMetrics()
	return e, nil
}

// count adds the numbers of spans to a registry.
func (e *Exporter) count(r prometheus.Registerer) error {
	for _, c := range []struct {
		name, help string
		n          *atomic.Int64
	}{
		{"wasisock_otlp_spans_sent_total", "Spans that the collector took.", &e.sent},
		{"wasisock_otlp_spans_lost_total", "Spans for which there was no room, or that the collector did not take.", &e.lost},
	} {
		opts := prometheus.CounterOpts{Name: c.name, Help: c.help}
		if err := r.Register(prometheus.NewCounterFunc(opts, func() float64 { return float64(c.n.Load()) })); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the spans of all guests, and sends what waits, for 2 seconds at most. It logs how many
// spans were lost. It must be called once.
func (e *Exporter) Close() {
	e.mu.Lock()
	for g := range e.guests {
		g.end()
	}
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	close(e.closed)
	e.spans.Shutdown(ctx)
	select {
	case <-e.metricsDone:
	case <-ctx.Done():
		select {
		case <-e.metricsDone:
		default:
			e.warn("%s has not taken the last metrics", e.metrics.url)
		}
	}
	if n := e.lost.Load() + e.queued.Load(); n > 0 {
		e.warn("%d of %d spans were lost", n, n+e.sent.Load())
	}
}

// span sends a span, or counts it as lost if there is no room.
func (e *Exporter) span(name string, began, ended time.Time, opts []trace.SpanStartOption, finish func(trace.Span)) {
	if e.queued.Add(1) > maxQueued {
		e.queued.Add(-1)
		e.lost.Add(1)
		e.overflow.Do(func() { e.warn("spans are lost, because %d wait to be sent", maxQueued) })
		return
	}
	_, s := e.tracer.Start(context.Background(), name, append(opts, trace.WithTimestamp(began))...)
	if !s.SpanContext().IsSampled() {
		e.queued.Add(-1)
	}
	finish(s)
	s.End(trace.WithTimestamp(ended))
}

func (e *Exporter) warn(format string, args ...any) {
	e.log.Warn("OTLP: " + printable.Text(fmt.Sprintf(format, args...), printable.MaxText, ""))
}

// tracesClient is a client as package otlptrace wants it.
type tracesClient struct{ *client }

func (tracesClient) Start(context.Context) error { return nil }
func (tracesClient) Stop(context.Context) error  { return nil }
func (c tracesClient) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	return c.send(ctx, &tracepb.TracesData{ResourceSpans: spans})
}

// A spanSender sends batches of spans.
type spanSender struct {
	sdktrace.SpanExporter
	exporter *Exporter
	report   report
}

// ExportSpans sends a batch, and counts how much of it the collector took. The error, which is nil,
// is in the report.
func (s *spanSender) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	all := int64(len(spans))
	err := s.SpanExporter.ExportSpans(ctx, spans)
	lost := int64(0)
	var part *rejection
	switch {
	case errors.As(err, &part):
		err, lost = part, min(part.items, all)
	case err != nil:
		err, lost = cmp.Or(errors.Unwrap(err), err), all // without the words of package otlptrace
	}
	s.exporter.lost.Add(lost)
	s.exporter.sent.Add(all - lost)
	s.exporter.queued.Add(-all)
	s.report.ended(err)
	return nil
}

// sendMetrics sends the metrics at intervals and when e is closed.
func (e *Exporter) sendMetrics() {
	defer close(e.metricsDone)
	ticker := time.NewTicker(e.interval)
	defer ticker.Stop()
	for last := false; !last; {
		select {
		case <-ticker.C:
		case <-e.closed:
			last = true
		}
		e.metrics.send()
	}
}

// A metricSender sends the metrics of a registry.
type metricSender struct {
	*client
	registry prometheus.Gatherer
	began    time.Time
	about    *resourcepb.Resource
	scope    *commonpb.InstrumentationScope
	report   report
}

func (m *metricSender) send() {
	metrics, err := metricsOf(m.registry, m.began)
	err = cmp.Or(m.client.send(context.Background(), &metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{
		Resource: m.about, SchemaUrl: semconv.SchemaURL,
		ScopeMetrics: []*metricspb.ScopeMetrics{{Scope: m.scope, Metrics: metrics}},
	}}}), err)
	m.report.ended(err)
}

func resourceOf(r *resource.Resource) *resourcepb.Resource {
	about := new(resourcepb.Resource)
	for _, a := range r.Attributes() {
		about.Attributes = append(about.Attributes, text(string(a.Key), a.Value.Emit()))
	}
	return about
}

// A report logs when sending begins to fail, and when it works again.
type report struct {
	*Exporter
	to      *client
	what    string // is sent
	failing bool
}

// ended handles the end of a request. Requests of one kind end one after the other.
func (r *report) ended(err error) {
	switch failing := err != nil; {
	case failing && !r.failing:
		r.warn("cannot send %s to %s: %v", r.what, r.to.url, err)
	case !failing && r.failing:
		r.log.Info(fmt.Sprintf("OTLP: %s reach %s again", r.what, r.to.url))
	}
	r.failing = err != nil
}
