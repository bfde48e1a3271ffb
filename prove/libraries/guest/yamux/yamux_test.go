// Package yamux uses github.com/hashicorp/yamux: many streams in one connection.
package yamux

import (
	"net"
	"testing"
	"time"

	"github.com/hashicorp/yamux"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

func TestServer(t *testing.T) {
	l := given.Listen(t)
	given.Serving(l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer c.Close()
			s, err := yamux.Server(c, nil)
			if err != nil {
				return
			}
			for {
				stream, err := s.Accept()
				if err != nil {
					return
				}
				go given.Echo(stream)
			}
		}()
	}
}

func session(t *testing.T) *yamux.Session {
	c, err := net.Dial("tcp", given.Peer(t, 0))
	if err != nil {
		t.Fatal(err)
	}
	s, err := yamux.Client(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestClient(t *testing.T) {
	s := session(t)
	given.Together(t, 16, func(i int) error {
		stream, err := s.Open()
		if err != nil {
			return err
		}
		defer stream.Close()
		for j := range 10 {
			if err := given.Echoes(stream, 1000*j+1, uint64(i)); err != nil {
				return err
			}
		}
		return given.Echoes(stream, 256<<10, uint64(i))
	})
	if d, err := s.Ping(); err != nil || d <= 0 {
		t.Errorf("a ping: %v, %v", d, err)
	}
}

func TestDeadline(t *testing.T) {
	stream, err := session(t).Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := given.Echoes(stream, 2<<20, 12); err != nil {
		t.Fatal(err)
	}
	given.Expires(t, 300*time.Millisecond, func() error {
		stream.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		_, err := stream.Read(make([]byte, 1))
		return err
	})
}
