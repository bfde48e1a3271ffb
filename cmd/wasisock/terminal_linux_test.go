package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/internal/porttest"
	"github.com/wasisock/wasisock/internal/progress"
)

// openTerminal makes a terminal, and the side of it that shows what is written there.
func openTerminal(t *testing.T) (terminal, master *os.File) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("this machine has no terminals; run it where there is /dev/ptmx")
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
	at := "127.0.0.1:" + porttest.Free(t)
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

// TestACallThatDoesNotReturn has one of two guests print to a terminal that shows nothing.
// Wasisock abandons it, and another takes its place.
func TestACallThatDoesNotReturn(t *testing.T) {
	terminal, _ := openTerminal(t)
	at, metrics := "127.0.0.1:"+porttest.Free(t), "127.0.0.1:"+porttest.Free(t)
	s := &service{T: t, url: "http://" + at, client: http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	s.cmd = exec.Command(executable(t), "run", "--cache", filepath.Join(scratch, "cache"), "--listen", "tcp:"+at, "--metrics", metrics,
		"--timeout", "3s", "--instances", "2", "--restart", "always", "--env", "QUIET=1", program(t), "serve", at)
	s.cmd.Stdout, s.cmd.Stderr = terminal, &s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer s.cmd.Process.Kill()
	dial(t, at).Close()
	s.get("/")
	began := time.Now()
	if _, err := s.try(&s.client, "/print?"+strings.Repeat("x", 1000)); err == nil || time.Since(began) > 15*time.Second {
		t.Errorf("the connection of the guest that is stuck: %v after %v", err, time.Since(began))
	}
	s.until(1, " goes on until wasisock ends: it is in a call that does not return")
	s.until(1, "starts again")
	for range 20 {
		if s.get("/"); t.Failed() {
			t.Fatal(s.out.String())
		}
	}
	for _, line := range []string{"wasisock_guests_abandoned_total 1", "wasisock_guests_running 3"} {
		s.untilMetric(metrics, line)
	}
	if n := strings.Count(s.out.String(), "goes on until"); n != 1 {
		t.Errorf("it was told %d times", n)
	}
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

func (s *service) untilMetric(metrics, line string) {
	s.Helper()
	var text string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if text = fetch(s.T, "http://"+metrics+"/metrics"); strings.Contains(text, "\n"+line+"\n") {
			return
		}
	}
	s.Errorf("there was never a metric %q: %s", line, text)
}
