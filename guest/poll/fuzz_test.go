//go:build !wasip1

package poll

import (
	"testing"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// FuzzPoll applies a sequence of steps, two bytes each, to a Poll and to a map, and
// compares what Wait reports with the map: everything that is ready, within the bounds on
// latency, and nothing else.
func FuzzPoll(f *testing.F) {
	all := []byte{}
	for fd := range byte(80) {
		all = append(all, 0x10, fd)
	}
	busy := []byte{8, 1, 10, 200, 11, 0}
	f.Add([]byte{0x10, 1, 0x20, 2, 3, 1, 11, 0, 0x21, 1, 11, 0, 2, 1, 11, 0})
	f.Add([]byte{0x30, 0, 0x30, 1, 0x30, 2, 0x30, 3, 3, 3, 4, 2, 6, 1, 11, 9, 2, 0, 11, 1})
	f.Add([]byte{0x20, 5, 5, 5, 0x10, 72, 5, 72, 11, 0, 4, 5, 11, 0})
	f.Add(append(append(all, busy...), 3, 7, 9, 1, 11, 0, 6, 2, 11, 0, 3, 7, 2, 9, 7, 9, 11, 0))
	f.Fuzz(func(t *testing.T, steps []byte) {
		m, p := newModel(t)
		m.perCall = 5 * time.Microsecond
		type registration struct {
			token    Token
			interest Interest
		}
		registered := map[int32]registration{}
		const fds = 80 // more than hotcold.MinSplit
		for fd := range int32(fds) {
			switch {
			case fd < 70:
				m.socket(fd)
			case fd < 75:
				m.datagram(fd)
			default:
				m.listener(fd)
			}
		}
		const enough = 8 // waits are slow, and the more steps, the slower
		for waits := 0; len(steps) >= 2 && waits < enough; steps = steps[2:] {
			op, arg := steps[0], int32(steps[1])
			fd, interest := arg%fds, Interest(op>>4)%4
			token := Token(fd) | Token(len(steps))<<8
			_, known := registered[fd]
			switch op % 16 {
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
			case 5:
				m.fds[fd].stuck = !m.fds[fd].stuck
			case 6:
				m.signals = int(arg % 3)
			case 7: // close it properly, and open another in its place
				if p.Deregister(int(fd)) == nil {
					delete(registered, fd)
				}
				s := *m.fds[fd]
				m.close(fd)
				s.read, s.write, s.stuck = false, false, false
				m.fds[fd] = &s
			case 8: // one descriptor is busy for as long as all others need to cool
				waits++
				if !known {
					continue
				}
				was := *m.fds[fd]
				m.fds[fd].read, m.fds[fd].write = true, true
				for end := m.time + 4*DefaultColdLatency; m.time < end; m.time += time.Millisecond {
					if _, err := p.Wait(make([]Event, 1), 0); err != nil {
						t.Fatal(err)
					}
				}
				*m.fds[fd] = was
				p.Wait(make([]Event, fds), 0) // one of them may be unchanged
			case 9:
				m.signals = 1
				m.oneoff([]sockabi.Subscription{{Target: sockabi.CLOCK_MONOTONIC, Timeout: 1 << 40}}, make([]sockabi.Event, 1))
			case 10:
				m.time += time.Duration(arg) * time.Millisecond
			case 11:
				waits++
				got := map[Token]Interest{}
				room := 1 + int(op>>4)*fds/15
				// Being cold and being left out for writing may come together.
				for end := m.time + DefaultColdLatency + maxMute + 20*time.Millisecond; m.time < end; m.time += time.Millisecond {
					var buf [fds + 1]Event
					for n := room; n == room; {
						var err error
						if n, err = p.Wait(buf[:room], time.Millisecond); err != nil {
							t.Fatal(err)
						}
						for _, ev := range buf[:n] {
							if ev.Err != nil {
								t.Fatalf("descriptor %d: %v", ev.Token&0xff, ev.Err)
							}
							got[ev.Token] |= ev.Ready
						}
						if len(p.ready) == 0 {
							break
						}
					}
				}
				for fd, r := range registered {
					s := m.fds[fd]
					var want Interest
					if s.read {
						want |= Readable
					}
					if s.write {
						want |= Writable
					}
					want &= r.interest
					spurious := got[r.token] &^ want
					if spurious != 0 && (spurious != Readable || r.interest != Readable || fd < 70 || fd >= 75) || want&^got[r.token] != 0 {
						t.Fatalf("descriptor %d, for %v: told %v, is %v", fd, r.interest, got[r.token], want)
					}
					delete(got, r.token)
				}
				if len(got) != 0 {
					t.Fatalf("told of %v, which are not registered", got)
				}
			}
		}
	})
}
