package wasi

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

// The guest's descriptors 0 to 2, if they are files of the host. Every Go guest makes them
// non-blocking at its start. wazero would do so to the files themselves, and thus for the shell
// and everybody else who shares them. So the files stay as they are, and only the guest sees the
// flag. A terminal, pipe or socket is polled before it is read or written: waiting for that can
// be interrupted, and a read cannot.

// writeAtOnce returns how many bytes a ready pipe takes without blocking: PIPE_BUF.
func writeAtOnce() int {
	if runtime.GOOS == "linux" {
		return 4096
	}
	return 512
}

// maxPath is the length of the longest path that a guest can name, in bytes. No system accepts
// longer ones.
const maxPath = 4096

// maxTransfer is how many bytes one call reads or writes at most. Both may be short, and
// a guest can be stopped between two calls.
const maxTransfer = 16 << 20

// maxDirectory is the largest buffer, in bytes, that a guest can read a directory into.
const maxDirectory = 1 << 20

// owns reports whether a call uses one of these files. It returns false once the guest has closed
// the file, and perhaps opened another one with its number.
func (s *stdio) owns(stack []uint64) bool {
	fd := uint32(stack[0])
	return int(fd) < len(s.files) && s.files[fd] != nil
}

// noFile returns the errno of a function for files that gets the descriptor of a socket.
func (g *Guest) noFile(function string, fd uint32) sockabi.Errno {
	switch {
	case !g.Sockets.Owns(fd):
		return sockabi.EBADF
	case strings.HasPrefix(function, "path_") || strings.HasPrefix(function, "fd_prestat_"):
		return sockabi.ENOTDIR
	case function == "fd_seek" || function == "fd_tell":
		return sockabi.ESPIPE
	}
	return sockabi.EINVAL
}

// wrap returns wazero's function f with the behaviour above. The function fails for paths longer
// than maxPath, and for all lengths that the guest passes, its time and memory are bounded.
func wrap(name string, params []string, f api.GoModuleFunction) ownFunction {
	wrapper := map[string]func(*Guest, []uint64, func()){
		"fd_read":             (*Guest).stdioRead,
		"fd_write":            (*Guest).stdioWrite,
		"fd_close":            (*Guest).stdioClose,
		"fd_fdstat_get":       (*Guest).stdioStat,
		"fd_fdstat_set_flags": (*Guest).stdioSetFlags,
	}[name]
	bound := map[string]func(*Guest, []uint64) sockabi.Errno{
		"fd_read":    (*Guest).boundTransfer,
		"fd_pread":   (*Guest).boundTransfer,
		"fd_write":   (*Guest).boundTransfer,
		"fd_pwrite":  (*Guest).boundTransfer,
		"fd_readdir": (*Guest).boundDirectory,
	}[name]
	var lengths []int // indices of parameters that are lengths of paths
	for i, param := range params {
		if strings.HasSuffix(param, "path_len") && !strings.HasPrefix(param, "result.") {
			lengths = append(lengths, i)
		}
	}
	var descriptors []int // indices of parameters that are descriptors
	for i, param := range params {
		if param == "fd" || strings.HasSuffix(param, "_fd") && !strings.HasPrefix(param, "result.") {
			descriptors = append(descriptors, i)
		}
	}
	tooLong := func(stack []uint64) bool {
		return slices.ContainsFunc(lengths, func(i int) bool { return uint32(stack[i]) > maxPath })
	}
	return func(ctx context.Context, g *Guest, module api.Module, stack []uint64) {
		if bound != nil {
			if errno := bound(g, stack); errno != 0 {
				stack[0] = uint64(errno)
				return
			}
		}
		for _, i := range descriptors {
			if fd := uint32(stack[i]); g.Sockets.Reserved(fd) {
				stack[0] = uint64(g.noFile(name, fd))
				return
			}
		}
		switch {
		case tooLong(stack):
			stack[0] = uint64(sockabi.ENAMETOOLONG)
		case name == "random_get":
			g.random(stack, func() { f.Call(ctx, module, stack) })
		case name == "fd_filestat_set_times" && uint32(stack[0]) <= 2:
			stack[0] = uint64(sockabi.ENOTSUP) // wazero's function panics if it has no directory
		case wrapper != nil && g.stdio.owns(stack):
			wrapper(g, stack, func() { f.Call(ctx, module, stack) })
		case name == "fd_write", name == "fd_pwrite":
			g.writeFile(stack, name == "fd_pwrite", func() { f.Call(ctx, module, stack) })
		default:
			f.Call(ctx, module, stack)
		}
	}
}

// boundTransfer removes the buffers beyond maxTransfer bytes from a call. It keeps a first buffer
// that is larger: files read and write a part of it.
//   - EINVAL: there are more than MaxIOVecs buffers.
func (g *Guest) boundTransfer(stack []uint64) sockabi.Errno {
	iovs, count := uint32(stack[1]), uint32(stack[2])
	if count > sockabi.MaxIOVecs {
		return sockabi.EINVAL
	}
	array, _ := g.memory.View(iovs, count*sockabi.IOVecSize) // wazero checks it too
	total := uint64(0)
	for i := 0; i < len(array); i += sockabi.IOVecSize {
		size := uint64(le.Uint32(array[i+4:]))
		if total > 0 && total+size > maxTransfer {
			stack[2] = uint64(i / sockabi.IOVecSize)
			return 0
		}
		total += size
	}
	return 0
}

// boundDirectory limits how many entries wazero reads and keeps. It does not shorten the buffer,
// since that would mean that the directory ends there.
//   - EINVAL: the buffer has more than maxDirectory bytes.
func (g *Guest) boundDirectory(stack []uint64) sockabi.Errno {
	if uint32(stack[2]) > maxDirectory {
		return sockabi.EINVAL
	}
	return 0
}

