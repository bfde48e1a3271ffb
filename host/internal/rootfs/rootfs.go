// Package rootfs gives guests a directory of the host and nothing outside of it.
//
// Every operation uses an os.Root, which resolves a path from the open directory, component by
// component. So no path and no symbolic link leads outside, even if another guest or process
// changes directories of the path meanwhile.
package rootfs

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
)

// FS is a directory of the host.
//
// If os.Root has one operation where POSIX has two, such as unlink and rmdir, an Lstat decides.
// If the file is replaced in between, the operation acts on another file of the directory.
type FS struct {
	root tree
	// waiting holds the open files whose reads and writes may block.
	mu          sync.Mutex
	waiting     map[*os.File]struct{}
	interrupted bool
}

var _ experimentalsys.FS = (*FS)(nil)

// A tree has the methods of *os.Root that an FS uses.
type tree interface {
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	Lstat(name string) (fs.FileInfo, error)
	Stat(name string) (fs.FileInfo, error)
	Mkdir(name string, perm fs.FileMode) error
	Chmod(name string, mode fs.FileMode) error
	Rename(from, to string) error
	Remove(name string) error
	Link(old, name string) error
	Symlink(target, name string) error
	Readlink(name string) (string, error)
	Chtimes(name string, atime, mtime time.Time) error
	Close() error
}

// Open opens the directory of an absolute path.
func Open(dir string) (*FS, error) {
	f := &FS{waiting: map[*os.File]struct{}{}}
	if isWhole(dir) {
		f.root = whole(dir)
		return f, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f.root = confined{root}
	return f, nil
}

// Close closes the directory. Files that were opened in it remain open.
func (f *FS) Close() error { return f.root.Close() }

// Interrupt makes all reads and writes fail that wait, now or later.
func (f *FS) Interrupt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.interrupted = true
	for file := range f.waiting {
		file.SetDeadline(time.Unix(1, 0))
	}
}

// watch makes Interrupt act on file, if its reads and writes may wait.
func (f *FS) watch(file *os.File) {
	if file.SetDeadline(time.Time{}) != nil { // as for regular files
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting[file] = struct{}{}
	if f.interrupted {
		file.SetDeadline(time.Unix(1, 0))
	}
}

func (f *FS) forget(file *os.File) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.waiting, file)
}

// split returns a name for os.Root, and whether it ends in a slash and so must be a directory.
// wazero puts a slash in front if the guest names a file in a directory that was opened as ".".
func split(name string) (clean string, dir bool) {
	clean = strings.Trim(name, "/")
	return cmp.Or(clean, "."), clean != "" && strings.HasSuffix(name, "/")
}

// confines reports whether there are files outside of f.
func (f *FS) confines() bool {
	_, all := f.root.(whole)
	return !all
}

// errnoOf returns the errno of an error of package os. The error of os.Root for a path that leads
// outside has no errno; it becomes EPERM, as for a missing capability.
func errnoOf(err error) experimentalsys.Errno {
	errno := experimentalsys.UnwrapOSError(err)
	if errno == experimentalsys.EIO && !errors.As(err, new(syscall.Errno)) {
		return experimentalsys.EPERM
	}
	return errno
}

// is reports whether the file name is a directory. It does not follow a symbolic link.
func (f *FS) is(name string) (dir bool, errno experimentalsys.Errno) {
	info, err := f.root.Lstat(name)
	if err != nil {
		return false, errnoOf(err)
	}
	return info.IsDir(), 0
}

// only returns ENOTDIR if a name that ends in a slash is not a directory.
func (f *FS) only(name string, dir bool) experimentalsys.Errno {
	if !dir {
		return 0
	}
	is, errno := f.is(name)
	if errno == 0 && !is {
		return experimentalsys.ENOTDIR
	}
	return errno
}

// OpenFile opens a file. It does not wait for the other end of a FIFO. Reads of FIFOs and devices
// wait without a thread.
func (f *FS) OpenFile(name string, flag experimentalsys.Oflag, perm fs.FileMode) (experimentalsys.File, experimentalsys.Errno) {
	name, dir := split(name)
	switch {
	case dir && flag&experimentalsys.O_CREAT != 0:
		if _, errno := f.Stat(path.Dir(name) + "/"); errno != 0 {
			return nil, errno
		}
		return nil, experimentalsys.EISDIR
	case dir:
		flag |= experimentalsys.O_DIRECTORY
	case flag&experimentalsys.O_NOFOLLOW != 0 && flag&experimentalsys.O_EXCL == 0:
		if info, err := f.root.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return nil, experimentalsys.ELOOP
		}
	}
	file, err := f.root.OpenFile(name, osFlags(flag), perm)
	if err != nil {
		return nil, errnoOf(err)
	}
	return f.newFile(file, flag)
}

