//go:build linux || darwin

package hosttest

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// isBlocking reports whether calls on a file block.
func isBlocking(t testing.TB, f *os.File) bool {
	t.Helper()
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var flags int
	raw.Control(func(fd uintptr) { flags, err = unix.FcntlInt(fd, unix.F_GETFL, 0) })
	if err != nil {
		t.Fatal(err)
	}
	return flags&unix.O_NONBLOCK == 0
}

// makeFIFO makes a FIFO that somebody could write to until the test ends.
func makeFIFO(t testing.TB, name string) {
	t.Helper()
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { writer.Close() })
}
