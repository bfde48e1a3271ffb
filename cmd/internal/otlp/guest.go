package otlp

import (
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.39.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/printable"
)

// Names of spans.
const (
	spanConnect    = "connect"
	spanConnection = "connection"
	spanLookup     = "DNS lookup"
)

// maxAddrs is the number of addresses of a look-up in its span at most.
const maxAddrs = 32

// Watch makes spans of what a guest does from its start on. It must be called before the guest
// starts, and ended when it has ended. instance is the place in which the guest runs, from 1.
func (e *Exporter) Watch(cmd *host.Cmd, instance int) (ended func()) {
	g := &guest{Exporter: e, instance: attribute.Int("wasisock.guest.instance", instance), streams: map[int64]*stream{}}
	if policy := cmd.Policy; policy != nil {
		cmd.Policy = func(r host.Request) error {
			if r.Op == host.OpDial {
				g.dials(r.Names)
			}
			return policy(r)
		}
	}
	before := cmd.Trace
	cmd.Trace = func(c host.Call) {
		if before != nil {
			before(c)
		}
		g.called(c)
	}
	cmd.OnLookup = g.lookedUp
	e.mu.Lock()
	defer e.mu.Unlock()
	e.guests[g] = true
	return func() {
		g.end()
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.guests, g)
	}
}

// A guest has the sockets of one guest.
type guest struct {
	*Exporter
	instance attribute.KeyValue

	mu      sync.Mutex
	streams map[int64]*stream // open, by descriptor
	names   []string          // of the address that the call in progress dials
}

// A stream is a stream socket of a guest.
type stream struct {
	state state
	began time.Time // when it was accepted or began to connect

	peer, local string   // addresses; "" if unknown
	names       []string // of peer, as the guest looked them up

	settled        time.Time // when SO_ERROR had no error while it connected, or zero
	received, sent int64     // bytes
	failure        string    // the first error of a transfer
}

type state int

const (
	idle       state = iota // no span will follow, unless it connects
	connecting              // or failed to, which is not known yet
	accepted
)

func (g *guest) dials(names []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.names = names
}

// called follows what a call does to a socket.
func (g *guest) called(c host.Call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	ended := c.Start.Add(c.Duration)
	name := strings.TrimSuffix(c.Name, "_v2")
	switch {
	case name == "sock_open" && c.Errno == "":
		if argument(c, "type") == "STREAM" {
			g.streams[c.FD] = new(stream)
		}
		return
	case name == "sock_accept" && c.Errno == "":
		number, peer, _ := strings.Cut(c.Result, " from ")
		if fd, err := strconv.ParseInt(number, 10, 64); err == nil {
			g.streams[fd] = &stream{state: accepted, began: ended, peer: peer}
		}
		return
	}
	s := g.streams[c.FD]
	if s == nil {
		return
	}
	switch name {
	case "fd_close":
		g.finish(s, ended)
		delete(g.streams, c.FD)
	case "fd_renumber":
		if to, err := strconv.ParseInt(argument(c, "to"), 10, 64); err == nil && c.Errno == "" && to != c.FD {
			if replaced := g.streams[to]; replaced != nil {
				g.finish(replaced, ended)
			}
			g.streams[to] = s
			delete(g.streams, c.FD)
		}
	case "sock_connect":
		g.connect(s, c)
	case "sock_getlocaladdr":
		if c.Errno == "" {
			s.local = c.Result
		}
	case "sock_getsockopt":
		if s.state == connecting && c.Errno == "" && argument(c, "name") == "SO_ERROR" {
			switch c.Result {
			case "0": // connected, or it connects still
				s.settled = ended
			case "EINPROGRESS", "EALREADY":
			default:
				g.connected(s, ended, c.Result, "")
			}
		}
	case "sock_getpeeraddr":
		switch {
		case s.state != connecting:
		case c.Errno == "":
			g.connected(s, ended, "", "")
		default:
			s.settled = time.Time{}
		}
	case "sock_recv", "sock_recv_from", "fd_read":
		g.transferred(s, c, &s.received)
	case "sock_send", "sock_send_to", "fd_write":
		g.transferred(s, c, &s.sent)
	}
}

// connect handles a call of sock_connect.
func (g *guest) connect(s *stream, c host.Call) {
	peer, names := argument(c, "addr"), g.names
	g.names = nil
	if s.state == accepted || peer == "" { // the call was invalid
		return
	}
	if s.state == idle {
		s.state, s.began, s.settled, s.peer, s.names = connecting, c.Start, time.Time{}, peer, names
	}
	switch c.Errno {
	case "EINPROGRESS", "EALREADY":
	case "", "EISCONN":
		g.connected(s, c.Start.Add(c.Duration), "", "")
	default:
		g.connected(s, c.Start.Add(c.Duration), c.Errno, c.Reason)
	}
}