// Lstat returns the attributes of a file. It does not follow a symbolic link.
func (f *FS) Lstat(name string) (sys.Stat_t, experimentalsys.Errno) {
	clean, dir := split(name)
	if dir { // a slash follows
		return f.Stat(name)
	}
	info, err := f.root.Lstat(clean)
	if err != nil {
		return sys.Stat_t{}, errnoOf(err)
	}
	return sys.NewStat_t(info), 0
}

// Stat returns the attributes of a file. It follows symbolic links.
func (f *FS) Stat(name string) (sys.Stat_t, experimentalsys.Errno) {
	name, dir := split(name)
	info, err := f.root.Stat(name)
	switch {
	case err != nil:
		return sys.Stat_t{}, errnoOf(err)
	case dir && !info.IsDir():
		return sys.Stat_t{}, experimentalsys.ENOTDIR
	}
	return sys.NewStat_t(info), 0
}

// Mkdir makes a directory.
func (f *FS) Mkdir(name string, perm fs.FileMode) experimentalsys.Errno {
	name, _ = split(name)
	return errnoOf(f.root.Mkdir(name, perm))
}

// Chmod changes the permissions of a file. It follows symbolic links.
func (f *FS) Chmod(name string, perm fs.FileMode) experimentalsys.Errno {
	name, _ = split(name)
	return errnoOf(f.root.Chmod(name, perm))
}

// Rename renames a file.
func (f *FS) Rename(from, to string) experimentalsys.Errno {
	from, dir := split(from)
	to, toDir := split(to)
	if errno := f.only(from, dir || toDir); errno != 0 {
		return errno
	}
	return errnoOf(f.root.Rename(from, to))
}

// Rmdir removes an empty directory.
func (f *FS) Rmdir(name string) experimentalsys.Errno {
	name, _ = split(name)
	if errno := f.only(name, true); errno != 0 {
		return errno
	}
	return errnoOf(f.root.Remove(name))
}

// Unlink removes a file that is not a directory.
func (f *FS) Unlink(name string) experimentalsys.Errno {
	name, slash := split(name)
	switch dir, errno := f.is(name); {
	case errno != 0:
		return errno
	case dir:
		return experimentalsys.EISDIR
	case slash:
		return experimentalsys.ENOTDIR
	}
	return errnoOf(f.root.Remove(name))
}

// Link gives a file a second name. It returns an error for a symbolic link that leads outside.
func (f *FS) Link(old, name string) experimentalsys.Errno {
	old, oldDir := split(old)
	name, dir := split(name)
	if _, err := f.root.Stat(old); errnoOf(err) == experimentalsys.EPERM {
		return experimentalsys.EPERM
	}
	if errno := f.only(old, oldDir || dir); errno != 0 {
		return errno
	}
	return errnoOf(f.root.Link(old, name))
}

// Symlink makes a symbolic link. It returns an error for a link that leads outside, since programs
// of the host would follow it.
func (f *FS) Symlink(target, name string) experimentalsys.Errno {
	name, dir := split(name)
	switch {
	case path.IsAbs(target):
		return experimentalsys.EPERM
	case f.confines() && !filepath.IsLocal(path.Join(path.Dir(name), target)):
		return experimentalsys.EPERM
	case dir:
		return experimentalsys.ENOENT
	}
	return errnoOf(f.root.Symlink(strings.Clone(target), name))
}

// Readlink returns the target of a symbolic link.
func (f *FS) Readlink(name string) (string, experimentalsys.Errno) {
	clean, dir := split(name)
	if dir { // a slash follows, so it names no link
		_, errno := f.Stat(name)
		return "", cmp.Or(errno, experimentalsys.EINVAL)
	}
	target, err := f.root.Readlink(clean)
	return filepath.ToSlash(target), errnoOf(err)
}

// Utimens changes the times of a file. It follows symbolic links.
func (f *FS) Utimens(name string, atim, mtim int64) experimentalsys.Errno {
	clean, dir := split(name)
	if dir {
		if _, errno := f.Stat(name); errno != 0 {
			return errno
		}
	}
	return errnoOf(f.root.Chtimes(clean, timeOf(atim), timeOf(mtim)))
}

// timeOf returns a time in nanoseconds as a Time, and for UTIME_OMIT the zero Time, which os.Root
// does not set.
func timeOf(nanoseconds int64) time.Time {
	if nanoseconds == experimentalsys.UTIME_OMIT {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds)
}
