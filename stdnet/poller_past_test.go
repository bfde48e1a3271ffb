//go:build linux

package stdnet

import (
	"net"
	"testing"
	"time"
)

// TestPollerPast: what came while a goroutine computed is handled before what became due,
// and before a write.
func TestPollerPast(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				time.Sleep(50 * time.Millisecond)
				c.Write([]byte("xy"))
				c.Close()
			}()
		}
	}()
	onEveryEngine(t, func(t *testing.T, e engine) {
		tries(t, func() error {
			g := e.start(t, guestPoller(t), false, "past", l.Addr().String())
			return g.says("right")
		})
	})
}
