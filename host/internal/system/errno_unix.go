//go:build linux || darwin

package system

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/sockabi"
)

// errnoOf is the door from the operating system's errors to the guest's. known
// is false for an error that the extension has no number for, which becomes EIO.
func errnoOf(err error) (errno sockabi.Errno, known bool) {
	var e unix.Errno
	if err != nil && !errors.As(err, &e) {
		return sockabi.EIO, false
	}
	switch e {
	case 0:
		return sockabi.ESUCCESS, true
	case unix.E2BIG:
		return sockabi.E2BIG, true
	case unix.EACCES:
		return sockabi.EACCES, true
	case unix.EADDRINUSE:
		return sockabi.EADDRINUSE, true
	case unix.EADDRNOTAVAIL:
		return sockabi.EADDRNOTAVAIL, true
	case unix.EAFNOSUPPORT, unix.EPFNOSUPPORT:
		return sockabi.EAFNOSUPPORT, true
	case unix.EAGAIN:
		return sockabi.EAGAIN, true
	case unix.EALREADY:
		return sockabi.EALREADY, true
	case unix.EBADF:
		return sockabi.EBADF, true
	case unix.EBADMSG:
		return sockabi.EBADMSG, true
	case unix.EBUSY:
		return sockabi.EBUSY, true
	case unix.ECANCELED:
		return sockabi.ECANCELED, true
	case unix.ECONNABORTED:
		return sockabi.ECONNABORTED, true
	case unix.ECONNREFUSED:
		return sockabi.ECONNREFUSED, true
	case unix.ECONNRESET:
		return sockabi.ECONNRESET, true
	case unix.EDESTADDRREQ:
		return sockabi.EDESTADDRREQ, true
	case unix.EDOM:
		return sockabi.EDOM, true
	case unix.EDQUOT:
		return sockabi.EDQUOT, true
	case unix.EEXIST:
		return sockabi.EEXIST, true
	case unix.EFAULT:
		return sockabi.EFAULT, true
	case unix.EHOSTUNREACH, unix.EHOSTDOWN:
		return sockabi.EHOSTUNREACH, true
	case unix.EINPROGRESS:
		return sockabi.EINPROGRESS, true
	case unix.EINTR:
		return sockabi.EINTR, true
	case unix.EINVAL:
		return sockabi.EINVAL, true
	case unix.EIO:
		return sockabi.EIO, true
	case unix.EISCONN:
		return sockabi.EISCONN, true
	case unix.EISDIR:
		return sockabi.EISDIR, true
	case unix.ELOOP:
		return sockabi.ELOOP, true
	case unix.EMFILE:
		return sockabi.EMFILE, true
	case unix.EMSGSIZE:
		return sockabi.EMSGSIZE, true
	case unix.ENAMETOOLONG:
		return sockabi.ENAMETOOLONG, true
	case unix.ENETDOWN:
		return sockabi.ENETDOWN, true
	case unix.ENETRESET:
		return sockabi.ENETRESET, true
	case unix.ENETUNREACH:
		return sockabi.ENETUNREACH, true
	case unix.ENFILE:
		return sockabi.ENFILE, true
	case unix.ENOBUFS:
		return sockabi.ENOBUFS, true
	case unix.ENODEV:
		return sockabi.ENODEV, true
	case unix.ENOENT:
		return sockabi.ENOENT, true
	case unix.ENOLCK:
		return sockabi.ENOLCK, true
	case unix.ENOMEM:
		return sockabi.ENOMEM, true
	case unix.ENOPROTOOPT:
		return sockabi.ENOPROTOOPT, true
	case unix.ENOSPC:
		return sockabi.ENOSPC, true
	case unix.ENOSYS:
		return sockabi.ENOSYS, true
	case unix.ENOTCONN:
		return sockabi.ENOTCONN, true
	case unix.ENOTDIR:
		return sockabi.ENOTDIR, true
	case unix.ENOTSOCK:
		return sockabi.ENOTSOCK, true
	case unix.ENOTSUP:
		return sockabi.ENOTSUP, true
	case unix.ENXIO:
		return sockabi.ENXIO, true
	case unix.EOVERFLOW:
		return sockabi.EOVERFLOW, true
	case unix.EPERM:
		return sockabi.EPERM, true
	case unix.EPIPE, unix.ESHUTDOWN:
		return sockabi.EPIPE, true
	case unix.EPROTO:
		return sockabi.EPROTO, true
	case unix.EPROTONOSUPPORT, unix.ESOCKTNOSUPPORT:
		return sockabi.EPROTONOSUPPORT, true
	case unix.EPROTOTYPE:
		return sockabi.EPROTOTYPE, true
	case unix.ERANGE:
		return sockabi.ERANGE, true
	case unix.EROFS:
		return sockabi.EROFS, true
	case unix.ESTALE:
		return sockabi.ESTALE, true
	case unix.ETIMEDOUT:
		return sockabi.ETIMEDOUT, true
	}
	return osErrnoOf(e)
}

// wire is the errno of err for the guest. The text of an error that the
// extension has no number for goes to the trace.
func (g *guest) wire(err error) sockabi.Errno {
	if err == nil {
		return sockabi.ESUCCESS
	}
	errno, known := errnoOf(err)
	if !known {
		g.rec.failed(err)
	}
	return errno
}
