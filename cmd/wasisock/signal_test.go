//go:build linux || darwin

package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/racetest"
)

// child is the command in a process of its own.
func child(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	args = append([]string{"run", "--cache", filepath.Join(scratch, "cache")}, args...)
	if racetest.Enabled { // its compiler is another program
		args = slices.Insert(args, 1, "--no-confine")
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "WASISOCK_TEST_COMMAND=1")
	return cmd
}

// untilReady reads the guest's stderr until it does what it was asked for.
func untilReady(t *testing.T, r io.Reader) {
	t.Helper()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if lines.Text() == "ready" {
			return
		}
	}
	t.Fatal("the guest was never ready")
}

func TestSignalsEndTheCommand(t *testing.T) {
	for _, test := range []struct {
		name  string
		flags []string
		guest string
	}{
		{"a guest that sleeps", nil, "sleep"},
		{"a guest that waits for a connection", []string{"--allow-all", "--grace=0s"}, "poll"},
		{"a guest that reads", nil, "read"},
		{"a guest that prints to a full pipe", nil, "print"},
		{"a guest that computes", nil, "spin"},
		{"a guest that computes, interruptible", []string{"--interruptible"}, "spin"},
	} {
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			for _, twice := range []bool{false, true} {
				t.Run(test.name+" "+s.String(), func(t *testing.T) {
					cmd := child(t, append(test.flags, guest(t), test.guest)...)
					stdin, _ := cmd.StdinPipe()
					defer stdin.Close()
					stdout, _ := cmd.StdoutPipe()
					defer stdout.Close()
					stderr, err := cmd.StderrPipe()
					if err != nil {
						t.Fatal(err)
					}
					if err := cmd.Start(); err != nil {
						t.Fatal(err)
					}
					untilReady(t, stderr)
					kill := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
					defer kill.Stop()
					for range map[bool]int{false: 1, true: 2}[twice] {
						if err := cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
							t.Error(err)
						}
					}
					cmd.Wait()
					if code := cmd.ProcessState.ExitCode(); code != 128+int(s) {
						t.Errorf("exit code %d, want %d: %v", code, 128+int(s), cmd.ProcessState)
					}
				})
			}
		}
	}
}

// TestIgnoredSignalsStayIgnored holds what nohup and shells rely on for what runs in the
// background.
func TestIgnoredSignalsStayIgnored(t *testing.T) {
	cmd := child(t, guest(t), "read")
	cmd.Path = "/bin/sh"
	cmd.Args = append([]string{"sh", "-c", `trap "" INT; exec "$0" "$@"`, os.Args[0]}, cmd.Args[1:]...)
	stdin, _ := cmd.StdinPipe()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	untilReady(t, stderr)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // the signal would win over what follows
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestAClosedStdoutEndsTheCommand(t *testing.T) {
	cmd := child(t, guest(t), "print")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	stdout.Close()
	cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGPIPE {
		t.Errorf("%v, want the end by SIGPIPE", cmd.ProcessState)
	}
}

// TestLimitsOfTheProcess runs a command that was not built for tests under limits that
// a shell sets.
func TestLimitsOfTheProcess(t *testing.T) {
	for _, test := range []struct{ name, limit string }{
		{"a soft limit on descriptors is raised", "ulimit -S -n 32"},
		{"too little address space to reserve 4 GiB", "ulimit -v 3000000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := exec.Command("/bin/sh", "-c", test.limit+` && exec "$0" run --allow-all --cache "$1" "$2" work`,
				executable(t), filepath.Join(scratch, "cache"), guest(t)).Output()
			if string(out) != "worked\n" || err != nil {
				t.Errorf("%q, %v", out, err)
			}
		})
	}
}
