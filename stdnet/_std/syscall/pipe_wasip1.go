//go:build wasip1

package syscall

import _ "unsafe" // for go:linkname

// Pipes are in the guest's memory: WASI has none. Their descriptors are numbers that no
// host gives, as they are negative in its 32 bits, so what is not served here ends in
// EBADF there. They are always non-blocking, and the runtime's poller is told when one
// becomes ready.

const (
	pipeBase   = 1 << 31 // the first descriptor; reading ends are even
	pipeSize   = 65536
	pipeAtomic = 4096 // PIPE_BUF of Linux
	pipeRead   = 0
	pipeWrite  = 1
)

// A pipe is both of its ends.
type pipe struct {
	data    []byte
	open    [2]bool
	waiting [2]bool // an end has met EAGAIN
}

var pipes []*pipe

// pipeEnd returns the pipe of fd and which of its ends fd is. p is nil if fd is not an
// open end of a pipe.
func pipeEnd(fd int) (p *pipe, end int) {
	if fd < pipeBase || fd >= pipeBase+2*len(pipes) {
		return nil, 0
	}
	p, end = pipes[(fd-pipeBase)/2], fd&1
	if !p.open[end] {
		return nil, 0
	}
	return p, end
}

// wake readies the other end than fd, which is end of p.
func (p *pipe) wake(fd, end int) {
	if other := 1 - end; p.waiting[other] {
		p.waiting[other] = false
		pipeReady(fd ^ 1)
	}
}

// pipeReady makes goroutines that wait for fd try again.
func pipeReady(fd int)

// Pipe makes a pipe: fd[1] writes what fd[0] reads. Both are non-blocking.
func Pipe(fd []int) error {
	if len(fd) != 2 {
		return EINVAL
	}
	i := 0
	for i < len(pipes) && (pipes[i].open[pipeRead] || pipes[i].open[pipeWrite]) {
		i++
	}
	if i == len(pipes) {
		pipes = append(pipes, nil)
	}
	pipes[i] = &pipe{open: [2]bool{true, true}}
	fd[0], fd[1] = pipeBase+2*i, pipeBase+2*i+1
	return nil
}

func (p *pipe) read(fd int, b []byte) (int, error) {
	if len(p.data) == 0 {
		if !p.open[pipeWrite] || len(b) == 0 {
			return 0, nil
		}
		p.waiting[pipeRead] = true
		return -1, EAGAIN
	}
	n := copy(b, p.data)
	if p.data = p.data[n:]; len(p.data) == 0 {
		p.data = nil
	}
	p.wake(fd, pipeRead)
	return n, nil
}

// write writes as much as there is room for, and at most pipeAtomic bytes all or none.
func (p *pipe) write(fd int, b []byte) (int, error) {
	if !p.open[pipeRead] {
		return -1, EPIPE
	}
	room := pipeSize - len(p.data)
	if len(b) > room && (room == 0 || len(b) <= pipeAtomic) {
		p.waiting[pipeWrite] = true
		return -1, EAGAIN
	}
	n := min(len(b), room)
	p.data = append(p.data, b[:n]...)
	p.wake(fd, pipeWrite)
	return n, nil
}

// Close closes what fd is. The other end of a pipe sees it: a reader the end of the
// data, a writer EPIPE.
func Close(fd int) error {
	p, end := pipeEnd(fd)
	if p == nil {
		unlock(fd)
		return closeDescriptor(fd)
	}
	p.open[end] = false
	if end == pipeRead {
		p.data = nil
	}
	p.wake(fd, end)
	return nil
}

func closeDescriptor(fd int) error {
	if !gathers {
		return closeFile(fd)
	}
	e, later := gatherClose(fd)
	if later {
		return nil
	}
	if err := closeFile(fd); err != nil {
		return err
	}
	return errnoErr(e)
}

func Fstat(fd int, st *Stat_t) error {
	if p, _ := pipeEnd(fd); p != nil {
		*st = Stat_t{Nlink: 1}
		setDefaultMode(st)
		return nil
	}
	return fstatFile(fd, st)
}

func Seek(fd int, offset int64, whence int) (int64, error) {
	if p, _ := pipeEnd(fd); p != nil {
		return 0, ESPIPE
	}
	return seekFile(fd, offset, whence)
}

// stdinPolled is set where the host cannot make standard input non-blocking, as
// WasmEdge cannot. Reads of it then ask first whether there is something to read, since
// one that waits stops all goroutines.
var stdinPolled bool

// readable reports whether fd can be read without waiting.
func readable(fd int) bool

// SetNonblock succeeds for standard input, whose reads do not wait in any case.
func SetNonblock(fd int, nonblocking bool) error {
	if p, _ := pipeEnd(fd); p != nil {
		return nil
	}
	err := setNonblock(fd, nonblocking)
	if fd == Stdin && nonblocking && err != nil {
		stdinPolled = true
		return nil
	}
	return err
}

// fd_fdstat_get_flags is how package os learns whether a descriptor is non-blocking.
//
//go:linkname fd_fdstat_get_flags
func fd_fdstat_get_flags(fd int) (uint32, error) {
	if p, _ := pipeEnd(fd); p != nil {
		return FDFLAG_NONBLOCK, nil
	}
	flags, err := fileFlags(fd)
	if fd == Stdin && stdinPolled {
		flags |= FDFLAG_NONBLOCK
	}
	return flags, err
}
