package socket

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/wasisock/wasisock/sockabi"
)

func TestWouldBlockTellsWhatToWaitFor(t *testing.T) {
	for _, test := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{syscall.EAGAIN, true},
		{syscall.EINPROGRESS, true},
		{syscall.EALREADY, true},
		{fmt.Errorf("reading: %w", syscall.EAGAIN), true},
		{&os.SyscallError{Syscall: "sock_recv", Err: syscall.EALREADY}, true},
		{syscall.EINTR, false},
		{syscall.ECONNREFUSED, false},
		{errors.New("EAGAIN"), false},
		{os.ErrDeadlineExceeded, false},
	} {
		if got := WouldBlock(test.err); got != test.want {
			t.Errorf("WouldBlock(%v) = %v", test.err, got)
		}
	}
}

func TestErrorsOfCalls(t *testing.T) {
	for _, e := range []syscall.Errno{syscall.EAGAIN, syscall.EINPROGRESS, syscall.EALREADY} {
		if err := fail("sock_recv", e); err != error(e) {
			t.Errorf("fail(%v) = %#v, want it bare", e, err)
		}
	}
	if err := fail("sock_recv", 0); err != nil {
		t.Errorf("fail(0) = %v", err)
	}
	for _, test := range []struct {
		errno syscall.Errno
		is    error
		text  string // part of it
	}{
		{syscall.ECONNREFUSED, syscall.ECONNREFUSED, syscall.ECONNREFUSED.Error()},
		{syscall.EACCES, os.ErrPermission, ""},
		{syscall.EMFILE, syscall.EMFILE, "ulimit -n"},
		{syscall.ENFILE, syscall.ENFILE, "ulimit -n"},
		{syscall.ENOSYS, errors.ErrUnsupported, whyENOSYS},
	} {
		err := fail("sock_open", test.errno)
		var call *os.SyscallError
		var errno syscall.Errno
		if !errors.As(err, &call) || call.Syscall != "sock_open" || !errors.As(err, &errno) || errno != test.errno {
			t.Errorf("fail(%v) = %#v", test.errno, err)
		}
		if !errors.Is(err, test.is) || !errors.Is(err, test.errno) {
			t.Errorf("%v is not %v", err, test.is)
		}
		if !strings.HasPrefix(err.Error(), "sock_open: ") || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%v does not say %q", err, test.text)
		}
	}
}

func TestEveryErrorOfResolvingHasText(t *testing.T) {
	for e := sockabi.EAI_ADDRFAMILY; e <= sockabi.EAI_SYSTEM; e++ {
		if text := explainLookup(e); !strings.Contains(text, e.Name()) {
			t.Errorf("%d is %q, want it to name %s", e, text, e.Name())
		}
	}
}
