package socket

import (
	"math"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

func TestDurationsAreRoundedUp(t *testing.T) {
	const longest = time.Duration(math.MaxInt64)
	tv := func(s, us int64) sockabi.Timeval { return sockabi.Timeval{Seconds: s, Microseconds: us} }
	for _, test := range []struct {
		d            time.Duration
		seconds      int32
		secondsErrno syscall.Errno
		timeval      sockabi.Timeval
		timevalErrno syscall.Errno
	}{
		{0, 0, 0, tv(0, 0), 0},
		{1, 1, 0, tv(0, 1), 0},
		{time.Microsecond, 1, 0, tv(0, 1), 0},
		{time.Microsecond + 1, 1, 0, tv(0, 2), 0},
		{time.Second - 1, 1, 0, tv(1, 0), 0},
		{time.Second, 1, 0, tv(1, 0), 0},
		{time.Second + 1, 2, 0, tv(1, 1), 0},
		{math.MaxInt32 * time.Second, math.MaxInt32, 0, tv(math.MaxInt32, 0), 0},
		{math.MaxInt32*time.Second + 1, 0, syscall.EINVAL, tv(math.MaxInt32, 1), 0},
		{longest, 0, syscall.EINVAL, tv(9223372036, 854776), 0},
		{-1, 0, syscall.EINVAL, tv(0, 0), syscall.EINVAL},
		{-time.Hour, 0, syscall.EINVAL, tv(0, 0), syscall.EINVAL},
	} {
		if n, e := wholeSeconds(test.d); n != test.seconds || e != test.secondsErrno {
			t.Errorf("%v is %d s, %v; want %d s, %v", test.d, n, e, test.seconds, test.secondsErrno)
		}
		if v, e := timeval(test.d); v != test.timeval || e != test.timevalErrno {
			t.Errorf("%v is %v, %v; want %v, %v", test.d, v, e, test.timeval, test.timevalErrno)
		}
	}
}
