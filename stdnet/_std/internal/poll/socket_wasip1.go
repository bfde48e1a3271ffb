//go:build wasip1

package poll

import (
	"io"
	"syscall"
	_ "unsafe" // for go:linkname
)

// SetsockoptInt wraps the setsockopt network call with an int argument.
func (fd *FD) SetsockoptInt(level, name, arg int) error {
	if err := fd.incref(); err != nil {
		return err
	}
	defer fd.decref()
	return syscall.SetsockoptInt(fd.Sysfd, level, name, arg)
}

// SetsockoptLinger wraps the setsockopt network call with a Linger argument.
func (fd *FD) SetsockoptLinger(level, name int, l *syscall.Linger) error {
	if err := fd.incref(); err != nil {
		return err
	}
	defer fd.decref()
	return syscall.SetsockoptLinger(fd.Sysfd, level, name, l)
}

//go:linkname sendBuffers syscall.sendBuffers
func sendBuffers(fd int, bufs [][]byte) (int, error)

// Writev writes buffers, many of them in one call of the host, and takes out of v
// what has been written.
func (fd *FD) Writev(v *[][]byte) (int64, error) {
	if err := fd.writeLock(); err != nil {
		return 0, err
	}
	defer fd.writeUnlock()
	if err := fd.pd.prepareWrite(fd.isFile); err != nil {
		return 0, err
	}
	var written int64
	for {
		consume(v, 0) // the empty ones
		if len(*v) == 0 {
			return written, nil
		}
		n, err := sendBuffers(fd.Sysfd, *v)
		written += int64(n)
		consume(v, int64(n))
		switch {
		case err == nil && n > 0:
		case err == nil:
			return written, io.ErrUnexpectedEOF
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			if err := fd.pd.waitWrite(fd.isFile); err != nil {
				return written, err
			}
		default:
			return written, err
		}
	}
}
