package socket

import (
	"errors"
	"os"
	"syscall"

	"github.com/wasisock/wasisock/sockabi"
)

// WouldBlock reports whether err says that an operation cannot be done yet or is
// under way: EAGAIN, EINPROGRESS or EALREADY, however wrapped.
func WouldBlock(err error) bool {
	return err == syscall.EAGAIN || err != nil && (errors.Is(err, syscall.EAGAIN) ||
		errors.Is(err, syscall.EINPROGRESS) || errors.Is(err, syscall.EALREADY))
}

// fail is the error of a call, nil for 0.
func fail(call string, e syscall.Errno) error {
	switch e {
	case 0:
		return nil
	case syscall.EAGAIN:
		return syscall.EAGAIN
	case syscall.EINPROGRESS:
		return syscall.EINPROGRESS
	case syscall.EALREADY:
		return syscall.EALREADY
	}
	if text := explain(e); text != "" {
		return &os.SyscallError{Syscall: call, Err: explained{e, text}}
	}
	return &os.SyscallError{Syscall: call, Err: e}
}

// explained is an errno with a text of ours.
type explained struct {
	syscall.Errno
	text string
}

func (e explained) Error() string { return e.text }
func (e explained) Unwrap() error { return e.Errno }

func explain(e syscall.Errno) string {
	switch e {
	case syscall.EMFILE, syscall.ENFILE:
		return e.Error() + " (the limit is ulimit -n where the host started)"
	case syscall.ENOSYS:
		return whyENOSYS
	}
	return ""
}

// explainLookup is the text of an error of sock_getaddrinfo, whose own numbers
// syscall has no texts for.
func explainLookup(e sockabi.Errno) string {
	switch e {
	case sockabi.EAI_NONAME, sockabi.EAI_NODATA:
		return "no such host (" + e.Name() + ")"
	case sockabi.EAI_AGAIN:
		return "the resolver gave no answer, try later (" + e.Name() + ")"
	}
	return e.Name()
}
