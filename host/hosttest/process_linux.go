package hosttest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopAndContinue stops a process for a moment, as a debugger or a terminal
// does.
func stopAndContinue(process int) {
	syscall.Kill(process, syscall.SIGSTOP)
	time.Sleep(50 * time.Millisecond)
	syscall.Kill(process, syscall.SIGCONT)
}

// processorTime returns the CPU time that a process and its threads have used so far, in hundredths
// of a second.
func processorTime(t *testing.T, process int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process))
	if err != nil {
		t.Error(err)
		return 0
	}
	// The second field is a name in parentheses, which may hold spaces; utime and
	// stime are the 14th and 15th.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Error(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
