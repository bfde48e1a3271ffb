//go:build linux

package shim

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/names/namestest"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// A model is a guest that uses its sockets as the fuzzer chooses. It predicts the result of each
// call from the earlier ones.
type model struct {
	*tester
	tape
	open    map[uint32]*modelled
	given   uint32      // port of a listener of the host's
	outputs [][2]uint32 // where the next call may write: pointers and sizes
}

type modelled struct {
	family, kind uint32
	nonblock     bool
	bound        bool // or may be
	dialled      bool // or accepted
	listens      bool
	shut         bool
}

func (s *modelled) stream() bool { return s.kind == tcp }

const mostSockets = 12

// FuzzSequence calls all functions one after another, with mostly valid arguments. The expected
// errnos are those of Linux.
func FuzzSequence(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		seed := make([]byte, 600)
		for i := range seed {
			seed[i] = byte(random.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := openFiles(t)
		hang := time.AfterFunc(time.Minute, func() { panic("a call does not return") })
		defer hang.Stop()
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		m := &model{tape: data, open: map[uint32]*modelled{}, given: port(l)}
		m.tester = newTester(t, sockets.Config{Policy: onLoopback, Limits: host.Limits{Sockets: mostSockets}, Listeners: []net.Listener{l}})
		m.Names.Resolver = namestest.Resolver{}
		for step := 0; len(m.tape) > 0 && step < 100; step++ {
			m.next, m.outputs = 1024, nil
			operations[m.pick(len(operations))](m)
		}
		l.Close()
		m.Close()
		if after := openFiles(t); after > before {
			t.Fatalf("%d descriptors of %d are left", after, before)
		}
	})
}

// out returns room for a result of a call.
func (m *model) out(size int) uint32 {
	ptr := m.alloc(size)
	m.outputs = append(m.outputs, [2]uint32{ptr, uint32(size)})
	return ptr
}

// some returns a socket; sometimes its number is not open.
func (m *model) some() (fd uint32, s *modelled) {
	k := m.byte()
	if fd = sockets.FirstSocket + uint32(k%(mostSockets+2)); k < 240 && len(m.open) > 0 {
		fd = slices.Sorted(maps.Keys(m.open))[int(k)%len(m.open)]
	}
	return fd, m.open[fd]
}

func (m *model) lowest() uint32 {
	fd := uint32(sockets.FirstSocket)
	for m.open[fd] != nil {
		fd++
	}
	return fd
}

func (m *model) full() bool { return len(m.open) == mostSockets }

// do makes a call, perhaps of version 2 of the function. The call must return one of these errnos,
// and may write only to outputs, and only if it succeeds. Sometimes a pointer leads out of memory.
func (m *model) do(s *modelled, allowed []sockabi.Errno, name string, args ...uint32) sockabi.Errno {
	flavour := m.byte()
	if flavour&1 != 0 && handlers[name+"_v2"][len(args)] != nil {
		name += "_v2"
	}
	if s == nil {
		allowed = either(sockabi.EBADF)
	}
	if flavour&0xf0 == 0x70 && name != "fd_filestat_get" { // which looks at no pointer
		for i, param := range strings.Fields(argsOf(fmt.Sprint(name, len(args)))) {
			if strings.HasSuffix(param, "*") && (i+1 == len(args) || flavour&2 != 0) {
				args[i], allowed = 0xffff_fff8, either(sockabi.EFAULT)
				if s == nil && strings.HasPrefix(name, "fd_") {
					allowed = either(sockabi.EBADF) // which comes first, as the engine's own calls do it
				}
			}
		}
	}
	was := bytes.Clone(m.mem)
	errno := m.call(name, args...)
	m.Logf("%s%v = %s", name, args, errno.Name())
	if !slices.Contains(allowed, errno) {
		m.Fatalf("%s%v of %+v = %s (%d), not one of %d", name, args, s, errno.Name(), errno, allowed)
	}
	masked := bytes.Clone(m.mem)
	if errno == 0 {
		for _, o := range m.outputs {
			copy(masked[o[0]:][:o[1]], was[o[0]:])
		}
	}
	if !bytes.Equal(masked, was) {
		m.Fatalf("%s%v = %s wrote where it may not", name, args, errno.Name())
	}
	return errno
}

