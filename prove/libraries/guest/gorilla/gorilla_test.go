// Package gorilla uses github.com/gorilla/websocket with TLS, as a server and as a
// client.
package gorilla

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

func TestServer(t *testing.T) {
	l := given.Listen(t)
	upgrader := websocket.Upgrader{}
	s := http.Server{TLSConfig: given.ServerTLS(t), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			kind, text, err := c.ReadMessage()
			if err != nil || c.WriteMessage(kind, text) != nil {
				return
			}
		}
	})}
	given.Serving(l.Addr())
	t.Fatal(s.ServeTLS(l, "", ""))
}

func dial(t *testing.T) *websocket.Conn {
	d := websocket.Dialer{TLSClientConfig: given.ClientTLS(t), HandshakeTimeout: time.Minute}
	c, _, err := d.Dial("wss://"+given.Peer(t, 0), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestClient(t *testing.T) {
	c := dial(t)
	pong := make(chan string, 1)
	c.SetPongHandler(func(text string) error {
		pong <- text
		return nil
	})
	if err := c.WriteControl(websocket.PingMessage, []byte("there?"), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		want := fmt.Sprint("message ", i)
		if err := c.WriteMessage(websocket.TextMessage, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.ReadMessage(); err != nil || string(got) != want {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
	}
	if got := <-pong; got != "there?" {
		t.Errorf("the answer to a ping is %q", got)
	}
	big := given.Bytes(1<<20+1, 11)
	failed := make(chan error, 1)
	go func() { failed <- c.WriteMessage(websocket.BinaryMessage, big) }()
	if _, got, err := c.ReadMessage(); err != nil || !bytes.Equal(got, big) {
		t.Errorf("a large message came back otherwise, or not: %v", err)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
	given.Expires(t, 300*time.Millisecond, func() error {
		c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		_, _, err := c.ReadMessage()
		return err
	})
}

func TestTogether(t *testing.T) {
	conns := make([]*websocket.Conn, 12)
	for i := range conns {
		conns[i] = dial(t)
	}
	given.Together(t, len(conns), func(i int) error {
		for j := range 20 {
			want := fmt.Sprint(i, "-", j)
			if err := conns[i].WriteMessage(websocket.TextMessage, []byte(want)); err != nil {
				return err
			}
			if _, got, err := conns[i].ReadMessage(); err != nil || string(got) != want {
				return fmt.Errorf("%q, %v; want %q", got, err, want)
			}
		}
		return nil
	})
}
