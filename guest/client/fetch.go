package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/wasisock/wasisock/guest/poll"
	"github.com/wasisock/wasisock/guest/socket"
)

// minAttempt is the least time that one address is given while others are left.
const minAttempt = 2 * time.Second

// A fetch is one target on its way, from the first address to the answer.
type fetch struct {
	*target
	token poll.Token
	next  int // index of the address to try after this one

	conn      *socket.Conn
	connected bool
	interest  poll.Interest // what the poller watches conn for
	unsent    []byte
	sendErr   error // why the rest of unsent stays unsent
	answer    response

	began    time.Time
	deadline time.Time // of the whole fetch
	giveUp   time.Time // of connecting to this address
}

// advance does what the connection is ready for. It returns true when the answer
// is complete, and an error when it never will be.
func (f *fetch) advance(buf []byte) (bool, error) {
	if !f.connected {
		if ok, err := f.conn.Connected(); !ok {
			return false, err
		}
		f.connected = true
	}
	f.send()
	return f.receive(buf)
}

// send writes what fits of the request. Its error is not the end, because a
// server may answer, and close, before it has read the whole request.
func (f *fetch) send() {
	for len(f.unsent) > 0 && f.sendErr == nil {
		n, err := f.conn.Write(f.unsent)
		if socket.WouldBlock(err) {
			return
		}
		f.unsent, f.sendErr = f.unsent[n:], err
	}
}

// receive reads what has arrived, up to a bound, so that no server, however fast,
// keeps the others waiting.
func (f *fetch) receive(buf []byte) (bool, error) {
	for range 16 {
		n, err := f.conn.Read(buf)
		if malformed := f.answer.feed(buf[:n]); malformed != nil || f.answer.done {
			return true, malformed
		}
		switch {
		case err == nil:
		case socket.WouldBlock(err):
			return false, nil
		case err == io.EOF:
			err = f.answer.end()
			if err != nil && f.sendErr != nil {
				err = fmt.Errorf("%s, and the request was not sent whole", reason(err))
			}
			return true, err
		default:
			return false, fmt.Errorf("%s %s", reason(err), f.answer.progress())
		}
	}
	return false, nil
}

// wants returns the events to wait for.
func (f *fetch) wants() poll.Interest {
	switch {
	case !f.connected:
		return poll.Writable
	case len(f.unsent) > 0 && f.sendErr == nil:
		return poll.Readable | poll.Writable
	}
	return poll.Readable
}

// due is when the fetch, or the attempt at this address, has taken too long.
func (f *fetch) due() time.Time {
	if !f.connected && f.giveUp.Before(f.deadline) {
		return f.giveUp
	}
	return f.deadline
}

// timedOut reports which step took the time.
func (f *fetch) timedOut(limit time.Duration) error {
	if !f.connected {
		return fmt.Errorf("timed out after %v while connecting", limit)
	}
	return fmt.Errorf("timed out after %v, %s", limit, f.answer.progress())
}

// dial begins to connect to the next address, or to one after it if that fails
// at once; with none left it returns the last error.
func (f *fetch) dial(now time.Time) error {
	err := errors.New("no address")
	for f.next < len(f.addrs) {
		f.setGiveUp(now)
		to := netip.AddrPortFrom(f.addrs[f.next], f.port)
		f.next++
		if f.conn, err = socket.Dial(socket.Addr{AddrPort: to}); err == nil {
			return nil
		}
		f.conn = nil
	}
	return err
}

// setGiveUp divides what is left of the time by the addresses that are left.
func (f *fetch) setGiveUp(now time.Time) {
	left := len(f.addrs) - f.next
	f.giveUp = now.Add(max(f.deadline.Sub(now)/time.Duration(left), minAttempt))
}

// reason is the text of an error for a person: without the name of the function
// that failed, and in lower case, as "connection refused".
func reason(err error) string {
	var call *os.SyscallError
	text := err.Error()
	if errors.As(err, &call) {
		text = call.Err.Error()
	}
	if len(text) > 1 && 'A' <= text[0] && text[0] <= 'Z' && 'a' <= text[1] && text[1] <= 'z' {
		text = string(text[0]+'a'-'A') + text[1:]
	}
	return text
}
