//go:build linux || darwin

package rootfs

import (
	"io"
	"os"
	"path"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"golang.org/x/sys/unix"
)

// osFlags returns the flags of open(2), without O_APPEND, for which os refuses WriteAt:
// setAppend sets it. O_NONBLOCK keeps FIFOs and devices from delaying the call.
func osFlags(flag experimentalsys.Oflag) int {
	flags := unix.O_NONBLOCK
	switch {
	case flag&experimentalsys.O_RDWR != 0:
		flags |= unix.O_RDWR
	case flag&experimentalsys.O_WRONLY != 0:
		flags |= unix.O_WRONLY
	}
	for ours, theirs := range map[experimentalsys.Oflag]int{
		experimentalsys.O_CREAT:     unix.O_CREAT,
		experimentalsys.O_EXCL:      unix.O_EXCL,
		experimentalsys.O_TRUNC:     unix.O_TRUNC,
		experimentalsys.O_SYNC:      unix.O_SYNC,
		experimentalsys.O_DSYNC:     unix.O_DSYNC,
		experimentalsys.O_RSYNC:     unix.O_SYNC,
		experimentalsys.O_DIRECTORY: unix.O_DIRECTORY,
	} {
		if flag&ours != 0 {
			flags |= theirs
		}
	}
	return flags
}

// confined is an os.Root that renames as rename(2) does. The Rename of os.Root does not replace
// directories.
type confined struct{ *os.Root }

func (c confined) Rename(from, to string) error {
	return c.in(path.Dir(from), func(fromDir int) error {
		return c.in(path.Dir(to), func(toDir int) error {
			return unix.Renameat(fromDir, path.Base(from), toDir, path.Base(to))
		})
	})
}

// in calls do with the descriptor of a directory.
func (c confined) in(dir string, do func(fd int) error) error {
	f, err := c.OpenFile(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return control(f, do)
}

// control calls do with the descriptor, and does not make it block.
func control(f *os.File, do func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}

func setAppend(f *os.File, enable bool) experimentalsys.Errno {
	return errnoOf(control(f, func(fd int) error {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil {
			return err
		}
		flags &^= unix.O_APPEND
		if enable {
			flags |= unix.O_APPEND
		}
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags)
		return err
	}))
}

// readOnce reads without waiting.
func readOnce(f *os.File, buf []byte) (n int, err error) {
	err = control(f, func(fd int) (err error) {
		n, err = unix.Read(fd, buf)
		return err
	})
	n = max(n, 0)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// writeOnce writes without waiting.
func writeOnce(f *os.File, buf []byte) (n int, err error) {
	err = control(f, func(fd int) (err error) {
		n, err = unix.Write(fd, buf)
		return err
	})
	return max(n, 0), err
}

// inodes sets the inodes of a directory's entries. An entry that was removed gets none.
func inodes(dir *os.File, entries []experimentalsys.Dirent) {
	control(dir, func(fd int) error {
		for i := range entries {
			var st unix.Stat_t
			if unix.Fstatat(fd, entries[i].Name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
				entries[i].Ino = st.Ino
			}
		}
		return nil
	})
}
