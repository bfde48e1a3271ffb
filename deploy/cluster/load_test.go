//go:build linux

package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// dial connects from the network of the control plane. The address is one of IP, so that the thread
// that makes the socket is this one.
func (w *network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	there, err := os.Open("/run/netns/" + namespace("control"))
	if err != nil {
		return nil, err
	}
	defer there.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer here.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	defer func() {
		if err := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(err) // the thread would be in the wrong network for others
		}
	}()
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// A load is clients that send requests until they are stopped.
type load struct {
	name    string
	stop    context.CancelFunc
	clients sync.WaitGroup

	mu     sync.Mutex
	sent   int
	failed []error
}

// startLoad starts clients, each of which sends one request after the other. The kinds:
//   - "a connection each": POST, which no client repeats;
//   - "keep-alive": GET, which Go's client repeats as browsers do if the server has closed the
//     connection that it kept;
//   - "HTTP/2": GET, which Go's client repeats if the server has sent GOAWAY before it.
func (w *network) startLoad(t *testing.T, kind, url string, clients int) *load {
	t.Helper()
	transport := &http.Transport{DialContext: w.dial, Protocols: new(http.Protocols), MaxIdleConnsPerHost: clients}
	method := http.MethodGet
	transport.Protocols.SetHTTP1(true)
	switch kind {
	case "a connection each":
		method, transport.DisableKeepAlives = http.MethodPost, true
	case "HTTP/2":
		transport.Protocols.SetHTTP1(false)
		transport.Protocols.SetUnencryptedHTTP2(true)
	case "keep-alive":
	default:
		t.Fatalf("there is no load %q", kind)
	}
	ctx, stop := context.WithCancel(t.Context())
	l := &load{name: kind, stop: stop}
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	for range clients {
		l.clients.Go(func() {
			for ctx.Err() == nil {
				err := request(client, method, url)
				l.mu.Lock()
				l.sent++
				if err != nil {
					l.failed = append(l.failed, err)
				}
				l.mu.Unlock()
			}
		})
	}
	t.Cleanup(func() {
		stop()
		l.clients.Wait()
		transport.CloseIdleConnections()
	})
	return l
}

// request sends one request, and reads its answer. It fails unless that is the guest's.
func request(client *http.Client, method, url string) error {
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && (answer.StatusCode != http.StatusOK || !strings.HasPrefix(string(body), "hello")) {
		err = fmt.Errorf("%s: %q", answer.Status, body)
	}
	return err
}

// count returns how many requests were sent until now.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent
}

// end stops the clients, and returns how many requests they sent and how many of them failed.
func (l *load) end(t *testing.T) (sent, failed int) {
	t.Helper()
	l.stop()
	l.clients.Wait()
	t.Logf("%s: %d requests, %d failed", l.name, l.sent, len(l.failed))
	for _, err := range l.failed[:min(len(l.failed), 5)] {
		t.Log(err)
	}
	return l.sent, len(l.failed)
}
