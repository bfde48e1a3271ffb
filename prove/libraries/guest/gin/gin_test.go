// Package gin serves HTTP with github.com/gin-gonic/gin.
package gin

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
	"github.com/wasisock/wasisock/prove/libraries/guest/web"
)

func TestServer(t *testing.T) {
	l := given.Listen(t)
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.Recovery())
	r.GET("/hello/:name", func(c *gin.Context) { c.String(http.StatusOK, "hello %s", c.Param("name")) })
	r.POST("/echo", func(c *gin.Context) {
		body, err := c.GetRawData()
		if err != nil {
			c.AbortWithError(http.StatusInternalServerError, err)
			return
		}
		c.Data(http.StatusOK, "application/octet-stream", body)
	})
	r.GET("/stream", func(c *gin.Context) {
		i := 0
		c.Stream(func(w io.Writer) bool {
			if i > 0 {
				time.Sleep(web.Pause)
			}
			io.WriteString(w, web.Line(i))
			i++
			return i < web.Lines
		})
	})
	r.GET("/slow", func(c *gin.Context) { web.Slow(c.Request.Context()) })
	given.Serving(l.Addr())
	t.Fatal(r.RunListener(l))
}

func TestClient(t *testing.T) {
	web.Exercise(t, "http://"+given.Peer(t, 0), http.DefaultClient)
}
