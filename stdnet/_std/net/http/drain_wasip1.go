//go:build wasip1

package http

import (
	"net"
	"sync"
	"time"
	_ "unsafe" // for go:linkname
	"weak"
)

// A program that handles no signal ends when the accepting of its servers does, since
// nothing else makes it. The host therefore asks here first: servers then have no more
// requests on their connections than those in work, or on their way, and accepting fails
// once the last has been answered.

func init() { testHookServerServe = drains.serve }

var drains drainer

// A drainer knows the servers that have served, and ends their connections when the host
// asks for that.
type drainer struct {
	mu      sync.Mutex
	servers map[weak.Pointer[Server]]bool // whether it has been told
	most    int                           // servers, until those that are gone are forgotten
	idle    map[*conn]time.Time           // since when, as far as is known
}

// onDrain has f called, on a goroutine of the runtime's, when the host asks; the host then
// waits for drained.
//
//go:linkname onDrain
func onDrain(f func())

//go:linkname drained
func drained()

// serve is told of each call of Serve.
func (d *drainer) serve(s *Server, _ net.Listener) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.servers == nil {
		d.servers = map[weak.Pointer[Server]]bool{}
		onDrain(d.drain)
	}
	if p := weak.Make(s); !d.servers[p] {
		d.servers[p] = false
	}
	if len(d.servers) > d.most {
		d.each(func(*Server) {})
		d.most = 16 + 2*len(d.servers)
	}
}

// each calls f with the servers that are there. Others are forgotten.
func (d *drainer) each(f func(*Server)) {
	for p := range d.servers {
		if s := p.Value(); s != nil {
			f(s)
		} else {
			delete(d.servers, p)
		}
	}
}

func (d *drainer) drain() {
	told := false
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		if !d.step() && !told {
			drained()
			told = true
		}
		time.Sleep(pause)
	}
}

// step ends what is idle, and reports whether a connection is left.
func (d *drainer) step() (busy bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	idle := map[*conn]time.Time{}
	d.each(func(s *Server) {
		if p := weak.Make(s); !d.servers[p] {
			d.servers[p] = true
			s.drain()
		}
		busy = s.closeQuiet(d.idle, idle) || busy
	})
	d.idle = idle
	return busy
}

// drain makes each answer of HTTP/1 the last of its connection, and sends to the clients of
// HTTP/2 to ask elsewhere. It is Shutdown, but for the listeners and for connections that
// are idle.
func (s *Server) drain() {
	s.disableKeepAlives.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.onShutdown {
		go f()
	}
}

// onItsWay is how long a connection stays open that is idle: a request that its client
// has sent by then is answered.
const onItsWay = 250 * time.Millisecond

// closeQuiet closes the connections that have been idle for a while, by what was known
// before, and notes what is known now. It reports whether any is left. As in
// closeIdleConns, one that has not asked for more than five seconds is idle.
func (s *Server) closeQuiet(before, now map[*conn]time.Time) (left bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Now()
	for c := range s.activeConn {
		st, unixSec := c.getState()
		if st == StateNew && unixSec < at.Unix()-5 {
			st = StateIdle
		}
		since, known := before[c]
		switch {
		case st != StateIdle || unixSec == 0:
		case !known:
			now[c] = at
		case at.Sub(since) < onItsWay:
			now[c] = since
		default:
			c.rwc.Close()
			delete(s.activeConn, c)
			continue
		}
		left = true
	}
	return left
}
