//go:build wasip1

package net

import (
	"internal/poll"
	"syscall"
	"time"
)

// hostAccept accepts a connection. The host answers EINVAL when it is shutting down, as
// systems do of a listener that was shut down: for the program, it is closed then. One
// that tries again nevertheless does not keep the processor busy.
func (fd *netFD) hostAccept() (s int, from syscall.Sockaddr, call string, err error) {
	s, from, call, err = fd.pfd.Accept()
	if err != syscall.EINVAL {
		return s, from, call, err
	}
	if fd.over {
		time.Sleep(5 * time.Millisecond)
	}
	fd.over = true
	return s, from, "", poll.ErrNetClosing
}
