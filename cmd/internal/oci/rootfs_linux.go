package oci

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxRaces is how often a path is resolved anew that others change meanwhile.
const maxRaces = 100

// resolve opens a path below a directory, for nothing but its name. No symbolic link and no ".."
// leads out of the directory. The error is a syscall.Errno.
func resolve(root, name string, how uint64) (fd int, err error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	for range maxRaces {
		fd, err = unix.Openat2(dir, name, &unix.OpenHow{
			Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS | how,
		})
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			break
		}
	}
	return fd, err
}

// openInRoot opens a regular file below a directory, and no other: to open a device or pipe would
// do something. It returns nil if there is none.
func openInRoot(root, name string) (*os.File, error) {
	fd, err := resolve(root, name, 0)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP), errors.Is(err, unix.EACCES), errors.Is(err, unix.ENAMETOOLONG):
		return nil, nil
	case err != nil:
		return nil, os.NewSyscallError("openat2", err)
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, nil
	}
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
}

// plain returns an error if a symbolic link is on the way to a path below a directory. The path may
// be missing.
func plain(root, name string) error {
	fd, err := resolve(root, name, unix.RESOLVE_NO_SYMLINKS)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return os.NewSyscallError("openat2", err)
	}
	return unix.Close(fd)
}

// realPath returns a path below a directory without symbolic links. What is missing of it, at the
// end, stays as it is.
func realPath(root, name string) (string, error) {
	top, err := filepath.EvalSymlinks(root)
	if err == nil {
		top, err = filepath.Abs(top)
	}
	if err != nil {
		return "", err
	}
	missing := ""
	for {
		fd, err := resolve(root, name, 0)
		if errors.Is(err, unix.ENOENT) && name != "/" {
			missing = path.Join(path.Base(name), missing)
			name = path.Dir(name)
			continue
		}
		if err != nil {
			return "", os.NewSyscallError("openat2", err)
		}
		real, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		unix.Close(fd)
		return path.Join("/", strings.TrimPrefix(real, top), missing), err
	}
}

// own gives a file the owner that another has.
func own(f *os.File, info os.FileInfo) error {
	of := info.Sys().(*syscall.Stat_t)
	return f.Chown(int(of.Uid), int(of.Gid))
}

// Trusted returns an error, with the remedy, if another user than root and this one can change a
// file.
func Trusted(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	switch {
	case owner != 0 && int(owner) != os.Geteuid():
		return fmt.Errorf("%s: user %d owns it, and could change what root runs; run chown root %[1]s", file, owner)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s: its group or others can write to it (%v), and could change what root runs; run chmod go-w %[1]s", file, info.Mode().Perm())
	}
	return nil
}
