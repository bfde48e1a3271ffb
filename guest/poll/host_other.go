//go:build !wasip1

package poll

import (
	"syscall"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// Elsewhere than on wasip1 nothing can be registered: Register answers ENOSYS, which
// is errors.ErrUnsupported.

type noHost struct{}

var wasi host = noHost{}

func (noHost) oneoff([]sockabi.Subscription, []sockabi.Event) (int, sockabi.Errno) {
	return 0, sockabi.ENOSYS
}
func (noHost) fdstat(int32, *sockabi.FDStat) sockabi.Errno { return sockabi.ENOSYS }
func (noHost) option(int32, int32) (int32, sockabi.Errno)  { return 0, sockabi.ENOSYS }
func (noHost) peek(int32) sockabi.Errno                    { return sockabi.ENOSYS }
func (noHost) now() time.Duration                          { return time.Duration(time.Now().UnixNano()) }

// errno is the number that this system has for an error. Only tests meet others
// than ENOSYS.
func errno(e sockabi.Errno) syscall.Errno {
	switch e {
	case sockabi.ENOSYS:
		return syscall.ENOSYS
	case sockabi.EBADF:
		return syscall.EBADF
	case sockabi.ECONNRESET:
		return syscall.ECONNRESET
	case sockabi.EPERM:
		return syscall.EPERM
	}
	return syscall.EIO
}
