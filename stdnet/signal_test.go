//go:build linux

package stdnet

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignals: a program that waits for signals takes no processor time meanwhile, and
// gets them on our host.
func TestSignals(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		g := e.start(t, guestPoller(t), false, "signals")
		g.line("ready")
		time.Sleep(100 * time.Millisecond)
		if used := g.cpu(2 * time.Second); used > 40*time.Millisecond {
			t.Errorf("%v of processor time in 2 s at rest", used)
		}
		if e.name != "wazero" {
			return
		}
		for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM} {
			if err := syscall.Kill(g.pid, s); err != nil {
				t.Fatal(err)
			}
			g.line("got " + map[syscall.Signal]string{
				syscall.SIGUSR1: "user defined signal 1", syscall.SIGHUP: "hangup", syscall.SIGTERM: "terminated",
			}[s])
		}
	})
}

// TestSignalsOfItsOwn: a program can send signals to itself, and what it ignores or
// resets is ignored or ends it.
func TestSignalsOfItsOwn(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		out, err := e.with([]string{guestPoller(t), "raises"}).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 128+10 || !strings.HasSuffix(string(out), "resets\n") {
			t.Errorf("%q, %v", out, err)
		}
	})
}

// TestSignalsQuit: SIGQUIT ends a program with the stacks of its goroutines.
func TestSignalsQuit(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	cmd := exec.Command(hostCommand(t), "run", guestPoller(t), "asleep")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stdout.Read(make([]byte, 1))
	time.Sleep(100 * time.Millisecond)
	cmd.Process.Signal(syscall.SIGQUIT)
	cmd.Wait()
	text := stderr.String()
	if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(text, "SIGQUIT: quit\n") || !strings.Contains(text, "main.asleep") {
		t.Errorf("%v\n%s", cmd.ProcessState, text)
	}
}
