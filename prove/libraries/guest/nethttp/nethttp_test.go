// Package nethttp serves HTTP with net/http: HTTP/1.1, and HTTP/2 with TLS.
package nethttp

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
	"github.com/wasisock/wasisock/prove/libraries/guest/web"
)

func TestServer(t *testing.T) {
	plain, encrypted := given.Listen(t), given.Listen(t)
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	s := http.Server{Handler: handler(), TLSConfig: given.ServerTLS(t), Protocols: &protocols}
	given.Serving(plain.Addr(), encrypted.Addr())
	var g errgroup.Group
	g.Go(func() error { return s.Serve(plain) })
	g.Go(func() error { return s.ServeTLS(encrypted, "", "") })
	t.Fatal(g.Wait())
}

func TestClient(t *testing.T) {
	_, port, err := net.SplitHostPort(given.Peer(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("plain", func(t *testing.T) { web.Exercise(t, "http://"+given.Peer(t, 0), client(t, 1)) })
	t.Run("tls", func(t *testing.T) { web.Exercise(t, "https://127.0.0.1:"+port, client(t, 1)) })
	t.Run("h2", func(t *testing.T) {
		c := client(t, 2)
		web.Exercise(t, "https://127.0.0.1:"+port, c)
		r, err := c.Get("https://127.0.0.1:" + port + "/")
		if err != nil || r.ProtoMajor != 2 {
			t.Fatalf("%+v, %v", r, err)
		}
		r.Body.Close()
	})
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) })
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	})
	mux.HandleFunc("GET /hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello ", r.PathValue("name"))
	})
	mux.HandleFunc("POST /echo", web.Echo)
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		for i := range web.Lines {
			if i > 0 {
				time.Sleep(web.Pause)
			}
			io.WriteString(w, web.Line(i))
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) { web.Slow(r.Context()) })
	return mux
}

// client speaks one version of HTTP.
func client(t *testing.T, version int) *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP1(version == 1)
	protocols.SetHTTP2(version == 2)
	transport := &http.Transport{TLSClientConfig: given.ClientTLS(t), Protocols: &protocols, MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
