package poll

import (
	"testing"
	"time"
)

// FuzzPoll applies a sequence of steps, two bytes each, to a Poll and to a map, and
// holds what Wait tells against the map: every ready descriptor exactly once.
func FuzzPoll(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 3, 1, 5, 0, 1, 1, 5, 0, 2, 1, 5, 0})
	f.Add([]byte{0, 0, 0, 1, 0, 2, 0, 3, 3, 3, 4, 2, 6, 1, 5, 9, 2, 0, 5, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		m, p := newModel(t)
		type registration struct {
			token    Token
			interest Interest
		}
		registered := map[int32]registration{}
		const fds = 80 // more than minSplit
		for fd := range int32(fds) {
			m.socket(fd)
		}
		m.perRow = 10 * time.Microsecond
		for len(steps) >= 2 {
			op, arg := steps[0], int32(steps[1])
			steps = steps[2:]
			fd, interest := arg%fds, Interest(op>>4)%4
			token := Token(op)<<8 | Token(arg)
			r, known := registered[fd]
			switch op % 8 {
			case 0:
				if err := p.Register(int(fd), token, interest); (err == nil) != (interest != 0 && !known) {
					t.Fatalf("Register(%d, %v) = %v, known %v", fd, interest, err, known)
				} else if err == nil {
					registered[fd] = registration{token, interest}
				}
			case 1:
				if err := p.Modify(int(fd), token, interest); (err == nil) != (interest != 0 && known) {
					t.Fatalf("Modify(%d, %v) = %v, known %v", fd, interest, err, known)
				} else if err == nil {
					registered[fd] = registration{token, interest}
				}
			case 2:
				if err := p.Deregister(int(fd)); (err == nil) != known {
					t.Fatalf("Deregister(%d) = %v, known %v", fd, err, known)
				}
				delete(registered, fd)
			case 3:
				m.fds[fd].read = !m.fds[fd].read
			case 4:
				m.fds[fd].write = !m.fds[fd].write
			case 6:
				m.signals = int(arg % 3)
			case 7:
				m.time += time.Duration(arg) * time.Millisecond
			case 5:
				var buf [fds]Event
				got := map[Token]Interest{}
				// A cold descriptor may be told later, but within the bound.
				for end := m.time + DefaultColdLatency + 5*time.Millisecond; ; {
					n, err := p.Wait(buf[:], time.Millisecond)
					if err != nil {
						t.Fatal(err)
					}
					for _, ev := range buf[:n] {
						got[ev.Token] |= ev.Ready
					}
					if m.time >= end || len(p.cost.hot) == len(registered) {
						break
					}
					m.time += time.Millisecond
				}
				want := map[Token]Interest{}
				for fd, r := range registered {
					s := m.fds[fd]
					var ready Interest
					if s.read {
						ready |= Readable
					}
					if s.write {
						ready |= Writable
					}
					if ready &= r.interest; ready != 0 {
						want[r.token] |= ready
					}
				}
				for token, ready := range got {
					if want[token] != ready {
						t.Fatalf("token %x: told %v, is %v", token, ready, want[token])
					}
				}
				if len(got) != len(want) {
					t.Fatalf("told of %d, there are %d", len(got), len(want))
				}
			}
			_ = r
		}
	})
}
