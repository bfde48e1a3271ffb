// Package echo serves HTTP with github.com/labstack/echo.
package echo

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
	"github.com/wasisock/wasisock/prove/libraries/guest/web"
)

func TestServer(t *testing.T) {
	e := echo.New()
	e.HideBanner, e.HidePort, e.Listener = true, true, given.Listen(t)
	e.Use(middleware.Recover())
	e.GET("/hello/:name", func(c echo.Context) error { return c.String(http.StatusOK, "hello "+c.Param("name")) })
	e.POST("/echo", echo.WrapHandler(http.HandlerFunc(web.Echo)))
	e.GET("/stream", func(c echo.Context) error {
		for i := range web.Lines {
			if i > 0 {
				time.Sleep(web.Pause)
			}
			io.WriteString(c.Response(), web.Line(i))
			c.Response().Flush()
		}
		return nil
	})
	e.GET("/slow", func(c echo.Context) error {
		web.Slow(c.Request().Context())
		return nil
	})
	given.Serving(e.Listener.Addr())
	t.Fatal(e.Start(""))
}

func TestClient(t *testing.T) {
	web.Exercise(t, "http://"+given.Peer(t, 0), http.DefaultClient)
}
