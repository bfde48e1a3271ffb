package rootfs

import (
	"os"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
	"golang.org/x/sys/unix"
)

func datasync(f *os.File) error { return f.Sync() }

// futimens sets times with a resolution of microseconds: futimens(3) needs cgo.
func futimens(f *os.File, atim, mtim int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	st := sys.NewStat_t(info)
	if atim == experimentalsys.UTIME_OMIT {
		atim = st.Atim
	}
	if mtim == experimentalsys.UTIME_OMIT {
		mtim = st.Mtim
	}
	times := []unix.Timeval{unix.NsecToTimeval(atim), unix.NsecToTimeval(mtim)}
	return control(f, func(fd int) error { return unix.Futimes(fd, times) })
}
