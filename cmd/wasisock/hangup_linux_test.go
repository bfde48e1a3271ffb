package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAHangupIsTheEnd: SIGHUP from a terminal that is gone is no wish for a new guest.
func TestAHangupIsTheEnd(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("this machine has no terminals")
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
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
