// Package chi serves HTTP with github.com/go-chi/chi.
package chi

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
	"github.com/wasisock/wasisock/prove/libraries/guest/web"
)

func TestServer(t *testing.T) {
	l := given.Listen(t)
	r := chi.NewRouter()
	r.Use(middleware.RequestID, middleware.Recoverer)
	r.Get("/hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello ", chi.URLParam(r, "name"))
	})
	r.Post("/echo", web.Echo)
	r.Get("/stream", func(w http.ResponseWriter, r *http.Request) {
		for i := range web.Lines {
			if i > 0 {
				time.Sleep(web.Pause)
			}
			io.WriteString(w, web.Line(i))
			w.(http.Flusher).Flush()
		}
	})
	r.Get("/slow", func(w http.ResponseWriter, r *http.Request) { web.Slow(r.Context()) })
	given.Serving(l.Addr())
	t.Fatal(http.Serve(l, r))
}

func TestClient(t *testing.T) {
	web.Exercise(t, "http://"+given.Peer(t, 0), http.DefaultClient)
}
