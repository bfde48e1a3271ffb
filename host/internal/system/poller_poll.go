//go:build darwin || (linux && wasisock_poll)

package system

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/netos"
)

// This poller is poll(2); poller_epoll.go says what it has to provide.
type poller struct {
	g       *guest
	fds     []unix.PollFd // the wake descriptor, then one of each watched socket
	sockets []*socket     // beside fds
}

func (p *poller) open(g *guest) error {
	p.g = g
	p.fds = []unix.PollFd{{Fd: int32(g.wake.r), Events: unix.POLLIN}}
	p.sockets = []*socket{nil}
	return nil
}

func (p *poller) close() {}

func (p *poller) arm(s *socket, want uint8) error {
	switch {
	case want == s.armed:
		return nil
	case s.armed == 0:
		s.slot = len(p.fds)
		p.fds = append(p.fds, unix.PollFd{Fd: int32(s.backend.queue())})
		p.sockets = append(p.sockets, s)
	case want == 0:
		last := len(p.fds) - 1
		p.fds[s.slot], p.sockets[s.slot] = p.fds[last], p.sockets[last]
		p.sockets[s.slot].slot = s.slot
		p.fds, p.sockets = p.fds[:last], p.sockets[:last]
		s.armed = 0
		return nil
	}
	var events int16
	if want&canRead != 0 {
		events |= unix.POLLIN
	}
	if want&canWrite != 0 {
		events |= unix.POLLOUT
	}
	p.fds[s.slot].Events = events
	s.armed = want
	return nil
}

func (p *poller) wait(timeout time.Duration, more []unix.PollFd) error {
	fds := append(p.fds, more...)
	n, err := netos.Poll(fds, timeout)
	if err == unix.EINTR { // the time may be over too, and what is ready counts
		n, err = netos.Poll(fds, 0)
	}
	p.fds = fds[:len(p.fds)] // keeps what append allocated
	if err != nil {
		return err
	}
	for i := range more {
		more[i].Revents = fds[len(p.fds)+i].Revents
	}
	if n == 0 {
		return nil
	}
	for i := len(p.fds) - 1; i > 0; i-- { // downwards, because report may remove
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
		p.g.report(p.sockets[i], ready, events&unix.POLLHUP != 0)
	}
	return nil
}
