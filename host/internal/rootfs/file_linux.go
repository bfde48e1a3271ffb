package rootfs

import (
	"os"
	"unsafe"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"golang.org/x/sys/unix"
)

func datasync(f *os.File) error { return control(f, unix.Fdatasync) }

// futimens is utimensat(2) without a path, which no library offers.
func futimens(f *os.File, atim, mtim int64) error {
	times := [2]unix.Timespec{timespec(atim), timespec(mtim)}
	return control(f, func(fd int) error {
		_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0)
		if errno != 0 {
			return errno
		}
		return nil
	})
}

func timespec(nanoseconds int64) unix.Timespec {
	if nanoseconds == experimentalsys.UTIME_OMIT {
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	}
	return unix.NsecToTimespec(nanoseconds)
}
