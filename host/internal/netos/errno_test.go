//go:build linux || darwin

package netos

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/sockabi"
)

func TestErrnos(t *testing.T) {
	for _, test := range []struct {
		err   error
		want  sockabi.Errno
		known bool
	}{
		{nil, sockabi.ESUCCESS, true},
		{unix.Errno(0), sockabi.ESUCCESS, true},
		{unix.EAGAIN, sockabi.EAGAIN, true},
		{unix.ECONNREFUSED, sockabi.ECONNREFUSED, true},
		{unix.EOPNOTSUPP, sockabi.ENOTSUP, true},
		{unix.ENOTSUP, sockabi.ENOTSUP, true},
		{unix.EHOSTDOWN, sockabi.EHOSTUNREACH, true},
		{unix.ESHUTDOWN, sockabi.EPIPE, true},
		{unix.ESOCKTNOSUPPORT, sockabi.EPROTONOSUPPORT, true},
		{&os.SyscallError{Syscall: "bind", Err: unix.EADDRINUSE}, sockabi.EADDRINUSE, true},
		{unix.Errno(4000), sockabi.EIO, false},
		{fmt.Errorf("no errno"), sockabi.EIO, false},
	} {
		if got, known := Errno(test.err); got != test.want || known != test.known {
			t.Errorf("%v is %s, %v", test.err, got.Name(), known)
		}
	}
	// Every error that has the same name in the system and in the extension keeps it.
	for e := unix.Errno(1); e < 140; e++ {
		name := unix.ErrnoName(e)
		got, known := Errno(e)
		for n := sockabi.Errno(1); n <= 76; n++ {
			if n.Name() == name && known && got != n {
				t.Errorf("%s is %s", name, got.Name())
			}
		}
	}
}
