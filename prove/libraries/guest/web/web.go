// Package web is the client that tests each of the HTTP servers, which offer
//
//	GET  /hello/{name}  "hello NAME"
//	POST /echo          the body
//	GET  /stream        ten lines, each flushed when it is written
//	GET  /slow          nothing for a minute
package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

// Lines is how many lines /stream has.
const Lines = 10

// Pause is between them.
const Pause = 30 * time.Millisecond

// Line is a line of /stream.
func Line(i int) string { return fmt.Sprintf("line %d\n", i) }

// Echo answers with the body, once it is there: HTTP/1.1 servers do not both read and
// write.
func Echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Write(body)
}

// Slow waits as /slow does.
func Slow(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Minute):
	}
}

// Exercise checks a server.
func Exercise(t *testing.T, base string, c *http.Client) {
	// With HTTP/2 it makes the connection that the others share: README.md has what
	// sixteen handshakes at once meet in an interpreter.
	if err := expect(c.Get(base + "/hello/first"))([]byte("hello first")); err != nil {
		t.Fatal(err)
	}
	t.Run("hello", func(t *testing.T) {
		given.Together(t, 16, func(i int) error {
			for j := range 10 {
				path := fmt.Sprintf("%d-%d", i, j)
				if err := expect(c.Get(base + "/hello/" + path))([]byte("hello " + path)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	t.Run("echo", func(t *testing.T) {
		body := given.Bytes(1<<20+1, 6)
		if err := expect(c.Post(base+"/echo", "application/octet-stream", bytes.NewReader(body)))(body); err != nil {
			t.Error(err)
		}
	})
	t.Run("chunked", func(t *testing.T) {
		body := given.Bytes(1<<20, 7)
		unsized := io.MultiReader(bytes.NewReader(body))
		if err := expect(c.Post(base+"/echo", "application/octet-stream", unsized))(body); err != nil {
			t.Error(err)
		}
	})
	t.Run("stream", func(t *testing.T) {
		start := time.Now()
		r, err := c.Get(base + "/stream")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		line := make([]byte, len(Line(0)))
		for i := range Lines {
			if _, err := io.ReadFull(r.Body, line); err != nil || string(line) != Line(i) {
				t.Fatalf("%q, %v; want %q", line, err, Line(i))
			}
		}
		if took := time.Since(start); took < (Lines-1)*Pause {
			t.Errorf("it took %v", took)
		}
	})
	t.Run("deadline", func(t *testing.T) {
		given.Expires(t, 300*time.Millisecond, func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, "GET", base+"/slow", nil)
			if err != nil {
				return err
			}
			_, err = c.Do(r)
			return err
		})
	})
	t.Run("absent", func(t *testing.T) {
		r, err := c.Get(base + "/absent")
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusNotFound {
			t.Errorf("the status is %s", r.Status)
		}
	})
}

// expect checks that a response is 200 with a body.
func expect(r *http.Response, err error) func([]byte) error {
	return func(want []byte) error {
		if err != nil {
			return err
		}
		defer r.Body.Close()
		got, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != http.StatusOK || !bytes.Equal(got, want) {
			return fmt.Errorf("%s with %d bytes, %v; want %d", r.Status, len(got), err, len(want))
		}
		return nil
	}
}
