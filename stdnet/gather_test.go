//go:build linux

package stdnet

import (
	"io"
	"net"
	"strconv"
	"testing"
	"time"
)

// TestGatherExit: what WASISOCK_GATHER keeps back leaves when the program ends, in whatever
// way, also where it waits for the peer to read.
func TestGatherExit(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for _, way := range []string{"return", "exit", "panic", "fatal"} {
			for _, size := range []int{3, 60_000} {
				cmd := e.with([]string{"--env", "WASISOCK_GATHER=1", guestPoller(t), "exits", l.Addr().String(), way, strconv.Itoa(size)})
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				c, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				c.SetDeadline(time.Now().Add(patience))
				if n, err := io.Copy(io.Discard, c); n != int64(size) || err != nil {
					t.Errorf("%s: %d bytes of %d, %v", way, n, size, err)
				}
				c.Close()
				if err := cmd.Wait(); (err != nil) != (way == "panic" || way == "fatal") {
					t.Errorf("%s: %v", way, err)
				}
			}
		}
	})
}