// random gets random bytes in pieces, until the guest is stopped.
func (g *Guest) random(stack []uint64, get func()) {
	const piece = 1 << 20
	buf, size := uint32(stack[0]), uint32(stack[1])
	if _, ok := g.memory.View(buf, size); !ok {
		stack[0] = uint64(sockabi.EFAULT)
		return
	}
	for {
		n := min(size, piece)
		stack[0], stack[1] = uint64(buf), uint64(n)
		get()
		buf, size = buf+n, size-n
		if stack[0] != 0 || size == 0 || g.stops() {
			return
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

// writeFile writes one buffer after the other, and stops after a buffer that is not written
// entirely. wazero would go on with the next one, and lose the count of bytes at an error.
func (g *Guest) writeFile(stack []uint64, at bool, write func()) {
	fd, iovs, count, offset, result := stack[0], uint32(stack[1]), uint32(stack[2]), uint64(0), stack[3]
	if at {
		offset, result = stack[3], stack[4]
	}
	array, _ := g.memory.View(iovs, count*sockabi.IOVecSize)
	written, ok := g.memory.View(uint32(result), 4)
	if count <= 1 || len(array) == 0 || !ok {
		write()
		return
	}
	before := [4]byte(written) // a buffer may overlap it
	total := uint32(0)
	for i := range count {
		size := le.Uint32(array[i*sockabi.IOVecSize+4:])
		stack[0], stack[1], stack[2], stack[3] = fd, uint64(iovs+i*sockabi.IOVecSize), 1, result
		if at {
			stack[3], stack[4] = offset+uint64(total), result
		}
		write()
		if stack[0] != 0 {
			break
		}
		n := le.Uint32(written)
		copy(written, before[:])
		if total += n; n < size {
			break
		}
	}
	if total > 0 {
		stack[0] = 0
	}
	if stack[0] == 0 {
		le.PutUint32(written, total)
	}
}

// stdioWrite writes in pieces, until the guest is stopped. It waits before each piece until the
// file can take it. To a non-blocking descriptor it writes only one piece.
func (g *Guest) stdioWrite(stack []uint64, write func()) {
	fd := uint32(stack[0])
	buffers, errno := g.memory.buffers(uint32(stack[1]), uint32(stack[2]))
	count, ok := g.memory.View(uint32(stack[3]), 4)
	switch {
	case errno != 0:
	case !ok:
		errno = sockabi.EFAULT
	case len(buffers) == 0:
		write()
		return
	default:
		var n uint32
		if n, errno = g.stdio.write(fd, buffers, g.stops); n > 0 {
			errno = 0
			le.PutUint32(count, n)
		}
	}
	stack[0] = uint64(errno)
}

// write writes buffers until stops returns true. The errno is that of the last piece.
func (s *stdio) write(fd uint32, buffers [][]byte, stops func() bool) (written uint32, errno sockabi.Errno) {
	most, once := 1<<20, s.blocks[fd] && s.nonblock[fd]
	if s.blocks[fd] {
		most = writeAtOnce()
	}
	for len(buffers) > 0 {
		var piece []byte
		piece, buffers = cut(buffers, most)
		if stops() || !s.wait(fd, true, !once) {
			return written, sockabi.EAGAIN
		}
		n, err := s.files[fd].Write(piece)
		written += uint32(n)
		if err != nil || once {
			return written, writeErrno(err)
		}
	}
	return written, 0
}

// cut returns the first bytes of buffers, at most most of them, and the remaining buffers. It
// copies bytes that are in several buffers.
func cut(buffers [][]byte, most int) (piece []byte, rest [][]byte) {
	if first := buffers[0]; len(first) > most {
		buffers[0] = first[most:]
		return first[:most], buffers
	}
	piece, rest = buffers[0], buffers[1:]
	for len(rest) > 0 && len(piece) < most {
		n := min(len(rest[0]), most-len(piece))
		piece = append(piece[:len(piece):len(piece)], rest[0][:n]...)
		if rest[0] = rest[0][n:]; len(rest[0]) == 0 {
			rest = rest[1:]
		}
	}
	return piece, rest
}

func writeErrno(err error) sockabi.Errno {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, syscall.EPIPE):
		return sockabi.EPIPE
	case errors.Is(err, os.ErrClosed), errors.Is(err, syscall.EBADF):
		return sockabi.EBADF
	case errors.Is(err, syscall.ENOSPC):
		return sockabi.ENOSPC
	case errors.Is(err, syscall.EFBIG):
		return sockabi.EFBIG
	case errors.Is(err, syscall.EDQUOT):
		return sockabi.EDQUOT
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

// stdioSetFlags sets NONBLOCK for the guest only. wazero checks the other flags.
func (g *Guest) stdioSetFlags(stack []uint64, setFlags func()) {
	fd, nonblock := uint32(stack[0]), stack[1]&sockabi.FDFLAG_NONBLOCK != 0
	stack[1] &^= sockabi.FDFLAG_NONBLOCK
	if setFlags(); stack[0] == 0 {
		g.stdio.nonblock[fd] = nonblock
	}
}

// stdinOf returns the reader for wazero. An *os.File stays one, since the guest can ask for its
// type.
func (g *Guest) stdinOf(r io.Reader) io.Reader {
	if _, ok := r.(*os.File); ok || r == nil {
		return r
	}
	return stopReader{r, g.stop}
}

// A stopReader is a reader whose Read returns when the guest is stopped. The Read of the underlying
// reader goes on, into a buffer of its own.
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
			recover() // makes it an error for the guest, not the end of the process
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
