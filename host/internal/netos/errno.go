//go:build linux || darwin

package netos

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/sockabi"
)

// errnos maps the operating system's errors to the guest's. osErrnos has those of this system
// alone.
var errnos = table(osErrnos, map[unix.Errno]sockabi.Errno{
	unix.E2BIG:           sockabi.E2BIG,
	unix.EACCES:          sockabi.EACCES,
	unix.EADDRINUSE:      sockabi.EADDRINUSE,
	unix.EADDRNOTAVAIL:   sockabi.EADDRNOTAVAIL,
	unix.EAFNOSUPPORT:    sockabi.EAFNOSUPPORT,
	unix.EPFNOSUPPORT:    sockabi.EAFNOSUPPORT,
	unix.EAGAIN:          sockabi.EAGAIN,
	unix.EALREADY:        sockabi.EALREADY,
	unix.EBADF:           sockabi.EBADF,
	unix.EBADMSG:         sockabi.EBADMSG,
	unix.EBUSY:           sockabi.EBUSY,
	unix.ECANCELED:       sockabi.ECANCELED,
	unix.ECONNABORTED:    sockabi.ECONNABORTED,
	unix.ECONNREFUSED:    sockabi.ECONNREFUSED,
	unix.ECONNRESET:      sockabi.ECONNRESET,
	unix.EDESTADDRREQ:    sockabi.EDESTADDRREQ,
	unix.EDOM:            sockabi.EDOM,
	unix.EDQUOT:          sockabi.EDQUOT,
	unix.EEXIST:          sockabi.EEXIST,
	unix.EFAULT:          sockabi.EFAULT,
	unix.EHOSTUNREACH:    sockabi.EHOSTUNREACH,
	unix.EHOSTDOWN:       sockabi.EHOSTUNREACH,
	unix.EINPROGRESS:     sockabi.EINPROGRESS,
	unix.EINTR:           sockabi.EINTR,
	unix.EINVAL:          sockabi.EINVAL,
	unix.EIO:             sockabi.EIO,
	unix.EISCONN:         sockabi.EISCONN,
	unix.EISDIR:          sockabi.EISDIR,
	unix.ELOOP:           sockabi.ELOOP,
	unix.EMFILE:          sockabi.EMFILE,
	unix.EMSGSIZE:        sockabi.EMSGSIZE,
	unix.ENAMETOOLONG:    sockabi.ENAMETOOLONG,
	unix.ENETDOWN:        sockabi.ENETDOWN,
	unix.ENETRESET:       sockabi.ENETRESET,
	unix.ENETUNREACH:     sockabi.ENETUNREACH,
	unix.ENFILE:          sockabi.ENFILE,
	unix.ENOBUFS:         sockabi.ENOBUFS,
	unix.ENODEV:          sockabi.ENODEV,
	unix.ENOENT:          sockabi.ENOENT,
	unix.ENOLCK:          sockabi.ENOLCK,
	unix.ENOMEM:          sockabi.ENOMEM,
	unix.ENOPROTOOPT:     sockabi.ENOPROTOOPT,
	unix.ENOSPC:          sockabi.ENOSPC,
	unix.ENOSYS:          sockabi.ENOSYS,
	unix.ENOTCONN:        sockabi.ENOTCONN,
	unix.ENOTDIR:         sockabi.ENOTDIR,
	unix.ENOTSOCK:        sockabi.ENOTSOCK,
	unix.ENOTSUP:         sockabi.ENOTSUP,
	unix.ENXIO:           sockabi.ENXIO,
	unix.EOVERFLOW:       sockabi.EOVERFLOW,
	unix.EPERM:           sockabi.EPERM,
	unix.EPIPE:           sockabi.EPIPE,
	unix.ESHUTDOWN:       sockabi.EPIPE,
	unix.EPROTO:          sockabi.EPROTO,
	unix.EPROTONOSUPPORT: sockabi.EPROTONOSUPPORT,
	unix.ESOCKTNOSUPPORT: sockabi.EPROTONOSUPPORT,
	unix.EPROTOTYPE:      sockabi.EPROTOTYPE,
	unix.ERANGE:          sockabi.ERANGE,
	unix.EROFS:           sockabi.EROFS,
	unix.ESTALE:          sockabi.ESTALE,
	unix.ETIMEDOUT:       sockabi.ETIMEDOUT,
})

// table converts maps to an array, because most calls need Errno. 0 means no entry.
func table(maps ...map[unix.Errno]sockabi.Errno) (t [256]sockabi.Errno) {
	for _, m := range maps {
		for e, errno := range m {
			t[e] = errno
		}
	}
	return t
}

// Errno converts an error of the operating system to the guest's. known is false for an error for
// which the extension has no number; it becomes EIO.
func Errno(err error) (errno sockabi.Errno, known bool) {
	var e unix.Errno
	switch {
	case err == nil:
		return sockabi.ESUCCESS, true
	case !errors.As(err, &e):
		return sockabi.EIO, false
	case e == 0:
		return sockabi.ESUCCESS, true
	case int(e) >= len(errnos) || errnos[e] == 0:
		return sockabi.EIO, false
	}
	return errnos[e], true
}
