//go:build unix

package child

import (
	"bufio"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	for script, want := range map[string]int{
		"exit 0":           0,
		"exit 7":           7,
		"kill -TERM $$":    128 + int(syscall.SIGTERM),
		"kill -KILL $$":    128 + int(syscall.SIGKILL),
		"read x; exit $x":  5,
		"exec /no/program": 127,
	} {
		cmd := exec.Command("/bin/sh", "-c", script)
		cmd.Stdin = strings.NewReader("5\n")
		if code, err := Run(cmd); code != want || err != nil {
			t.Errorf("%s: %d, %v; want %d", script, code, err, want)
		}
	}
	if code, err := Run(exec.Command("/no/program")); code != -1 || err == nil {
		t.Errorf("no program: %d, %v", code, err)
	}
}

// TestSignals sends signals to this process, for Run to pass on.
func TestSignals(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if signal.Ignored(s) {
			continue // as SIGHUP is under nohup; it is not passed on then
		}
		for script, want := range map[string]int{
			"echo ready; exec sleep 100": 128 + int(s),
			`trap "exit 9" INT TERM HUP QUIT; echo ready; while :; do sleep 0.01; done`: 9,
		} {
			cmd := exec.Command("/bin/sh", "-c", script)
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stdout = w
			go func() {
				bufio.NewReader(r).ReadString('\n')
				syscall.Kill(os.Getpid(), s)
			}()
			if code, err := Run(cmd); code != want || err != nil {
				t.Errorf("%v, %s: %d, %v; want %d", s, script, code, err, want)
			}
			w.Close()
			r.Close()
		}
	}
}

// TestFamily tests that processes that the command started get its signals, and that Run waits for
// them.
func TestFamily(t *testing.T) {
	if tty, err := os.Open("/dev/tty"); err == nil {
		tty.Close()
		t.Skip("a terminal signals them all; run this without one, as by setsid go test")
	}
	file := filepath.Join(t.TempDir(), "file")
	script := `(trap "sleep 0.3; echo ended >` + file + `; exit" TERM; echo ready; while :; do sleep 0.01; done) & exec sleep 100`
	cmd := exec.Command("/bin/sh", "-c", script)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer r.Close()
	cmd.Stdout = w
	go func() {
		bufio.NewReader(r).ReadString('\n')
		time.Sleep(50 * time.Millisecond) // until exec
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
	}()
	if code, err := Run(cmd); code != 128+int(syscall.SIGTERM) || err != nil {
		t.Errorf("%d, %v", code, err)
	}
	if text, err := os.ReadFile(file); string(text) != "ended\n" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}
