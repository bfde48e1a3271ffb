// Package fasthttp serves HTTP with github.com/valyala/fasthttp, and is its client.
package fasthttp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
	"github.com/wasisock/wasisock/prove/libraries/guest/web"
)

func TestServer(t *testing.T) {
	l := given.Listen(t)
	given.Serving(l.Addr())
	t.Fatal((&fasthttp.Server{Handler: handle}).Serve(l))
}

func TestClient(t *testing.T) {
	web.Exercise(t, "http://"+given.Peer(t, 0), http.DefaultClient)
}

func handle(c *fasthttp.RequestCtx) {
	path := string(c.Path())
	name, hello := strings.CutPrefix(path, "/hello/")
	switch {
	case hello:
		fmt.Fprint(c, "hello ", name)
	case path == "/echo":
		c.Write(c.PostBody())
	case path == "/stream":
		c.SetBodyStreamWriter(func(w *bufio.Writer) {
			for i := range web.Lines {
				if i > 0 {
					time.Sleep(web.Pause)
				}
				w.WriteString(web.Line(i))
				w.Flush()
			}
		})
	case path == "/slow":
		time.Sleep(5 * time.Second)
	default:
		c.SetStatusCode(fasthttp.StatusNotFound)
	}
}

func TestOwnClient(t *testing.T) {
	base, c := "http://"+given.Peer(t, 0), &fasthttp.Client{}
	given.Together(t, 16, func(i int) error {
		for range 10 {
			want := "hello " + fmt.Sprint(i)
			if _, body, err := c.Get(nil, base+"/hello/"+fmt.Sprint(i)); err != nil || string(body) != want {
				return fmt.Errorf("%q, %v; want %q", body, err, want)
			}
		}
		return nil
	})
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	body := given.Bytes(1<<20+1, 8)
	request.SetRequestURI(base + "/echo")
	request.Header.SetMethod("POST")
	request.SetBody(body)
	if err := c.Do(request, response); err != nil || !bytes.Equal(response.Body(), body) {
		t.Errorf("%d bytes came back, %v", len(response.Body()), err)
	}
	if _, _, err := c.GetTimeout(nil, base+"/slow", 300*time.Millisecond); !errors.Is(err, fasthttp.ErrTimeout) {
		t.Errorf("a timeout: %v", err)
	}
}
