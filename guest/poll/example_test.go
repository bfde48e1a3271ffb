package poll_test

import (
	"log"
	"net/netip"

	"github.com/wasisock/wasisock/guest/poll"
	"github.com/wasisock/wasisock/guest/socket"
)

// A server of one thread, which sends back what it receives. What does not fit into the
// connection's buffer at once is lost here; a server that minds keeps it and asks for
// poll.Writable.
func Example() {
	at := netip.MustParseAddrPort("127.0.0.1:1234")
	listener, err := socket.Listen(socket.Addr{AddrPort: at}, 0)
	if err != nil {
		log.Fatal(err)
	}
	var (
		p      poll.Poll
		conns  = map[poll.Token]*socket.Conn{}
		events [64]poll.Event
		buf    [4096]byte
	)
	p.Register(listener.FD(), 0, poll.Readable)
	for last := poll.Token(0); ; {
		n, err := p.Wait(events[:], -1)
		if err != nil {
			log.Fatal(err)
		}
		for _, ev := range events[:n] {
			if ev.Token == 0 {
				if conn, err := listener.Accept(); err == nil {
					last++
					conns[last] = conn
					p.Register(conn.FD(), last, poll.Readable)
				}
				continue
			}
			conn := conns[ev.Token]
			n, err := conn.Read(buf[:])
			if err == nil {
				_, err = conn.Write(buf[:n])
			}
			if err != nil && !socket.WouldBlock(err) {
				p.Deregister(conn.FD()) // before Close, always
				conn.Close()
				delete(conns, ev.Token)
			}
		}
	}
}
