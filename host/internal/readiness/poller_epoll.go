//go:build linux && !wasisock_poll

package readiness

import (
	"math"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/netos"
)

// A poller watches sockets for the guest. There are two implementations, this one and that of
// poller_poll.go. Each provides:
//
//   - open(wake): prepares to watch, the descriptor wake included. close undoes it.
//   - arm(w, want): watches w for exactly want from now on, and sets w.armed to want; 0 means not
//     at all. It fails only if want has more than before.
//   - wait(timeout, more, report): waits until a socket or more has an event, the wake descriptor
//     is readable, a signal arrives, or timeout is over; below 0 means no timeout. Then it calls
//     report for each socket with an event, and sets Revents of more. Elements of more with a
//     negative Fd are ignored. Events are level-triggered.
type poller struct {
	slots
	fd       int
	events   []unix.EpollEvent
	polled   []unix.PollFd
	noPwait2 bool
}

const wakeEvent = -1 // in place of a slot

func (p *poller) open(wake int) error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	p.fd, p.events = fd, make([]unix.EpollEvent, 64)
	err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeEvent})
	if err != nil {
		unix.Close(fd)
	}
	return err
}

func (p *poller) close() { unix.Close(p.fd) }

func (p *poller) arm(w *Watched, want uint8) error {
	op := unix.EPOLL_CTL_MOD
	switch {
	case want == w.armed:
		return nil
	case w.armed == 0:
		op = unix.EPOLL_CTL_ADD
		p.add(w)
	case want == 0:
		op = unix.EPOLL_CTL_DEL
	}
	ev := unix.EpollEvent{Fd: int32(w.slot)}
	if want&canRead != 0 {
		ev.Events |= unix.EPOLLIN
	}
	if want&canWrite != 0 {
		ev.Events |= unix.EPOLLOUT
	}
	err := unix.EpollCtl(p.fd, op, w.source.Queue(), &ev)
	if err == nil {
		w.armed = want
	}
	if w.armed == 0 {
		p.remove(w)
	}
	return err
}

func (p *poller) wait(timeout time.Duration, more []unix.PollFd, report func(w *Watched, ready uint8, hungup bool)) error {
	if len(more) > 0 {
		// Few guests poll a terminal or a pipe, and epoll refuses files: poll(2) watches those,
		// together with the epoll descriptor.
		p.polled = append(append(p.polled[:0], unix.PollFd{Fd: int32(p.fd), Events: unix.POLLIN}), more...)
		n, err := netos.Poll(p.polled, timeout)
		if err == unix.EINTR { // the time may be over too, and what is ready counts
			n, err = netos.Poll(p.polled, 0)
		}
		if err != nil {
			return err
		}
		for i := range more {
			more[i].Revents = p.polled[i+1].Revents
		}
		if n == 0 {
			return nil
		}
		timeout = 0
	}
	n, err := p.epollWait(timeout)
	if err == unix.EINTR { // the time may be over too, and what is ready counts
		n, err = p.epollWait(0)
	}
	for err == nil && n == len(p.events) { // there may be more
		p.events = make([]unix.EpollEvent, 2*n)
		n, err = p.epollWait(0)
	}
	if err != nil {
		return err
	}
	for _, ev := range p.events[:max(n, 0)] {
		if ev.Fd == wakeEvent {
			continue
		}
		var ready uint8
		if ev.Events&(unix.EPOLLIN|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
			ready |= canRead
		}
		if ev.Events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
			ready |= canWrite
		}
		report(p.sockets[ev.Fd], ready, ev.Events&unix.EPOLLHUP != 0)
	}
	return nil
}

// epollWait waits with a resolution of nanoseconds on Linux 5.11 and later. On older kernels it
// rounds timeout up to milliseconds.
func (p *poller) epollWait(timeout time.Duration) (int, error) {
	if !p.noPwait2 {
		var ts *[2]int64 // seconds and nanoseconds, 64 bits each on every machine
		if timeout >= 0 {
			ts = &[2]int64{int64(timeout / time.Second), int64(timeout % time.Second)}
		}
		n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])),
			uintptr(len(p.events)), uintptr(unsafe.Pointer(ts)), 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.ENOSYS, unix.EPERM: // sandboxes that do not know the call return EPERM
			p.noPwait2 = true
		default:
			return 0, errno
		}
	}
	ms := -1
	if timeout >= 0 {
		ms = int(min((timeout+time.Millisecond-1)/time.Millisecond, math.MaxInt32))
	}
	return unix.EpollWait(p.fd, p.events, ms)
}
