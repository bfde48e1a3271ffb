package otlp

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
)

// metricsOf returns the metrics that a registry has now. Counters count from the time began. An error
// is about some of the metrics, and the others are returned.
func metricsOf(r prometheus.Gatherer, began time.Time) ([]*metricspb.Metric, error) {
	families, err := r.Gather()
	var all []*metricspb.Metric
	from, now := uint64(began.UnixNano()), uint64(time.Now().UnixNano())
	for _, f := range families {
		m := &metricspb.Metric{Name: f.GetName(), Description: f.GetHelp()}
		switch f.GetType() {
		case dto.MetricType_COUNTER:
			sum := &metricspb.Sum{AggregationTemporality: metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, IsMonotonic: true}
			for _, p := range f.GetMetric() {
				sum.DataPoints = append(sum.DataPoints, number(p, p.GetCounter().GetValue(), from, now))
			}
			m.Data = &metricspb.Metric_Sum{Sum: sum}
		case dto.MetricType_GAUGE, dto.MetricType_UNTYPED:
			gauge := new(metricspb.Gauge)
			for _, p := range f.GetMetric() {
				gauge.DataPoints = append(gauge.DataPoints, number(p, p.GetGauge().GetValue()+p.GetUntyped().GetValue(), 0, now))
			}
			m.Data = &metricspb.Metric_Gauge{Gauge: gauge}
		case dto.MetricType_HISTOGRAM:
			histogram := &metricspb.Histogram{AggregationTemporality: metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE}
			for _, p := range f.GetMetric() {
				histogram.DataPoints = append(histogram.DataPoints, distribution(p, from, now))
			}
			m.Data = &metricspb.Metric_Histogram{Histogram: histogram}
		case dto.MetricType_SUMMARY:
			summary := new(metricspb.Summary)
			for _, p := range f.GetMetric() {
				summary.DataPoints = append(summary.DataPoints, quantiles(p, from, now))
			}
			m.Data = &metricspb.Metric_Summary{Summary: summary}
		default:
			continue
		}
		all = append(all, m)
	}
	return all, err
}

func number(m *dto.Metric, v float64, from, now uint64) *metricspb.NumberDataPoint {
	return &metricspb.NumberDataPoint{
		Attributes: labels(m), StartTimeUnixNano: from, TimeUnixNano: now,
		Value: &metricspb.NumberDataPoint_AsDouble{AsDouble: v},
	}
}

// distribution returns a histogram. Each bucket of Prometheus includes those below it, and the last
// one, without a bound, may be missing.
func distribution(m *dto.Metric, from, now uint64) *metricspb.HistogramDataPoint {
	h := m.GetHistogram()
	sum := h.GetSampleSum()
	p := &metricspb.HistogramDataPoint{Attributes: labels(m), StartTimeUnixNano: from, TimeUnixNano: now, Count: h.GetSampleCount(), Sum: &sum}
	below := uint64(0)
	for _, b := range h.GetBucket() {
		if math.IsInf(b.GetUpperBound(), 1) {
			continue
		}
		p.ExplicitBounds = append(p.ExplicitBounds, b.GetUpperBound())
		p.BucketCounts = append(p.BucketCounts, b.GetCumulativeCount()-below)
		below = b.GetCumulativeCount()
	}
	p.BucketCounts = append(p.BucketCounts, h.GetSampleCount()-below)
	return p
}

func quantiles(m *dto.Metric, from, now uint64) *metricspb.SummaryDataPoint {
	s := m.GetSummary()
	p := &metricspb.SummaryDataPoint{Attributes: labels(m), StartTimeUnixNano: from, TimeUnixNano: now, Count: s.GetSampleCount(), Sum: s.GetSampleSum()}
	for _, q := range s.GetQuantile() {
		p.QuantileValues = append(p.QuantileValues, &metricspb.SummaryDataPoint_ValueAtQuantile{Quantile: q.GetQuantile(), Value: q.GetValue()})
	}
	return p
}

func labels(m *dto.Metric) (all []*commonpb.KeyValue) {
	for _, l := range m.GetLabel() {
		all = append(all, text(l.GetName(), l.GetValue()))
	}
	return all
}

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}
