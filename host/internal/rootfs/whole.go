package rootfs

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// whole is the tree of all files. No file is outside. Symbolic links may lead everywhere, also
// absolute ones, which os.Root refuses.
type whole string // ends in a separator

func (w whole) Close() error { return nil }

func (w whole) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(string(w)+name, flag, perm)
}

func (w whole) Lstat(name string) (fs.FileInfo, error)    { return os.Lstat(string(w) + name) }
func (w whole) Stat(name string) (fs.FileInfo, error)     { return os.Stat(string(w) + name) }
func (w whole) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(string(w)+name, perm) }
func (w whole) Chmod(name string, perm fs.FileMode) error { return os.Chmod(string(w)+name, perm) }
func (w whole) Remove(name string) error                  { return os.Remove(string(w) + name) }
func (w whole) Link(old, name string) error               { return os.Link(string(w)+old, string(w)+name) }
func (w whole) Symlink(target, name string) error         { return os.Symlink(target, string(w)+name) }
func (w whole) Readlink(name string) (string, error)      { return os.Readlink(string(w) + name) }
func (w whole) Chtimes(name string, atime, mtime time.Time) error {
	return os.Chtimes(string(w)+name, atime, mtime)
}

// Rename replaces an empty directory too, as rename(2) does and os.Rename does not.
func (w whole) Rename(from, to string) error {
	return syscall.Rename(string(w)+from, string(w)+to)
}

// isWhole reports whether dir is the root directory, which holds all files.
func isWhole(dir string) bool { return filepath.Dir(dir) == dir }
