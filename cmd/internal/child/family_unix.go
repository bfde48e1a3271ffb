//go:build unix

package child

import (
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// patience is how long wait waits: longer than the 10 s of --grace that a guest may take. It is
// limited since a process that nobody reaps stays in its group.
const patience = 15 * time.Second

// A family is a command and the processes that it starts.
type family struct {
	cmd       *exec.Cmd
	group     bool // they have a process group of their own; there is no terminal
	signalled atomic.Bool
}

// familyOf prepares cmd, which must not be started yet. With a terminal, cmd stays in the group
// of this process: a group in the background could not read from the terminal.
func familyOf(cmd *exec.Cmd) *family {
	terminal, err := os.Open("/dev/tty")
	if err == nil {
		terminal.Close()
		return &family{cmd: cmd}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return &family{cmd: cmd, group: true}
}

// signal sends s to cmd, or to the whole group if they have one.
func (f *family) signal(s os.Signal) {
	if !f.group {
		f.cmd.Process.Signal(s)
		return
	}
	f.signalled.Store(true)
	syscall.Kill(-f.cmd.Process.Pid, s.(syscall.Signal))
}

// wait waits, after a signal, until all processes of the group have ended, at most for patience.
func (f *family) wait() {
	if !f.signalled.Load() {
		return
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if syscall.Kill(-f.cmd.Process.Pid, 0) != nil {
			return
		}
	}
}
