//go:build wasip1

package runtime

import (
	"internal/sockabi"
	"unsafe" // also for go:linkname
)

// With WASISOCK_GATHER=1, what goroutines write to streams is kept back until they wait, so
// that several small writes leave together. A host without TCP_NODELAY, as WasmEdge, would
// otherwise keep the second of them until the peer has acknowledged the first.
//
// What is kept leaves
//
//   - when a goroutine parks or yields (checkTimeouts), and by a goroutine of the runtime's
//     that is made runnable when something is kept, for those that sleep or end;
//   - before the descriptor is read, shut down or closed, and before the program exits;
//   - with a write that there is no room for.
//
// A connection that has failed before is an error at once. Another error is returned by the
// next write, shutdown or close, or by a read that finds nothing. Where the host takes no more, writes fail with EAGAIN until it does.

const (
	gatherRoom = 64 << 10 // for each descriptor
	gatherMost = 64       // descriptors of which something is kept

	// What was kept when a descriptor was closed is given up when nothing of it has left
	// for gatherLinger: the connection is reset then. gatherExit is for how long a program
	// that exits waits.
	gatherLinger = 5e9
	gatherRetry  = 10e6
	gatherExit   = 1e9
)

// A pollOut holds the bytes that a descriptor keeps back, buf[from:to].
type pollOut struct {
	fd       int32             // -1 means none
	buf      *[gatherRoom]byte // stays
	from, to int
	full     bool // the host takes no more
	armed    bool // the poller watches for when it does
	shut     bool // for writing, when all has left
	closed   bool // the program has closed it
	since    int64
}

type pollGather struct {
	outs [gatherMost]pollOut
	n    int // of them, some of which may be free

	started bool
	waiting guintptr // netpollGatherer, while it is parked
	counted bool     // as one who waits for the poller

	err   sockabi.Errno // for who closes errFD
	errFD int32
}

//go:linkname netpollGathers syscall.gathering
func netpollGathers() bool { return !islibrary && gogetenv("WASISOCK_GATHER") == "1" }

// of returns the index of what fd keeps back, or -1.
func (g *pollGather) of(fd int32) int {
	for k := range g.outs[:g.n] {
		if g.outs[k].fd == fd {
			return k
		}
	}
	return -1
}

// room makes a buffer for the next descriptor. Other goroutines may run meanwhile.
func (g *pollGather) room() {
	if k := g.next(); k >= 0 && g.outs[k].buf == nil {
		buf := new([gatherRoom]byte)
		if g.outs[k].buf == nil {
			g.outs[k].buf = buf
		}
	}
}

// next returns the index of what is free, or -1.
func (g *pollGather) next() int {
	if k := g.of(-1); k >= 0 || g.n == gatherMost {
		return k
	}
	return g.n
}

// free must not write pointers: who exits may be in a state in which that is not allowed.
func (g *pollGather) free(k int) {
	o := &g.outs[k]
	o.fd, o.from, o.to, o.since = -1, 0, 0, 0
	o.full, o.armed, o.shut, o.closed = false, false, false, false
	for g.n > 0 && g.outs[g.n-1].fd == -1 {
		g.n--
	}
}

// stream returns the slot of fd if that is a stream which the poller knows, or 0.
func (p *netpollState) stream(fd int32) int32 {
	for i := p.firstOf(fd); i != 0; i = p.slots[i].next {
		if s := &p.slots[i]; s.fd == fd && s.kindIs(pollKindStream) {
			return i
		}
	}
	return 0
}

// netpollGather writes bufs to fd, or keeps them. It is not ok if the caller has to write
// them as ever.
//
//go:linkname netpollGather syscall.gather
func netpollGather(fd int, bufs [][]byte) (n int, e uint32, ok bool) {
	p := &netpolls
	g := &p.gather
	g.room()
	i, k := p.stream(int32(fd)), g.of(int32(fd))
	if i == 0 {
		return 0, 0, false
	}
	if s := &p.slots[i]; s.unsent != 0 {
		e, s.unsent = uint32(s.unsent), 0
		return 0, e, true
	}
	size := 0
	for _, b := range bufs {
		size += len(b)
	}
	if k < 0 {
		k = g.next()
		if p.slots[i].direct || size == 0 || size > gatherRoom || k < 0 || g.outs[k].buf == nil {
			return 0, 0, false
		}
		switch e := peekAt(int32(fd)); e {
		case 0, sockabi.EAGAIN, sockabi.EINTR:
		default: // clients try again where the first write fails
			p.slots[i].direct = true
			return 0, uint32(e), true
		}
		g.outs[k].fd = int32(fd)
		g.n = max(g.n, k+1)
	}
	switch o := &g.outs[k]; {
	case o.shut:
		return 0, uint32(sockabi.EPIPE), true
	case !o.full && size <= gatherRoom-o.to:
		for _, b := range bufs {
			o.to += copy(o.buf[o.to:], b)
		}
		p.wakeGatherer()
		return size, 0, true
	}
	n, e = p.sendWith(k, bufs)
	return n, e, true
}

