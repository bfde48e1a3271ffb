//go:build linux || darwin

package shim

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/names/namestest"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// A tape is the fuzzer's bytes, read one after the other; past its end it is 0.
type tape []byte

func (p *tape) byte() byte {
	if len(*p) == 0 {
		return 0
	}
	b := (*p)[0]
	*p = (*p)[1:]
	return b
}

func (p *tape) word() uint32 {
	return uint32(p.byte()) | uint32(p.byte())<<8 | uint32(p.byte())<<16 | uint32(p.byte())<<24
}

func (p *tape) pick(n int) int { return int(p.byte()) % n }

// onLoopback is a policy for fuzzing: no packet leaves this machine, and no files are made.
func onLoopback(r host.Request) error {
	if r.Op == host.OpResolve || r.Addr.Addr().IsLoopback() || strings.HasPrefix(r.Path, "@wasisock fuzz") {
		return nil
	}
	return errors.New("not on loopback")
}

// directly lists the parameters that point to results, for functions that write only there.
var directly = map[string][]string{
	"sock_open": {"fd*"}, "sock_bind": {}, "sock_listen": {}, "sock_accept": {"fd*", "newfd*"}, "sock_connect": {},
	"sock_send": {"nwritten*"}, "sock_send_to": {"nwritten*"}, "sock_shutdown": {}, "sock_setsockopt": {},
	"sock_getsockopt": {"value*", "size*"}, "poll_oneoff": {"events*", "nevents*"}, "epoll_oneoff": {"events*", "nevents*"},
	"fd_write": {"nwritten*"}, "fd_close": {}, "fd_fdstat_get": {"stat*"}, "fd_fdstat_set_flags": {}, "fd_filestat_get": {}, "fd_renumber": {},
}

// FuzzRows calls any functions with any arguments on any memory. The guest is interrupted, so that
// no call waits.
func FuzzRows(f *testing.F) {
	functions := sockabi.Functions()
	f.Add([]byte{})
	for i := range functions { // each function once, with what the fixture has at hand
		f.Add([]byte{byte(i), 1, 9, 10, 1, 11, 12, 13, 14, 15})
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := tape(data)
		before := openFiles(t)
		g := newTester(t, sockets.Config{Policy: onLoopback, Limits: host.Limits{Sockets: 32}})
		g.Names.Resolver = namestest.Resolver{}
		l := queue(g)
		fds := []uint32{l, readable(g), waiting(g), g.open(local, dgram), g.open(inet6, tcp)}
		texts := g.iovs("text", "", "more")
		list := g.list(2, 26, 16)
		values := append(slices.Clone(fds), 0, 1, 2, 3, 4, 16, 28, 65, 128, 1024, 1025, 0xffff_ffff, 1<<31, memorySize, memorySize-4, memorySize-8,
			texts, g.addr("127.0.0.1"), g.addr("::1"), g.storage(inet4, "\x7f\x00\x00\x01"), g.storage(local, "\x00wasisock fuzz"), list,
			g.put(sockabi.AddrInfo{}), g.put("127.0.0.1"), g.put("both.test"), g.put(uint32(4)), g.put(uint32(16)),
			g.put(read(fds[1]), write(fds[0]), timer(0)), g.put(read(0), timer(1<<62)), g.alloc(256), g.alloc(256)+2)
		g.Interrupt()
		for range 64 {
			if len(p) == 0 {
				break
			}
			fn := functions[p.pick(len(functions))]
			args := make([]uint32, fn.NumParams())
			for i := range args {
				switch k := p.byte(); {
				case k == 255:
					args[i] = p.word()
				case k >= 128:
					args[i] = uint32(k-128) * 64 % memorySize
				default:
					args[i] = values[int(k)%len(values)]
				}
			}
			for range p.pick(4) { // and any memory
				ptr := p.word() % (memorySize - 4)
				le.PutUint32(g.mem[ptr:], p.word())
			}
			was := bytes.Clone(g.mem)
			errno := g.call(fn.Name, args...)
			if errno != 0 && !bytes.Equal(was, g.mem) {
				t.Fatalf("%s%v = %d, and wrote", fn.Name, args, errno)
			}
			if errno.Name() == "" && errno != FallThrough {
				t.Fatalf("%s%v = %d", fn.Name, args, errno)
			}
			if names, ok := directly[strings.TrimSuffix(fn.Name, "_v2")]; ok && errno == 0 {
				expectWithin(t, fn, args, was, g.mem, names)
			}
		}
		g.Close()
		if after := openFiles(t); after > before {
			t.Fatalf("%d descriptors of %d are left", after, before)
		}
	})
}

// expectWithin fails the test if memory changed outside of the values to which those parameters
// point.
func expectWithin(t *testing.T, fn sockabi.Function, args []uint32, was, is memory, names []string) {
	masked := bytes.Clone(is)
	for i, name := range strings.Fields(fn.Args) {
		if !slices.Contains(names, name) {
			continue
		}
		size := pointees[name].size
		switch name {
		case "events*":
			size = int(args[2]) * sockabi.EventSize
		case "value*":
			if size = int(le.Uint32(was[args[4]:])); size == 0 && args[4] == 4 {
				size = 4 // by value
			}
		}
		if size > 0 {
			copy(masked[args[i]:][:size], was[args[i]:])
		}
	}
	if !bytes.Equal(masked, was) {
		t.Fatalf("%s%v wrote outside of its results", fn.Name, args)
	}
}

