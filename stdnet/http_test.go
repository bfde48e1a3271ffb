//go:build linux

package stdnet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestHTTP puts an ordinary net/http server under load, and does to it meanwhile what
// happens to servers: nothing of it may cost a client its answer.
func TestHTTP(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		g := e.start(t, guestHTTP(t), true)
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: 4 * patience}
		defer client.CloseIdleConnections()
		url := "http://" + g.addr

		idle := 5000
		if e.name == "wasmedge" {
			idle = 1000 // it interprets, and takes 7 ms to serve a new one
		}
		load := g.load(client, url+"/echo", 32)
		for _, trouble := range []struct {
			what string
			do   func()
		}{
			{"nothing else", func() {}},
			{"SIGSTOP and SIGCONT", func() {
				for range 10 {
					g.interrupt()
				}
			}},
			{"clients that reset their connection within a response", func() {
				for range 50 {
					g.resetWithinResponse()
				}
			}},
			{"idle connections", func() {
				for range idle {
					g.dial()
				}
				load.more(t, 200)
				if err := load.stop(); err != nil {
					t.Error("before rest:", err)
				}
				client.CloseIdleConnections()
				if err := echoed(client, url+"/echo", nil); err != nil { // by a connection that is served last
					t.Error(err)
				}
				start := time.Now()
				for g.cpu(2*time.Second) > 100*time.Millisecond { // collecting garbage at first
					if time.Since(start) > patience {
						t.Fatalf("busy after %v without a request", time.Since(start))
					}
				}
				load = g.load(client, url+"/echo", 32)
			}},
		} {
			trouble.do()
			load.more(t, 200)
			if t.Failed() {
				t.Fatalf("with %s", trouble.what)
			}
		}
		if err := load.stop(); err != nil {
			t.Fatal(err)
		}
		g.terminate()
	})
}

// A load is clients that make one request after the other.
type load struct {
	cancel   context.CancelFunc
	clients  sync.WaitGroup
	answered chan struct{}
	failed   chan error
}

func (g *guest) load(client *http.Client, url string, clients int) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel, answered: make(chan struct{}), failed: make(chan error, clients)}
	g.Cleanup(cancel)
	for i := range clients {
		l.clients.Go(func() {
			body := bytes.Repeat([]byte{'a' + byte(i)}, 100*i)
			for ctx.Err() == nil {
				if err := echoed(client, url, body); err != nil {
					l.failed <- err
					return
				}
				select {
				case l.answered <- struct{}{}:
				case <-ctx.Done():
				}
			}
		})
	}
	return l
}

func echoed(client *http.Client, url string, body []byte) error {
	response, err := client.Post(url, "text/plain", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch got, err := io.ReadAll(response.Body); {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK || !bytes.Equal(got, body):
		return fmt.Errorf("%s with another body", response.Status)
	}
	return nil
}

// more waits until so many more requests have been answered.
func (l *load) more(t *testing.T, requests int) {
	t.Helper()
	for range requests {
		select {
		case <-l.answered:
		case err := <-l.failed:
			t.Fatal(err)
		}
	}
}

// stop ends the load, and is an error of a request, if there was one.
func (l *load) stop() error {
	l.cancel()
	l.clients.Wait()
	select {
	case err := <-l.failed:
		return err
	default:
		return nil
	}
}

// resetWithinResponse reads the beginning of a response, and resets the connection.
func (g *guest) resetWithinResponse() {
	g.Helper()
	c := g.dial().(*net.TCPConn)
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "GET /endless HTTP/1.1\r\nHost: guest\r\n\r\n")
	head := make([]byte, 1000)
	if _, err := io.ReadFull(c, head); err != nil || !strings.HasPrefix(string(head), "HTTP/1.1 200 OK\r\n") {
		g.Fatalf("the response begins %q, %v", head, err)
	}
	c.SetLinger(0)
	c.Close()
}

// terminate sends SIGTERM to the guest's process, which ends soon, and its addresses
// are free. On our host the guest learns of it, by the end of its listener.
func (g *guest) terminate() {
	g.Helper()
	if err := syscall.Kill(g.pid, syscall.SIGTERM); err != nil {
		g.Fatal(err)
	}
	const most = 12 * time.Second // --grace; connections on which nothing was asked stay for 5 s
	deadline := time.After(most)
	for ended := false; !ended; {
		select {
		case line, ok := <-g.lines:
			if ended = !ok; ok && line != "accept tcp "+g.addr+": use of closed network connection" {
				g.Errorf("the guest says %q", line)
			}
		case <-deadline:
			g.Fatalf("the process has not ended %v after SIGTERM", most)
		}
	}
	l, err := net.Listen("tcp", g.addr)
	if err != nil {
		g.Fatal(err)
	}
	l.Close()
}
