package child

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ReapOrphans reaps the processes that others have left to this one when they ended, if it is the
// first process of a container: nobody else does. Such a process has been ended for patience;
// those that this process itself starts are waited for at once.
func ReapOrphans() {
	if os.Getpid() != 1 {
		return
	}
	go func() {
		for last := 0; ; time.Sleep(orphanPatience) {
			pid := ended()
			for pid != 0 && pid == last {
				syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
				pid = ended()
			}
			last = pid
		}
	}()
}

const orphanPatience = 5 * time.Second

// ended returns a child that has ended and was not waited for, or 0. It can still be waited for.
func ended() (pid int) {
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil {
		return 0
	}
	// x/sys has no name for it: si_pid follows three ints, at an offset that fits a pointer.
	const pointer = unsafe.Sizeof(uintptr(0))
	const offset = (unsafe.Offsetof(info.Code) + 4 + pointer - 1) &^ (pointer - 1)
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(&info), offset)))
}
