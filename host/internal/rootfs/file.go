package rootfs

import (
	"io"
	"os"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
)

// maxTransfer is how many bytes one call reads or writes at most, so that a guest can be stopped
// between two calls. POSIX allows short reads and writes.
const maxTransfer = 16 << 20

// A file is an open file or directory. Fd is never called, since it would make the descriptor
// block. The path is not used again either: it may lead to another file by now.
type file struct {
	fs       *FS
	file     *os.File
	opened   sys.Stat_t // state at the opening, for what cannot change
	flag     experimentalsys.Oflag
	nonblock bool
}

var _ experimentalsys.PollableFile = (*file)(nil)

func (f *FS) newFile(opened *os.File, flag experimentalsys.Oflag) (experimentalsys.File, experimentalsys.Errno) {
	info, err := opened.Stat()
	if err != nil {
		opened.Close()
		return nil, errnoOf(err)
	}
	errno := experimentalsys.Errno(0)
	switch {
	case info.IsDir() && flag&(experimentalsys.O_WRONLY|experimentalsys.O_RDWR) != 0:
		errno = experimentalsys.EISDIR
	case flag&experimentalsys.O_APPEND != 0:
		errno = setAppend(opened, true)
	}
	if errno != 0 {
		opened.Close()
		return nil, errno
	}
	f.watch(opened)
	return &file{f, opened, sys.NewStat_t(info), flag, flag&experimentalsys.O_NONBLOCK != 0}, 0
}

func (f *file) isDir() bool { return f.opened.Mode.IsDir() }

// fails returns the errno of an operation on the contents of a file.
func (f *file) fails(err error) experimentalsys.Errno {
	errno := errnoOf(err)
	if errno != 0 && errno != experimentalsys.EBADF && f.isDir() {
		return experimentalsys.EISDIR
	}
	return errno
}

func (f *file) Dev() (uint64, experimentalsys.Errno) { return f.opened.Dev, 0 }

func (f *file) Ino() (sys.Inode, experimentalsys.Errno) { return f.opened.Ino, 0 }

func (f *file) IsDir() (bool, experimentalsys.Errno) { return f.isDir(), 0 }

func (f *file) IsAppend() bool { return f.flag&experimentalsys.O_APPEND != 0 }

func (f *file) SetAppend(enable bool) experimentalsys.Errno {
	if f.isDir() {
		return experimentalsys.EISDIR
	}
	if enable == f.IsAppend() {
		return 0
	}
	if errno := setAppend(f.file, enable); errno != 0 {
		return errno
	}
	f.flag ^= experimentalsys.O_APPEND
	return 0
}

func (f *file) IsNonblock() bool { return f.nonblock }

func (f *file) SetNonblock(enable bool) experimentalsys.Errno {
	if f.isDir() {
		return experimentalsys.EISDIR
	}
	f.nonblock = enable
	return 0
}

// Poll returns ENOSYS: package sockets serves poll_oneoff, in which files are always ready.
func (f *file) Poll(experimentalsys.Pflag, int32) (bool, experimentalsys.Errno) {
	return false, experimentalsys.ENOSYS
}

func (f *file) Stat() (sys.Stat_t, experimentalsys.Errno) {
	info, err := f.file.Stat()
	if err != nil {
		return sys.Stat_t{}, errnoOf(err)
	}
	return sys.NewStat_t(info), 0
}

// transfer reads or writes at most maxTransfer bytes with do. An error after some bytes is left to
// the next call.
func (f *file) transfer(buf []byte, do func([]byte) (int, error)) (int, experimentalsys.Errno) {
	buf = buf[:min(len(buf), maxTransfer)]
	if len(buf) == 0 {
		return 0, 0
	}
	n, err := do(buf)
	if n > 0 {
		return n, 0
	}
	return n, f.fails(err)
}

func (f *file) Read(buf []byte) (int, experimentalsys.Errno) {
	return f.transfer(buf, func(buf []byte) (int, error) {
		if f.nonblock {
			return readOnce(f.file, buf)
		}
		return f.file.Read(buf)
	})
}

func (f *file) Pread(buf []byte, off int64) (int, experimentalsys.Errno) {
	if off < 0 {
		return 0, experimentalsys.EINVAL
	}
	return f.transfer(buf, func(buf []byte) (int, error) { return f.file.ReadAt(buf, off) })
}

// A position is an alias of int64: go vet takes every Seek with an int64 for that of io.Seeker.
type position = int64

func (f *file) Seek(offset position, whence int) (int64, experimentalsys.Errno) {
	switch {
	case whence < io.SeekStart || whence > io.SeekEnd:
		return 0, experimentalsys.EINVAL
	case f.isDir() && (offset != 0 || whence != io.SeekStart): // only back to the beginning
		return 0, experimentalsys.EISDIR
	}
	n, err := f.file.Seek(offset, whence)
	return n, errnoOf(err)
}

func (f *file) Readdir(n int) ([]experimentalsys.Dirent, experimentalsys.Errno) {
	if !f.isDir() {
		return nil, experimentalsys.ENOTDIR
	}
	entries, err := f.file.ReadDir(n)
	if err != nil && err != io.EOF {
		return nil, errnoOf(err)
	}
	dirents := make([]experimentalsys.Dirent, len(entries))
	for i, e := range entries {
		dirents[i] = experimentalsys.Dirent{Name: e.Name(), Type: e.Type().Type()}
	}
	inodes(f.file, dirents)
	return dirents, 0
}

func (f *file) Write(buf []byte) (int, experimentalsys.Errno) {
	return f.transfer(buf, func(buf []byte) (int, error) {
		if f.nonblock {
			return writeOnce(f.file, buf)
		}
		return f.file.Write(buf)
	})
}

func (f *file) Pwrite(buf []byte, off int64) (int, experimentalsys.Errno) {
	if off < 0 {
		return 0, experimentalsys.EINVAL
	}
	return f.transfer(buf, func(buf []byte) (int, error) { return f.file.WriteAt(buf, off) })
}

func (f *file) Truncate(size int64) experimentalsys.Errno {
	if size < 0 {
		return experimentalsys.EINVAL
	}
	return f.fails(f.file.Truncate(size))
}

func (f *file) Sync() experimentalsys.Errno { return errnoOf(f.file.Sync()) }

func (f *file) Datasync() experimentalsys.Errno { return errnoOf(datasync(f.file)) }

func (f *file) Utimens(atim, mtim int64) experimentalsys.Errno {
	return errnoOf(futimens(f.file, atim, mtim))
}

func (f *file) Close() experimentalsys.Errno {
	f.fs.forget(f.file)
	return errnoOf(f.file.Close())
}
