// Package quic uses github.com/quic-go/quic-go: streams, datagrams and HTTP/3, as a
// server and as a client.
package quic

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
	"github.com/wasisock/wasisock/prove/libraries/guest/web"
)

const protocol = "echo"

func config() *quic.Config {
	return &quic.Config{EnableDatagrams: true, HandshakeIdleTimeout: time.Minute, MaxIdleTimeout: time.Minute}
}

func TestServer(t *testing.T) {
	given.Value(t, "SERVE")
	cfg := given.ServerTLS(t)
	cfg.NextProtos = []string{protocol, http3.NextProtoH3}
	l, err := quic.ListenAddr("127.0.0.1:0", cfg, config())
	if err != nil {
		t.Fatal(err)
	}
	h3 := &http3.Server{Handler: handler()}
	given.Serving(l.Addr())
	for {
		c, err := l.Accept(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if c.ConnectionState().TLS.NegotiatedProtocol == protocol {
			go echo(c)
		} else {
			go h3.ServeQUICConn(c)
		}
	}
}

func echo(c *quic.Conn) {
	go func() {
		for {
			d, err := c.ReceiveDatagram(context.Background())
			if err != nil || c.SendDatagram(d) != nil {
				return
			}
		}
	}()
	for {
		s, err := c.AcceptStream(context.Background())
		if err != nil {
			return
		}
		go given.Echo(s)
	}
}

func handler() http.Handler {
	mux := http.NewServeMux()
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

func clientTLS(t *testing.T) *tls.Config {
	cfg := given.ClientTLS(t)
	cfg.NextProtos = []string{protocol}
	return cfg
}

func dial(t *testing.T) *quic.Conn {
	c, err := quic.DialAddr(context.Background(), given.Peer(t, 0), clientTLS(t), config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseWithError(0, "") })
	return c
}

func TestStreams(t *testing.T) {
	c := dial(t)
	given.Together(t, 10, func(i int) error {
		s, err := c.OpenStreamSync(context.Background())
		if err != nil {
			return err
		}
		defer s.Close()
		for j := range 5 {
			if err := given.Echoes(s, 1000*j+1, uint64(i)); err != nil {
				return err
			}
		}
		return given.Echoes(s, 100<<10, uint64(i))
	})
	s, err := c.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	if err := given.Echoes(s, 1<<20, 14); err != nil {
		t.Error(err)
	}
	given.Expires(t, 300*time.Millisecond, func() error {
		s.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		_, err := s.Read(make([]byte, 1))
		return err
	})
}

func TestDatagrams(t *testing.T) {
	c := dial(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := range 20 {
		want := fmt.Sprint("datagram ", i)
		if err := c.SendDatagram([]byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := c.ReceiveDatagram(ctx); err != nil || string(got) != want {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
	}
}

// TestAbsent dials where nothing listens, so nothing answers.
func TestAbsent(t *testing.T) {
	given.Expires(t, 300*time.Millisecond, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		_, err := quic.DialAddr(ctx, given.Value(t, "SILENT_UDP"), clientTLS(t), config())
		return err
	})
}

func TestHTTP3(t *testing.T) {
	transport := &http3.Transport{TLSClientConfig: given.ClientTLS(t), QUICConfig: config()}
	defer transport.Close()
	web.Exercise(t, "https://"+given.Peer(t, 0), &http.Client{Transport: transport})
}