var gatherVecs [64]sockabi.IOVec

// sendWith sends what is kept together with bufs, and returns how much of bufs has left.
func (p *netpollState) sendWith(k int, bufs [][]byte) (n int, e uint32) {
	g := &p.gather
	o := &g.outs[k]
	gatherVecs[0] = o.vec()
	vecs := 1
	for _, b := range bufs {
		if len(b) > 0 && vecs < len(gatherVecs) {
			gatherVecs[vecs] = sockabi.IOVec{Buf: uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))), Len: uint32(min(len(b), 1<<24))}
			vecs++
			if len(b) > 1<<24 {
				break
			}
		}
	}
	var sent uint32
	e = sock_send(o.fd, &gatherVecs[0], uint32(vecs), 0, &sent)
	KeepAlive(bufs)
	kept := o.to - o.from
	switch {
	case e == uint32(sockabi.EAGAIN) || e == 0 && int(sent) < kept:
		o.from += int(sent)
		o.full = true
		p.wakeGatherer()
		return 0, uint32(sockabi.EAGAIN)
	case e == uint32(sockabi.EINTR):
		return 0, e
	case e == 0 && int(sent) == kept:
		e = uint32(sockabi.EAGAIN)
	case e != 0:
		p.noMore(o.fd)
	}
	g.free(k)
	return max(0, int(sent)-kept), e
}

func (o *pollOut) vec() sockabi.IOVec {
	return sockabi.IOVec{Buf: uint32(uintptr(unsafe.Pointer(&o.buf[0]))) + uint32(o.from), Len: uint32(o.to - o.from)}
}

// noMore makes writes to fd be as ever.
func (p *netpollState) noMore(fd int32) {
	if i := p.stream(fd); i != 0 {
		p.slots[i].direct = true
	}
}

// flush sends what outs[k] keeps, and frees it, unless the host does not take all.
func (p *netpollState) flush(k int) (all bool) {
	o := &p.gather.outs[k]
	for o.from < o.to {
		vec := o.vec()
		var sent uint32
		switch e := sockabi.Errno(sock_send(o.fd, &vec, 1, 0, &sent)); {
		case e == 0 && sent > 0:
			o.from += int(sent)
			o.since = 0
		case e == sockabi.EINTR:
		case e == sockabi.EAGAIN || e == 0:
			o.full = true
			return false
		default:
			p.unsent(o.fd, e)
			o.from = o.to
		}
	}
	if o.shut {
		sock_shutdown(o.fd, sockabi.SHUT_WR)
	}
	if o.closed {
		fd_close(o.fd)
	}
	p.gather.free(k)
	return true
}

// unsent keeps an error for the next call.
func (p *netpollState) unsent(fd int32, e sockabi.Errno) {
	if i := p.stream(fd); i != 0 {
		p.slots[i].unsent, p.slots[i].direct = uint16(e), true
	} else {
		p.gather.err, p.gather.errFD = e, fd
	}
}

// netpollUnsent returns the error that fd has, once, or 0.
//
//go:linkname netpollUnsent syscall.unsent
func netpollUnsent(fd int) (e uint32) {
	p := &netpolls
	if i := p.stream(int32(fd)); i != 0 {
		e, p.slots[i].unsent = uint32(p.slots[i].unsent), 0
	} else if p.gather.errFD == int32(fd) {
		e, p.gather.err = uint32(p.gather.err), 0
	}
	return e
}

// flushMost sends what can be sent.
func (p *netpollState) flushMost() {
	for k := p.gather.n - 1; k >= 0; k-- {
		if o := &p.gather.outs[k]; o.fd != -1 && !o.full {
			p.flush(k)
		}
	}
}

// flushBefore sends what fd keeps before it is read.
func (p *netpollState) flushBefore(fd int32) {
	if k := p.gather.of(fd); k >= 0 && !p.gather.outs[k].full {
		p.flush(k)
	}
}

// netpollGatherEnd sends what fd keeps before it is shut down for writing, or an option is
// set: after that, writes are as ever. It is later if fd will be shut down when all has
// left.
//
//go:linkname netpollGatherEnd syscall.gatherEnd
func netpollGatherEnd(fd int, shut bool) (e uint32, later bool) {
	p := &netpolls
	if k := p.gather.of(int32(fd)); k >= 0 && !p.flush(k) {
		p.gather.outs[k].shut = shut
		p.wakeGatherer()
		later = shut
	}
	p.noMore(int32(fd))
	return netpollUnsent(fd), later
}

