package commandtest

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wasisock/wasisock/cmd/internal/otlp/otlptest"
	"github.com/wasisock/wasisock/internal/porttest"
)

// often makes a command send spans and metrics at short intervals.
func often(c *exec.Cmd) {
	c.Env = append(os.Environ(), "OTEL_BSP_SCHEDULE_DELAY=50", "OTEL_METRIC_EXPORT_INTERVAL=50")
}

// OTLP tests --otlp-endpoint with a collector that works: each kind of span, and metrics. The guest
// has a directory at /, and so looks up names by DNS messages.
func OTLP(t *testing.T, command string) {
	c := otlptest.Start(t)
	s := NewServer(t, command, often, "--otlp-endpoint", c.URL, "--instances", "2", "--dir", t.TempDir()+":/:ro",
		"--allow", "dial tcp 127.0.0.1:*", "--deny", "dial tcp 127.0.0.1:1", "--allow", "resolve localhost")
	s.Eventually("it answers", func() bool { _, err := Get(http.DefaultClient, s.URL+"/"); return err == nil })

	there, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	closed := porttest.Free(t)
	_, port, _ := net.SplitHostPort(there.Addr().String())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, to := range []string{there.Addr().String(), "127.0.0.1:" + closed, "127.0.0.1:1", "localhost:" + port} {
		if _, err := Get(client, s.URL+"/dial?"+to); err != nil {
			t.Error(err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	_, served, _ := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	find := func(pattern string) *tracepb.Span {
		re := regexp.MustCompile("^" + pattern + "$")
		for _, span := range c.Spans() {
			text := fmt.Sprint(span.Name, " ", span.Kind, " ", span.Status.GetCode(), " ", span.Status.GetMessage(), " ", otlptest.Text(span.Attributes))
			if re.MatchString(strings.NewReplacer("SPAN_KIND_", "", "STATUS_CODE_", "").Replace(text)) {
				return span
			}
		}
		return nil
	}
	const instance = "wasisock.guest.instance=[12]"
	dialled := func(address, port string) string {
		return "network.peer.address=127.0.0.1 network.peer.port=" + port + " network.transport=tcp network.type=ipv4 server.address=" + address + " server.port=" + port + " " + instance
	}
	ended := func() {
		for _, pattern := range []string{
			"connect CLIENT UNSET  " + dialled("127.0.0.1", port),
			"connect CLIENT ERROR  error.type=ECONNREFUSED " + dialled("127.0.0.1", closed),
			"connect CLIENT ERROR denied: .* error.type=EACCES " + dialled("127.0.0.1", "1"),
			"connect CLIENT UNSET  " + dialled("localhost", port),
			"DNS lookup INTERNAL UNSET  dns.answers=127.0.0.1 dns.question.name=localhost wasisock.dns.question.type=A " + instance,
			`connection SERVER UNSET  client.address=127.0.0.1 client.port=\d+ network.local.address=127.0.0.1 network.local.port=` + served + ` network.peer.address=127.0.0.1 network.peer.port=\d+ ` +
				"network.transport=tcp network.type=ipv4 server.address=127.0.0.1 server.port=" + served + " " + instance + ` wasisock.received_bytes=\d\d+ wasisock.sent_bytes=\d\d+`,
		} {
			s.Eventually(pattern, func() bool { return find(pattern) != nil })
			if span := find(pattern); span.EndTimeUnixNano < span.StartTimeUnixNano || time.Since(time.Unix(0, int64(span.StartTimeUnixNano))) > time.Hour {
				t.Errorf("%s is from %d to %d", pattern, span.StartTimeUnixNano, span.EndTimeUnixNano)
			}
		}
	}
	ended()
	value := func(name string) float64 {
		if p := c.Metric(name).GetSum().GetDataPoints(); len(p) == 1 {
			return p[0].GetAsDouble()
		}
		return 0
	}
	s.Eventually("metrics", func() bool {
		return value("wasisock_connections_accepted_total") >= 5 && value("wasisock_refused_total") >= 1 && value("wasisock_otlp_spans_sent_total") >= 6 && value("process_cpu_seconds_total") > 0
	})
	for _, r := range c.Resources() {
		if !strings.Contains(r, " service.name=server service.version=") {
			t.Fatalf("the resource is %s", r)
		}
	}
	for _, span := range c.Spans() {
		if span.Name == "connect" && strings.Contains(otlptest.Text(span.Attributes), "port=53") {
			t.Errorf("a datagram to the nameserver is a dial: %v", span)
		}
	}

	// A connection that is open at the end is sent then.
	open, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	fmt.Fprintf(open, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	open.Read(make([]byte, 100))
	_, own, _ := net.SplitHostPort(open.LocalAddr().String())
	s.Signal(syscall.SIGTERM)
	s.Exits(0)
	if find("connection SERVER .* client.port="+own+" .*") == nil {
		t.Error("the connection that was open at the end has no span")
	}
	if strings.Contains(s.Output(), "OTLP") {
		t.Error("it complains")
	}
}

// OTLPAway tests --otlp-endpoint without a collector, and with one that does not answer: the guest
// serves as fast as ever, lost spans are counted, and the command ends.
func OTLPAway(t *testing.T, command string) {
	to := "http://127.0.0.1:" + porttest.Free(t)
	s := NewServer(t, command, often, "--otlp-endpoint", to)
	s.Eventually("it answers", func() bool { _, err := Get(http.DefaultClient, s.URL+"/"); return err == nil })
	http.DefaultClient.CloseIdleConnections()
	s.Says("wasisock: OTLP: cannot send spans to " + to + "/v1/traces: dial tcp ")
	s.Signal(syscall.SIGTERM)
	s.Exits(0)
	if !regexp.MustCompile(`wasisock: OTLP: (\d+) of (\d+) spans were lost\n`).MatchString(s.Output()) {
		t.Error("it does not say how many spans were lost")
	}

	const flood = 4500 // more than wait for a collector
	var asked atomic.Int64
	release := make(chan struct{})
	c := otlptest.New(t)
	c.Answer = func(http.ResponseWriter, *http.Request) bool {
		asked.Add(1)
		<-release
		return true
	}
	c.Server.Start()
	defer close(release)
	s = NewServer(t, command, often, "--otlp-endpoint", c.URL, "--metrics", "127.0.0.1:0")
	s.Eventually("it answers", func() bool { _, err := Get(http.DefaultClient, s.URL+"/"); return err == nil })
	http.DefaultClient.CloseIdleConnections()
	s.Eventually("it sends", func() bool { return asked.Load() > 0 })
	for range flood {
		d, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
	}
	s.Says("wasisock: OTLP: spans are lost, because 4096 wait to be sent\n")
	began := time.Now()
	if _, err := Get(http.DefaultClient, s.URL+"/"); err != nil || time.Since(began) > time.Second {
		t.Errorf("a request took %v, %v", time.Since(began), err)
	}
	metrics := regexp.MustCompile(`--metrics is at (\S+)\n`).FindStringSubmatch(s.Output())
	text, err := Get(http.DefaultClient, metrics[1])
	if lost := regexp.MustCompile(`(?m)^wasisock_otlp_spans_lost_total [1-9]\d*$`); err != nil || !lost.MatchString(text) {
		t.Errorf("no span is counted as lost: %v, %s", err, text)
	}
	http.DefaultClient.CloseIdleConnections()
	began = time.Now()
	s.Signal(syscall.SIGTERM)
	s.Exits(0)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it ended after %v", took)
	}
	if said := s.Output(); strings.Count(said, "spans are lost") != 1 || !strings.Contains(said, " spans were lost\n") {
		t.Error("it does not say once that spans are lost, and how many were")
	}
}