func either(errnos ...sockabi.Errno) []sockabi.Errno { return errnos }

// born returns the operations that must follow on a new socket, so that no call waits forever and
// no port stays in use.
func (m *model) born(ptr uint32, s *modelled) {
	fd := m.u32(ptr)
	if want := m.lowest(); fd != want {
		m.Fatalf("the new socket is %d, not %d", fd, want)
	}
	m.open[fd] = s
	m.hurry(fd)
}

func (m *model) hurry(fd uint32) {
	for _, name := range []uint32{sockabi.SO_RCVTIMEO, sockabi.SO_SNDTIMEO} {
		m.ok("sock_setsockopt", fd, sockabi.SOL_SOCKET, name, m.put(sockabi.Timeval{Microseconds: 1000}), 16)
	}
	if s := m.open[fd]; s.family != local {
		m.ok("sock_setsockopt", fd, sockabi.SOL_SOCKET, sockabi.SO_LINGER, m.put(sockabi.Linger{OnOff: 1}), 8)
	}
}

func (m *model) doPoll() {
	subs := []sockabi.Subscription{timer(time.Duration(m.pick(2)) * time.Millisecond)}
	for range m.pick(12) {
		fd, _ := m.some()
		subs = append(subs, sockabi.Subscription{Userdata: uint64(len(subs)), Tag: byte(m.pick(4)), Target: fd})
	}
	n := len(subs)
	in, out, count := m.put(subs), m.out(n*sockabi.EventSize), m.out(4)
	name := []string{"poll_oneoff", "epoll_oneoff"}[m.pick(2)]
	if m.do(new(modelled), either(sockabi.ESUCCESS), name, in, out, uint32(n), count) != 0 {
		return
	}
	told := m.u32(count)
	if told == 0 || told > uint32(n) {
		m.Fatalf("%d events of %+v", told, subs)
	}
	for i := range told {
		ev := get[sockabi.Event](m.tester, out+i*sockabi.EventSize)
		if ev.Userdata == subs[0].Userdata {
			continue
		}
		sub := subs[ev.Userdata]
		if closed := m.open[sub.Target] == nil; (sub.Tag == 1 || sub.Tag == 2) && closed != (ev.Errno == sockabi.EBADF) {
			m.Fatalf("the event %+v of %+v", ev, sub)
		}
	}
}

func (m *model) doFlags() {
	fd, s := m.some()
	switch m.pick(3) {
	case 0:
		flags := uint32(m.pick(2)) * sockabi.FDFLAG_NONBLOCK
		if m.do(s, either(sockabi.ESUCCESS), "fd_fdstat_set_flags", fd, flags) == 0 {
			s.nonblock = flags != 0
		}
	case 1:
		stat := m.out(24)
		if m.do(s, either(sockabi.ESUCCESS), "fd_fdstat_get", fd, stat) == 0 && m.u16(stat+2)&sockabi.FDFLAG_NONBLOCK != 0 != s.nonblock {
			m.Fatalf("the flags of %+v are %b", s, m.u16(stat+2))
		}
	case 2:
		m.do(s, either(sockabi.ENOTCAPABLE), "fd_filestat_get", fd, m.alloc(64))
	}
}

func (m *model) doClose() {
	fd, s := m.some()
	if m.do(s, either(sockabi.ESUCCESS), "fd_close", fd) == 0 {
		delete(m.open, fd)
	}
}

func (m *model) doRenumber() {
	from, s := m.some()
	to, t := m.some()
	allowed := either(sockabi.ESUCCESS)
	switch {
	case m.pick(8) == 0:
		to, allowed = uint32(m.pick(3)), either(sockabi.ENOTSUP)
	case t == nil:
		allowed = either(sockabi.EBADF)
	}
	if m.do(s, allowed, "fd_renumber", from, to) == 0 && from != to {
		m.open[to] = s
		delete(m.open, from)
	}
}
