//go:build unix

package child

import (
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// Patience is for a guest that ends as it likes, which may take the 10 s of its --grace. It
// has an end, since a process that nobody reaps stays in its group.
const patience = 15 * time.Second

// A family is a command and what it starts.
type family struct {
	cmd       *exec.Cmd
	group     bool // they are a process group, which no terminal signals
	signalled atomic.Bool
}

// familyOf prepares a command that is not yet started. With a terminal it stays in the
// group of this process: a group in the background could not read from the terminal.
func familyOf(cmd *exec.Cmd) *family {
	terminal, err := os.Open("/dev/tty")
	if err == nil {
		terminal.Close()
		return &family{cmd: cmd}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return &family{cmd: cmd, group: true}
}

func (f *family) signal(s os.Signal) {
	if !f.group {
		f.cmd.Process.Signal(s)
		return
	}
	f.signalled.Store(true)
	syscall.Kill(-f.cmd.Process.Pid, s.(syscall.Signal))
}

// wait returns when what the command started has ended too, of a signal, or did not in time.
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
