package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/cmd/internal/engine"
	"github.com/wasisock/wasisock/internal/outputtest"
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

// TestAHangupIsTheEnd: SIGHUP from a terminal that is gone is not a wish for a new guest.
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

// TestRunOnATerminal: a terminal is shown what runs, in colours unless that is not wanted, and
// nobody else is.
func TestRunOnATerminal(t *testing.T) {
	ending := file(t, "ending.wasm", ending)
	at := "127.0.0.1:" + porttest.Free(t)
	for _, test := range []struct {
		flags []string
		want  string
	}{
		{nil, "wasisock: guest: FILE\nwasisock: rules: none: every use of the network is refused, except what --listen gives\nwasisock: engine: ENGINE\n"},
		{[]string{"--listen", at, "--allow", "dial tcp *:443", "--deny", "dial tcp 10.0.0.0/8:*", "-v"},
			"wasisock: guest: FILE\nwasisock: serves: " + at + "\nwasisock: rules: dial tcp *:443, deny dial tcp 10.0.0.0/8:*\nwasisock: engine: ENGINE\n"},
		{[]string{"--publish", at + ":80", "--allow-all"}, "wasisock: guest: FILE\nwasisock: serves: " + at + " (the guest's port 80)\nwasisock: rules: all\nwasisock: engine: ENGINE\n"},
		{strings.Fields(strings.Repeat("--deny all ", 7)), "wasisock: guest: FILE\nwasisock: rules: " + strings.Repeat("deny all, ", 5) + "and 2 more\nwasisock: engine: ENGINE\n"},
		{[]string{"--learn", "--deny", "resolve *"}, "wasisock: guest: FILE\nwasisock: rules: all, to learn which are needed, deny resolve *\nwasisock: engine: ENGINE\nwasisock: this run used no network\n"},
	} {
		for _, env := range []string{"TERM=xterm", "NO_COLOR=1", "TERM=dumb", ""} {
			terminal, master := openTerminal(t)
			cmd := child(t, append(test.flags, ending)...)
			cmd.Env = append(cmd.Env, "TERM=xterm", env)
			if cmd.Stderr = terminal; env == "" {
				cmd.Stderr = &outputtest.Buffer{}
			}
			if err := cmd.Run(); err != nil {
				t.Error(err)
			}
			kind, why := new(engine.Engine).Choose()
			want := strings.NewReplacer("FILE", ending, "ENGINE", versionOf(kind)+": "+why).Replace(test.want)
			if env == "" {
				lines := strings.SplitAfter(want, "\n")
				want = ""
				for _, line := range lines {
					if slices.Contains(test.flags, "-v") && strings.HasPrefix(line, "wasisock: engine") || strings.Contains(line, "this run") {
						want += line
					}
				}
				if got := cmd.Stderr.(*outputtest.Buffer).String(); got != want {
					t.Errorf("%q, without a terminal: %q; want %q", test.flags, got, want)
				}
				continue
			}
			terminal.Close()
			text := make([]byte, 1<<12)
			n := 0
			for {
				m, err := master.Read(text[n:])
				if n += m; err != nil {
					break
				}
			}
			got := strings.ReplaceAll(string(text[:n]), "\r\n", "\n")
			if painted := strings.Contains(got, "wasisock: \x1b[2mguest: "); painted != (env == "TERM=xterm") {
				t.Errorf("%s: %q", env, got)
			}
			if got = strings.NewReplacer("\x1b[2m", "", "\x1b[0m", "").Replace(got); got != want {
				t.Errorf("%q: %q; want %q", test.flags, got, want)
			}
		}
	}
}

// TestDoctorOnATerminal: states have colours there.
func TestDoctorOnATerminal(t *testing.T) {
	for _, noColour := range []string{"", "1"} {
		terminal, master := openTerminal(t)
		t.Setenv("TERM", "xterm")
		t.Setenv("NO_COLOR", noColour)
		patient{{"Go", stateOK, "there", ""}, {"IPv6", stateBroken, "none", ""}}.printTable(terminal)
		text, n := make([]byte, 1000), 0
		for strings.Count(string(text[:n]), "\n") < 3 {
			m, err := master.Read(text[n:])
			if err != nil {
				t.Fatal(err)
			}
			n += m
		}
		want := "\x1b[2mSTATE \x1b[0m  FOUND\r\nGo     \x1b[32mok    \x1b[0m  there\r\nIPv6   \x1b[31mbroken\x1b[0m  none\r\n"
		if noColour != "" {
			want = "CHECK  STATE   FOUND\r\nGo     ok      there\r\nIPv6   broken  none\r\n"
		}
		if got := string(text[:n]); !strings.HasSuffix(got, want) {
			t.Errorf("%q; want %q", got, want)
		}
	}
}