// transferred counts what a call transferred, or keeps its error.
func (g *guest) transferred(s *stream, c host.Call, sum *int64) {
	ended := c.Start.Add(c.Duration)
	switch c.Errno {
	case "EAGAIN", "EINTR", "ENOTCONN", "EINVAL", "EFAULT", "EADDRNOTAVAIL": // of the call alone
		return
	case "":
		number, _, _ := strings.Cut(strings.TrimSuffix(c.Result, ", truncated"), " ")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			*sum += n
		}
	default:
		if s.failure == "" {
			s.failure = c.Errno
		}
	}
	if s.state == connecting {
		g.connected(s, ended, c.Errno, "")
	}
}

// end ends the spans of everything that is open.
func (g *guest) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for fd, s := range g.streams {
		g.finish(s, time.Now())
		delete(g.streams, fd)
	}
}

// finish sends the span of a socket that is closed, if there is one.
func (g *guest) finish(s *stream, ended time.Time) {
	switch {
	case s.state == connecting && !s.settled.IsZero():
		g.connected(s, ended, "", "")
	case s.state == connecting:
		g.connected(s, ended, "ECANCELED", "closed before it was connected")
	case s.state == accepted:
		attrs := append(address(s.peer, semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey), address(s.peer, semconv.ClientAddressKey, semconv.ClientPortKey)...)
		attrs = append(attrs, address(s.local, semconv.NetworkLocalAddressKey, semconv.NetworkLocalPortKey)...)
		attrs = append(attrs, address(s.local, semconv.ServerAddressKey, semconv.ServerPortKey)...)
		attrs = append(attrs, transport(s.peer)...)
		attrs = append(attrs, attribute.Int64("wasisock.received_bytes", s.received), attribute.Int64("wasisock.sent_bytes", s.sent))
		g.send(spanConnection, trace.SpanKindServer, s.began, ended, attrs, s.failure, "")
	}
	s.state = idle
}

// connected sends the span of a dial, which failed if failure is not "".
func (g *guest) connected(s *stream, ended time.Time, failure, reason string) {
	if failure == "" && !s.settled.IsZero() {
		ended = s.settled
	}
	attrs := append(address(s.peer, semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey), address(s.peer, semconv.ServerAddressKey, semconv.ServerPortKey)...)
	attrs = append(attrs, transport(s.peer)...)
	if len(s.names) > 0 {
		attrs = append(attrs, semconv.ServerAddress(printable.Text(s.names[0], printable.MaxText, "")))
	}
	g.send(spanConnect, trace.SpanKindClient, s.began, ended, attrs, failure, reason)
	s.state, s.names = idle, nil
}

// lookedUp sends the span of a look-up.
func (g *guest) lookedUp(l host.Lookup) {
	attrs := []attribute.KeyValue{semconv.DNSQuestionName(l.Name)}
	if l.Type != "" {
		attrs = append(attrs, attribute.String("wasisock.dns.question.type", l.Type))
	}
	if len(l.Addrs) > 0 {
		var answers []string
		for _, a := range l.Addrs[:min(len(l.Addrs), maxAddrs)] {
			answers = append(answers, a.String())
		}
		attrs = append(attrs, semconv.DNSAnswers(answers...))
	}
	g.send(spanLookup, trace.SpanKindInternal, l.Start, l.Start.Add(l.Duration), attrs, l.Error, "")
}

func (g *guest) send(name string, kind trace.SpanKind, began, ended time.Time, attrs []attribute.KeyValue, failure, reason string) {
	attrs = append(attrs, g.instance)
	if failure != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(failure))
	}
	g.span(name, began, ended, []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithAttributes(attrs...)}, func(s trace.Span) {
		if failure != "" {
			s.SetStatus(codes.Error, reason)
		}
	})
}

// argument returns the text of an argument, or "".
func argument(c host.Call, name string) string {
	for _, a := range c.Args {
		if a.Name == name {
			return a.Text
		}
	}
	return ""
}

// address returns the attributes of one end of a connection: an IP address and a port, or a path.
func address(text string, addr, port attribute.Key) []attribute.KeyValue {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return []attribute.KeyValue{addr.String(at.Addr().Unmap().String()), port.Int(int(at.Port()))}
	}
	if strings.HasPrefix(text, "/") || strings.HasPrefix(text, "@") {
		return []attribute.KeyValue{addr.String(text)}
	}
	return nil
}

// transport returns the attributes of the transport to a peer, if the peer is known.
func transport(peer string) []attribute.KeyValue {
	at, err := netip.ParseAddrPort(peer)
	switch {
	case peer == "":
		return nil
	case err != nil:
		return []attribute.KeyValue{semconv.NetworkTransportUnix}
	case at.Addr().Unmap().Is4():
		return []attribute.KeyValue{semconv.NetworkTransportTCP, semconv.NetworkTypeIPv4}
	}
	return []attribute.KeyValue{semconv.NetworkTransportTCP, semconv.NetworkTypeIPv6}
}
