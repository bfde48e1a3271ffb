package preview1

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/tetratelabs/wazero/api"

	"github.com/wasisock/wasisock/sockabi"
)

// The guest's descriptors 0 to 2, where they are files of the host's. Every Go guest
// makes them non-blocking at its start, and wazero would do so to the very files, for
// the shell and everybody else who shares them. So the files stay as they are. The
// guest is told that they do not block, and a terminal, pipe or socket is asked
// whether it is ready before it is read or written. Waiting for that can be ended, as
// a read cannot.

// writeAtOnce is how much a pipe that is ready takes without blocking: PIPE_BUF.
func writeAtOnce() int {
	if runtime.GOOS == "linux" {
		return 4096
	}
	return 512
}

// maxPath is the length of the longest path that a guest can name, in bytes: more than a
// system takes.
const maxPath = 4096

// owns is whether a call is about one of these files. It is not once the guest has
// closed it, and perhaps opened another file in its place.
func (s *stdio) owns(stack []uint64) bool {
	fd := uint32(stack[0])
	return int(fd) < len(s.files) && s.files[fd] != nil
}

// wrap returns wazero's function f with the behaviour above, and without paths that no
// system has, which wazero would copy.
func wrap(name string, params []string, f api.GoModuleFunction) ownFunction {
	wrapper := map[string]func(*Guest, []uint64, func()){
		"fd_read":             (*Guest).stdioRead,
		"fd_write":            (*Guest).stdioWrite,
		"fd_close":            (*Guest).stdioClose,
		"fd_fdstat_get":       (*Guest).stdioStat,
		"fd_fdstat_set_flags": (*Guest).stdioSetFlags,
	}[name]
	var lengths []int // which parameters are lengths of paths
	for i, param := range params {
		if strings.HasSuffix(param, "path_len") && !strings.HasPrefix(param, "result.") {
			lengths = append(lengths, i)
		}
	}
	tooLong := func(stack []uint64) bool {
		return slices.ContainsFunc(lengths, func(i int) bool { return uint32(stack[i]) > maxPath })
	}
	return func(ctx context.Context, g *Guest, module api.Module, stack []uint64) {
		switch {
		case tooLong(stack):
			stack[0] = uint64(sockabi.ENAMETOOLONG)
		case name == "fd_filestat_set_times" && uint32(stack[0]) <= 2:
			stack[0] = uint64(sockabi.ENOTSUP) // wazero's panics where it has no folder
		case wrapper != nil && g.stdio.owns(stack):
			wrapper(g, stack, func() { f.Call(ctx, module, stack) })
		default:
			f.Call(ctx, module, stack)
		}
	}
}

func (g *Guest) stdioRead(stack []uint64, read func()) {
	fd := uint32(stack[0])
	if g.stdio.wait(fd, false, !g.stdio.nonblock[fd]) {
		read()
		return
	}
	stack[0] = uint64(sockabi.EAGAIN)
}

// stdioWrite writes part of what the guest of a non-blocking descriptor gave, without
// blocking. Blocking writes are not for us: they write all.
func (g *Guest) stdioWrite(stack []uint64, write func()) {
	fd := uint32(stack[0])
	if !g.stdio.nonblock[fd] || !g.stdio.blocks[fd] {
		write()
		return
	}
	var buf [4096]byte
	n, errno := g.memory.gather(buf[:writeAtOnce()], uint32(stack[1]), uint32(stack[2]))
	count, ok := g.memory.View(uint32(stack[3]), 4)
	switch {
	case errno != 0:
	case !ok:
		errno = sockabi.EFAULT
	case n == 0:
		write()
		return
	case !g.stdio.wait(fd, true, false):
		errno = sockabi.EAGAIN
	default:
		written, err := g.stdio.files[fd].Write(buf[:n])
		if errno = writeErrno(err); written > 0 {
			errno = 0
			le.PutUint32(count, uint32(written))
		}
	}
	stack[0] = uint64(errno)
}

func writeErrno(err error) sockabi.Errno {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, syscall.EPIPE):
		return sockabi.EPIPE
	case errors.Is(err, os.ErrClosed):
		return sockabi.EBADF
	}
	return sockabi.EIO
}

func (g *Guest) stdioClose(stack []uint64, close func()) {
	fd := uint32(stack[0])
	if close(); stack[0] == 0 {
		g.stdio.files[fd] = nil
	}
}

func (g *Guest) stdioStat(stack []uint64, stat func()) {
	fd, ptr := uint32(stack[0]), uint32(stack[1])
	if stat(); stack[0] == 0 && g.stdio.nonblock[fd] {
		g.memory.setNonblock(ptr)
	}
}

// stdioSetFlags lets wazero judge the other flags.
func (g *Guest) stdioSetFlags(stack []uint64, setFlags func()) {
	fd, nonblock := uint32(stack[0]), stack[1]&sockabi.FDFLAG_NONBLOCK != 0
	stack[1] &^= sockabi.FDFLAG_NONBLOCK
	if setFlags(); stack[0] == 0 {
		g.stdio.nonblock[fd] = nonblock
	}
}

// stdinOf is what wazero reads. An *os.File stays one: the guest can ask what it is.
func (g *Guest) stdinOf(r io.Reader) io.Reader {
	if _, ok := r.(*os.File); ok || r == nil {
		return r
	}
	return stopReader{r, g.stop}
}

// stopReader makes a Read return when the guest is to end. The Read beneath goes on
// by itself, into a buffer of its own.
type stopReader struct {
	r    io.Reader
	stop <-chan struct{}
}

func (s stopReader) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	buf := make([]byte, min(len(p), 1<<16))
	done := make(chan result, 1)
	go func() {
		res := result{err: errors.New("the Read of stdin panicked")}
		defer func() {
			recover() // an error for the guest, not the end of the process
			done <- res
		}()
		n, err := s.r.Read(buf)
		res = result{n, err}
	}()
	select {
	case res := <-done:
		return copy(p, buf[:res.n]), res.err
	case <-s.stop:
		return 0, ErrStopped
	}
}
