//go:build linux || darwin

package wasi

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// stdio holds the host's files of descriptors 0 to 2 of a guest.
type stdio struct {
	files    [3]*os.File // nil if it is not a file, or the guest has closed it
	fds      [3]int32
	blocks   [3]bool // whether reading or writing can block
	nonblock [3]bool // the flag that the guest has set

	woken  *os.File // readable once the guest is stopped
	waker  *os.File
	waking sync.Once
}

func (s *stdio) open(stdin, stdout, stderr any) error {
	for i, v := range []any{stdin, stdout, stderr} {
		f, _ := v.(*os.File)
		if f == nil {
			continue
		}
		info, err := f.Stat()
		if err != nil {
			return err
		}
		raw, err := f.SyscallConn()
		if err != nil {
			return err
		}
		if err := raw.Control(func(fd uintptr) { s.fds[i] = int32(fd) }); err != nil {
			return err
		}
		s.files[i], s.blocks[i] = f, !info.Mode().IsRegular() && !info.IsDir()
	}
	var err error
	if s.blocks != [3]bool{} {
		s.woken, s.waker, err = os.Pipe()
	}
	return err
}

func (s *stdio) close() {
	if s.woken != nil {
		s.wake()
		s.woken.Close()
	}
}

// wake makes wait return, now and later. It may be called from any goroutine.
func (s *stdio) wake() {
	if s.woken != nil {
		s.waking.Do(func() { s.waker.Close() })
	}
}

// wait reports whether a file can be read, or written. With block, it waits until the file can, or
// until wake.
func (s *stdio) wait(fd uint32, write, block bool) bool {
	if !s.blocks[fd] {
		return true
	}
	events, timeout := int16(unix.POLLIN), 0
	if write {
		events = unix.POLLOUT
	}
	if block {
		timeout = -1
	}
	fds := []unix.PollFd{
		{Fd: s.fds[fd], Events: events},
		{Fd: int32(s.woken.Fd()), Events: unix.POLLIN},
	}
	for {
		_, err := unix.Poll(fds, timeout)
		switch {
		case err == unix.EINTR:
		case fds[1].Revents != 0:
			return false
		default:
			return err != nil || fds[0].Revents != 0 // the operation reports the error
		}
	}
}
