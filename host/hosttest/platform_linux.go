package hosttest

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newTerminal returns a terminal of the system, and the end at which somebody types.
func newTerminal(t *testing.T) (terminal, typist *os.File) {
	t.Helper()
	typist, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("this machine has no terminals: mount devpts to run it")
	}
	number, err := unix.IoctlGetInt(int(typist.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(typist.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close(); typist.Close() })
	return terminal, typist
}

// openFiles returns how many descriptors this process may have open.
func openFiles() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(limit.Cur, 1<<30))
}

func measure(t *testing.T) usage {
	t.Helper()
	// Machine code is unmapped by finalizers, and goroutines take a moment to go.
	for range 3 {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	number := func(pattern string) int {
		n, err := strconv.Atoi(string(regexp.MustCompile(pattern).FindSubmatch(status)[1]))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return usage{
		goroutines:  runtime.NumGoroutine(),
		descriptors: len(fds),
		threads:     number(`Threads:\s+(\d+)`),
		resident:    number(`VmRSS:\s+(\d+) kB`) / 1024,
		mappings:    bytes.Count(maps, []byte("\n")),
	}
}