// netpollGatherClose sends what fd keeps before it is closed. It is later if
// netpollGatherer closes it.
//
//go:linkname netpollGatherClose syscall.gatherClose
func netpollGatherClose(fd int) (e uint32, later bool) {
	p := &netpolls
	if k := p.gather.of(int32(fd)); k >= 0 && !p.flush(k) {
		p.gather.outs[k].closed = true
		p.wakeGatherer()
		return 0, true
	}
	return netpollUnsent(fd), false
}

// gatherClosed is called when the poller forgets slot i.
func (p *netpollState) gatherClosed(i int32) {
	s := &p.slots[i]
	if s.unsent != 0 {
		p.gather.err, p.gather.errFD = sockabi.Errno(s.unsent), s.fd
	}
	s.unsent, s.direct = 0, false
	if k := p.gather.of(s.fd); k >= 0 { // another slot may have the same descriptor
		p.gather.outs[k].armed = false
		p.wakeGatherer()
	}
}

// gatherReady is called when slot i can be written to.
func (p *netpollState) gatherReady(i int32) {
	g := &p.gather
	k := g.of(p.slots[i].fd)
	if k < 0 {
		return
	}
	g.outs[k].full, g.outs[k].armed = false, false
	if gp := g.waiting.ptr(); gp != nil {
		g.waiting = 0
		p.toRun.push(gp)
		if g.counted {
			p.delta--
		}
	}
}

func (p *netpollState) wakeGatherer() {
	g := &p.gather
	if !g.started {
		g.started = true
		go netpollGatherer()
		return
	}
	if gp := g.waiting.ptr(); gp != nil {
		g.waiting = 0
		if g.counted {
			netpollAdjustWaiters(-1)
		}
		goready(gp, 1)
	}
}

// netpollGatherer sends what is kept when no goroutine has done so, and what the host did
// not take at first.
func netpollGatherer() {
	for {
		if netpolls.gatherRest() {
			timeSleep(gatherRetry)
		} else {
			gopark(awaitGather, nil, waitReasonIOWait, traceBlockGeneric, 1)
		}
	}
}

// gatherRest reports whether it must be called again soon, for a descriptor that is closed.
func (p *netpollState) gatherRest() (again bool) {
	now := hostNanotime()
	for k := p.gather.n - 1; k >= 0; k-- {
		o := &p.gather.outs[k]
		if o.fd == -1 {
			continue
		}
		if o.full && !o.closed || !p.flush(k) {
			if o.closed {
				again = p.lingers(k, now) || again
			} else if i := p.stream(o.fd); i != 0 && !o.armed {
				o.armed = true
				netpollarm(p.slots[i].pd, 'w')
			}
		}
	}
	return again
}

// lingers reports whether there is hope for what a closed descriptor keeps. If not, the
// connection is reset.
func (p *netpollState) lingers(k int, now int64) bool {
	o := &p.gather.outs[k]
	if o.since == 0 {
		o.since = now
	}
	if now-o.since < gatherLinger {
		return true
	}
	linger := sockabi.Linger{OnOff: 1}
	sock_setsockopt(o.fd, sockabi.SOL_SOCKET, sockabi.SO_LINGER, unsafe.Pointer(&linger), sockabi.LingerSize)
	fd_close(o.fd)
	p.gather.free(k)
	return false
}

// awaitGather is called when netpollGatherer has parked.
func awaitGather(gp *g, _ unsafe.Pointer) bool {
	g := &netpolls.gather
	g.waiting.set(gp)
	if g.counted = g.n > 0; g.counted {
		netpollAdjustWaiters(1)
	}
	return true
}

// exit sends what is kept, and ends the program.
func exit(code int32) {
	p := &netpolls
	if p.gather.n > 0 {
		for end := hostNanotime() + gatherExit; ; usleep(1000) {
			for k := p.gather.n - 1; k >= 0; k-- {
				if p.gather.outs[k].fd != -1 {
					p.flush(k)
				}
			}
			if p.gather.n == 0 || hostNanotime() > end {
				break
			}
		}
	}
	hostExit(code)
}

//go:wasmimport wasi_snapshot_preview1 sock_send_v2
//go:noescape
func sock_send(fd int32, iovs *sockabi.IOVec, iovslen, flags uint32, nwritten *uint32) errno

//go:wasmimport wasi_snapshot_preview1 sock_shutdown
//go:noescape
func sock_shutdown(fd int32, how uint32) errno

//go:wasmimport wasi_snapshot_preview1 sock_setsockopt
//go:noescape
func sock_setsockopt(fd, level, name int32, value unsafe.Pointer, size uint32) errno

//go:wasmimport wasi_snapshot_preview1 fd_close
func fd_close(fd int32) errno
