package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/internal/progress"
)

// openTerminal makes a terminal, and the side of it that shows what is written there.
func openTerminal(t *testing.T) (terminal, master *os.File) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("this machine has no terminals")
	}
	t.Cleanup(func() { master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return terminal, master
}

// TestATerminalIsToldOfBuilding: nobody else is, as go build says nothing either.
func TestATerminalIsToldOfBuilding(t *testing.T) {
	terminal, master := openTerminal(t)
	before := progress.Silence
	progress.Silence = 0
	defer func() { progress.Silence = before }()
	file := filepath.Join(t.TempDir(), "program.wasm")
	if code := build([]string{"-o", file, "./testdata/program"}, nil, os.Stdout, terminal); code != 0 {
		t.Fatal(code)
	}
	text := make([]byte, 1000)
	n, err := master.Read(text)
	if lines := string(text[:n]); !strings.HasPrefix(lines, "wasisock: compiling for wasip1: 0 s\r\n") {
		t.Errorf("%q, %v", lines, err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	code := build([]string{"-o", file, "./testdata/program"}, nil, os.Stdout, w)
	w.Close()
	if text, err := io.ReadAll(r); code != 0 || len(text) > 0 || err != nil {
		t.Errorf("%d, %q, %v", code, text, err)
	}
}

// TestAHangupIsTheEnd: SIGHUP from a terminal that is gone is no wish for a new guest.
func TestAHangupIsTheEnd(t *testing.T) {
	terminal, master := openTerminal(t)
	at := "127.0.0.1:" + freePort(t)
	s := &service{T: t}
	s.cmd = exec.Command(executable(t), "run", "--cache", filepath.Join(scratch, "cache"), "--listen", "tcp:"+at, program(t), "serve", at)
	s.cmd.Stdin, s.cmd.Stderr = terminal, &s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer s.cmd.Process.Kill()
	s.url = "http://" + at
	dial(t, at).Close()
	s.get("/")
	s.signal(syscall.SIGHUP)
	s.until(1, "the new one serves")
	terminal.Close()
	master.Close()
	s.wantExit(0)
}
