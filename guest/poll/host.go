package poll

import (
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// host is the seam: what a Poll needs of its platform. On wasip1 it is the imports;
// elsewhere everything is ENOSYS; in tests it is a model of WasmEdge.
type host interface {
	// oneoff is poll_oneoff, with at least one subscription and as many events. It
	// waits and returns how many events it wrote, from the first on.
	oneoff([]sockabi.Subscription, []sockabi.Event) (int, sockabi.Errno)

	// fdstat is fd_fdstat_get.
	fdstat(fd int32, stat *sockabi.FDStat) sockabi.Errno

	// option is sock_getsockopt at SOL_SOCKET of an int32.
	option(fd, name int32) (int32, sockabi.Errno)

	// peek is sock_recv of a byte that is not taken: 0 if there is one, or the end of
	// the stream.
	peek(fd int32) sockabi.Errno

	// now is the time on the clock that CLOCK_MONOTONIC subscriptions run by.
	now() time.Duration
}