// FuzzPoll opens, closes, renumbers and fills sockets, and polls in between. It compares each poll
// with an oracle without state, which calls poll(2) for each socket by itself.
func FuzzPoll(f *testing.F) {
	f.Add([]byte{0, 0, 0, 9, 3, 1, 0, 2, 0, 1, 1, 3, 0, 9, 3, 1, 0, 2, 0, 1, 1})
	f.Add([]byte{0, 0, 9, 2, 1, 0, 1, 1, 2, 0, 9, 2, 1, 0, 1, 1, 0, 9, 2, 1, 0, 1, 1})
	f.Add([]byte{0, 0, 0, 9, 3, 1, 0, 1, 0, 1, 1, 7, 0, 1, 9, 3, 1, 0, 1, 0, 1, 1, 5, 0, 9, 1, 1, 1})
	f.Add([]byte{1, 8, 9, 6, 1, 0, 2, 0, 1, 1, 2, 1, 0, 0, 3, 9, 9, 6, 2, 1, 2, 0, 1, 1, 1, 0, 0, 1, 0, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		p := tape(data)
		g := newTester(t, sockets.Config{Limits: host.Limits{Sockets: 16}})
		peers := map[*sockets.Socket]int{}
		closePeer := func(s *sockets.Socket) {
			if peer, ok := peers[s]; ok {
				unix.Close(peer)
				delete(peers, s)
			}
		}
		defer func() {
			for s := range peers {
				closePeer(s)
			}
		}()
		fd := func() uint32 { return sockets.FirstSocket + uint32(p.pick(16)) }
		for step := 0; len(p) > 0 && step < 200; step++ {
			g.next = 1024 // the same memory each time
			switch p.pick(10) {
			case 0:
				if g.Stats().Sockets < 16 {
					fds, ends := g.pairs(1)
					peers[g.Socket(fds[0])] = ends[0]
					ends[0] = -1
				}
			case 1, 8:
				family, kind := uint32(inet4), uint32(1+p.pick(2))
				if g.call("sock_open", family, kind, g.alloc(4)) == 0 {
					g.nonblock(g.u32(1024))
				}
			case 2:
				s := g.Socket(fd())
				if s != nil {
					g.ok("fd_close", s.Number())
					closePeer(s)
				}
			case 3:
				if peer, ok := peers[g.Socket(fd())]; ok {
					unix.SetNonblock(peer, true)
					unix.Write(peer, []byte("x"))
				}
			case 4:
				g.recv(fd())
			case 5:
				closePeer(g.Socket(fd()))
			case 6:
				g.call("sock_shutdown", fd(), uint32(p.pick(4)))
			case 7:
				from, to := fd(), fd()
				replaced := g.Socket(to)
				if g.call("fd_renumber", from, to) == 0 && from != to {
					closePeer(replaced)
				}
			case 9:
				subs := make([]sockabi.Subscription, 1+p.pick(20))
				for i := range subs {
					subs[i] = sockabi.Subscription{Userdata: uint64(i), Tag: byte(p.pick(4)), Target: fd()}
					switch subs[i].Tag {
					case sockabi.EVENTTYPE_CLOCK:
						subs[i].Target = uint32(p.pick(3))
						subs[i].Timeout = []uint64{0, 1 << 63, 1<<64 - 1}[p.pick(3)]
						subs[i].Flags = uint16(p.pick(3))
					default:
						if p.pick(8) == 7 {
							subs[i].Target = uint32(p.pick(5))
						}
					}
				}
				subs = append(subs, timer(0))
				want, got := oracle(g, subs), g.poll(subs...)
				if fmt.Sprint(want) != fmt.Sprint(got) {
					t.Fatalf("poll %+v\n got %+v\nwant %+v", subs, got, want)
				}
			}
		}
	})
}

// oracle returns the events that a poll must report.
func oracle(g *tester, subs []sockabi.Subscription) (events []sockabi.Event) {
	type key struct {
		tag    uint8
		target uint32
	}
	seen := map[key]bool{}
	for _, sub := range subs {
		ev := sockabi.Event{Userdata: sub.Userdata, Type: sub.Tag}
		k := key{sub.Tag, sub.Target}
		s := g.Socket(sub.Target)
		switch {
		case sub.Tag > sockabi.EVENTTYPE_FD_WRITE:
			ev.Errno = sockabi.EINVAL
		case sub.Tag == sockabi.EVENTTYPE_CLOCK && (sub.Target > sockabi.CLOCK_MONOTONIC || sub.Flags > 1):
			ev.Errno = sockabi.EINVAL
		case sub.Tag == sockabi.EVENTTYPE_CLOCK:
			if sub.Timeout > 0 {
				continue
			}
		case s == nil && sub.Target > 2:
			ev.Errno = sockabi.EBADF
		case seen[k]:
			ev.Errno = sockabi.EEXIST
		case s == nil:
			seen[k] = true
			ev.NBytes = 1
		default:
			seen[k] = true
			fds := []unix.PollFd{{Fd: int32(s.Queue()), Events: unix.POLLIN | unix.POLLOUT}}
			unix.Poll(fds, 0)
			ready := int16(unix.POLLIN | unix.POLLERR | unix.POLLHUP)
			if sub.Tag == sockabi.EVENTTYPE_FD_WRITE {
				ready = unix.POLLOUT | unix.POLLERR | unix.POLLHUP
			}
			if fds[0].Revents&ready == 0 {
				continue
			}
			ev.NBytes = 1
			if fds[0].Revents&unix.POLLHUP != 0 {
				ev.Flags = sockabi.EVENTRW_HANGUP
			}
		}
		events = append(events, ev)
	}
	return events
}
