//go:build linux

package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A process is a program that runs until the test ends.
type process struct {
	cmd     *exec.Cmd
	log     string
	ended   chan struct{}
	stopped bool // that it ends is not a fault
}

// logged is how much of the end of each log a failed test prints, in bytes.
const logged = 8 << 10

// start starts a program, whose output goes to a file in dir. The test fails if the program ends by
// itself.
func start(t *testing.T, dir, name string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, log: filepath.Join(dir, name+".log"), ended: make(chan struct{})}
	f, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go func() {
		cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		select {
		case <-p.ended:
			if !p.stopped {
				t.Errorf("%s has ended: %v", name, cmd.ProcessState)
			}
		default:
			p.stop()
		}
		if t.Failed() {
			t.Logf("%s:\n%s", p.log, p.tail())
		}
	})
	return p
}

// mustRun ends the test if the process has ended.
func (p *process) mustRun(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
		t.FailNow()
	default:
	}
}

// stop ends the process, by force after 10 s.
func (p *process) stop() {
	p.stopped = true
	p.signal(syscall.SIGTERM)
	kill := time.AfterFunc(10*time.Second, func() { p.signal(syscall.SIGKILL) })
	defer kill.Stop()
	<-p.ended
}

// signal signals the program. An nsenter that enters a PID namespace is its parent, and passes
// nothing on.
func (p *process) signal(s syscall.Signal) {
	pid := p.cmd.Process.Pid
	proc := "/proc/" + strconv.Itoa(pid)
	if name, _ := os.ReadFile(proc + "/comm"); string(name) == "nsenter\n" {
		children, _ := os.ReadFile(proc + "/task/" + strconv.Itoa(pid) + "/children")
		if child, err := strconv.Atoi(strings.TrimSpace(string(children))); err == nil {
			pid = child
		}
	}
	syscall.Kill(pid, s)
}

// tail returns the end of the log.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(len(text)-logged, 0):])
}
