// Package coder uses github.com/coder/websocket, as a server and as a client.
package coder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

const most = 8 << 20 // bytes of a message

func TestServer(t *testing.T) {
	l := given.Listen(t)
	given.Serving(l.Addr())
	t.Fatal(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover})
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(most)
		for {
			kind, text, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if string(text) == "bye" {
				c.Close(websocket.StatusGoingAway, "as asked")
				return
			}
			if c.Write(r.Context(), kind, text) != nil {
				return
			}
		}
	})))
}

func dial(t *testing.T) *websocket.Conn {
	c, _, err := websocket.Dial(context.Background(), "ws://"+given.Peer(t, 0), &websocket.DialOptions{CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	c.SetReadLimit(most)
	return c
}

func TestClient(t *testing.T) {
	ctx, c := context.Background(), dial(t)
	type message struct{ Number int }
	for i := range 50 {
		var got message
		if err := wsjson.Write(ctx, c, message{i}); err != nil {
			t.Fatal(err)
		}
		if err := wsjson.Read(ctx, c, &got); err != nil || got.Number != i {
			t.Fatalf("%+v, %v; want %d", got, err, i)
		}
	}
	big := given.Bytes(1<<20+1, 10)
	failed := make(chan error, 1)
	go func() { failed <- c.Write(ctx, websocket.MessageBinary, big) }()
	kind, r, err := c.Reader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || kind != websocket.MessageBinary || !bytes.Equal(got, big) {
		t.Errorf("a large message came back otherwise, or not: %v", err)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
	if err := c.Write(ctx, websocket.MessageText, []byte("bye")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the end: %v", err)
	}
}

func TestTogether(t *testing.T) {
	conns := make([]*websocket.Conn, 16)
	for i := range conns {
		conns[i] = dial(t)
	}
	given.Together(t, len(conns), func(i int) error {
		for j := range 20 {
			want := fmt.Sprint(i, "-", j)
			if err := conns[i].Write(context.Background(), websocket.MessageText, []byte(want)); err != nil {
				return err
			}
			if _, got, err := conns[i].Read(context.Background()); err != nil || string(got) != want {
				return fmt.Errorf("%q, %v; want %q", got, err, want)
			}
		}
		return conns[i].Close(websocket.StatusNormalClosure, "")
	})
}

func TestDeadline(t *testing.T) {
	c, start := dial(t), time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, _, err := c.Read(ctx)
	if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took < 300*time.Millisecond || took > 10*time.Second {
		t.Errorf("%v after %v", err, took)
	}
}
