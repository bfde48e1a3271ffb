//go:build !linux && !darwin

package rootfs

import (
	"errors"
	"os"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
)

// Guests do not run on these systems. These functions only make the package compile.

type confined struct{ *os.Root }

func osFlags(experimentalsys.Oflag) int              { return os.O_RDONLY }
func setAppend(*os.File, bool) experimentalsys.Errno { return experimentalsys.ENOSYS }
func readOnce(*os.File, []byte) (int, error)         { return 0, errors.ErrUnsupported }
func writeOnce(*os.File, []byte) (int, error)        { return 0, errors.ErrUnsupported }
func inodes(*os.File, []experimentalsys.Dirent)      {}
func datasync(f *os.File) error                      { return f.Sync() }
func futimens(*os.File, int64, int64) error          { return errors.ErrUnsupported }
