//go:build darwin || (linux && wasisock_poll)

package readiness

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/netos"
)

// A poller uses poll(2) here; poller_epoll.go describes its methods.
type poller struct {
	fds     []unix.PollFd // the wake descriptor, and then one for each watched socket
	sockets []*Watched    // parallel to fds
}

func (p *poller) open(wake int) error {
	p.fds = []unix.PollFd{{Fd: int32(wake), Events: unix.POLLIN}}
	p.sockets = []*Watched{nil}
	return nil
}

func (p *poller) close() {}

func (p *poller) arm(w *Watched, want uint8) error {
	switch {
	case want == w.armed:
		return nil
	case w.armed == 0:
		w.slot = len(p.fds)
		p.fds = append(p.fds, unix.PollFd{Fd: int32(w.source.Queue())})
		p.sockets = append(p.sockets, w)
	case want == 0:
		last := len(p.fds) - 1
		p.fds[w.slot], p.sockets[w.slot] = p.fds[last], p.sockets[last]
		p.sockets[w.slot].slot = w.slot
		p.fds, p.sockets = p.fds[:last], p.sockets[:last]
		w.armed = 0
		return nil
	}
	var events int16
	if want&canRead != 0 {
		events |= unix.POLLIN
	}
	if want&canWrite != 0 {
		events |= unix.POLLOUT
	}
	p.fds[w.slot].Events = events
	w.armed = want
	return nil
}

func (p *poller) wait(timeout time.Duration, more []unix.PollFd, report func(w *Watched, ready uint8, hungup bool)) error {
	fds := append(p.fds, more...)
	n, err := netos.Poll(fds, timeout)
	if err == unix.EINTR { // the time may be over too, and what is ready counts
		n, err = netos.Poll(fds, 0)
	}
	p.fds = fds[:len(p.fds)] // keeps the capacity that append allocated
	if err != nil {
		return err
	}
	for i := range more {
		more[i].Revents = fds[len(p.fds)+i].Revents
	}
	if n == 0 {
		return nil
	}
	for i := len(p.fds) - 1; i > 0; i-- { // downwards, because report may remove elements
		events := p.fds[i].Revents
		if events == 0 {
			continue
		}
		var ready uint8
		if events&(unix.POLLIN|unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
			ready |= canRead
		}
		if events&(unix.POLLOUT|unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
			ready |= canWrite
		}
		report(p.sockets[i], ready, events&unix.POLLHUP != 0)
	}
	return nil
}
