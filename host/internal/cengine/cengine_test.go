//go:build linux

package cengine

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestDrive compiles the header with a driver in C in place of an engine, and runs the driver.
func TestDrive(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no cc in PATH; install gcc")
	}
	program := filepath.Join(t.TempDir(), "drive")
	for _, flags := range [][]string{
		{"-O2"},
		{"-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"},
	} {
		args := append(flags, "-std=c11", "-Wall", "-Wextra", "-Werror", "-o", program, "testdata/drive.c")
		if out, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
			t.Fatalf("cc %q: %v\n%s", args, err, out)
		}
		if out, err := exec.Command(program).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%q: %v\n%s", flags, err, out)
		}
	}
}

func TestKinds(t *testing.T) {
	for name, want := range map[string]Kind{"sock_recv_v2": Receives, "sock_send": Sends, "clock_time_get": Clock, "sock_accept": Ordinary, "": Ordinary} {
		if got := KindOf(name); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}
