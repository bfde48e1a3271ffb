//go:build linux

package stdnet

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestPollerPast: what came while a goroutine computed is handled before what became due,
// and before a write.
func TestPollerPast(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				time.Sleep(50 * time.Millisecond)
				c.Write([]byte("xy"))
				c.Close()
			}()
		}
	}()
	onEveryEngine(t, func(t *testing.T, e engine) {
		tries(t, func() error {
			g := e.start(t, guestPoller(t), false, "past", l.Addr().String())
			return g.says("right")
		})
	})
}

// TestPollerPastClient: a client that has computed does not use a connection that the server
// has closed meanwhile.
func TestPollerPastClient(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	s.Config.IdleTimeout = 200 * time.Millisecond
	s.Start()
	defer s.Close()
	onEveryEngine(t, func(t *testing.T, e engine) {
		tries(t, func() error { return e.start(t, guestPoller(t), false, "past client", s.URL).says("right") })
	})
}

// TestPollerPastServer: a server that has computed drops no client as idle or slow before
// it has read what came in time.
func TestPollerPastServer(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		timeout := 500 * time.Millisecond
		if e.name == "wasmedge" {
			timeout = 2 * time.Second // it interprets
		}
		var patience time.Duration
		tries(t, func() error {
			patience += timeout // others may use the machine
			return servesWhatCameInTime(t, e, patience)
		})
	})
}

func servesWhatCameInTime(t *testing.T, e engine, timeout time.Duration) error {
	g := e.start(t, guestPoller(t), true, "past server", timeout.String())
	defer g.kill()
	for range 2 { // not by chance
		if err := g.servesInTime(15); err != nil {
			return err
		}
	}
	return nil
}

// servesInTime computes while so many clients wait that are idle, and as many whose request
// has not come as a whole.
func (g *guest) servesInTime(clients int) error {
	const request = "POST / HTTP/1.1\r\nHost: guest\r\nContent-Length: 4\r\n\r\n"
	type client struct {
		what, rest string
		net.Conn
		*bufio.Reader
	}
	answered := func(c client) error {
		answer, err := http.ReadResponse(c.Reader, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", c.what, err)
		}
		if body, err := io.ReadAll(answer.Body); string(body) != "body" || err != nil {
			return fmt.Errorf("%s: %q, %w", c.what, body, err)
		}
		return nil
	}
	var all []client
	for i := range 2 * clients {
		c := client{"idle", request + "body", g.dial(), nil}
		c.SetDeadline(time.Now().Add(patience))
		c.Reader = bufio.NewReader(c.Conn)
		if i%2 == 0 {
			io.WriteString(c, request+"body")
			if err := answered(c); err != nil {
				return err
			}
		} else {
			io.WriteString(c, request+"bo")
			c.what, c.rest = "slow", "dy"
		}
		all = append(all, c)
	}
	io.WriteString(g.dial(), "GET /compute HTTP/1.1\r\nHost: guest\r\n\r\n")
	if err := g.says("computes"); err != nil {
		return err
	}
	for _, c := range all {
		io.WriteString(c, c.rest)
	}
	for _, c := range all {
		if err := answered(c); err != nil {
			return err
		}
	}
	return nil
}
