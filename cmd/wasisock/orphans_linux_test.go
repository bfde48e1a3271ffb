package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/commandtest"
)

// TestReapsOrphans tests that wasisock as the first process of a container reaps a process that
// another has left to it, and still waits for those that it starts itself.
func TestReapsOrphans(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("makes a PID namespace; run it as root")
	}
	if testing.Short() {
		t.Skip("takes 10 s; run it without -short")
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("no unshare in PATH; install Debian's package util-linux")
	}
	s := commandtest.NewServer(t, executable(t), func(cmd *exec.Cmd) {
		cmd.Path, cmd.Args = unshare, append([]string{unshare, "--pid", "--fork", "--mount-proc", "--kill-child", cmd.Path}, cmd.Args[1:]...)
	})
	s.Eventually("it answers", func() bool { _, err := commandtest.Get(http.DefaultClient, s.URL+"/"); return err == nil })
	parent := strconv.Itoa(s.Cmd.Process.Pid)
	children, err := os.ReadFile("/proc/" + parent + "/task/" + parent + "/children")
	pid := strings.TrimSpace(string(children))
	first, _ := strconv.Atoi(pid)
	if first == 0 {
		t.Fatalf("%q, %v", children, err)
	}
	left := exec.Command("nsenter", "--pid=/proc/"+pid+"/ns/pid", "sh", "-c", "sleep 0.5 & exec sleep 0.1")
	if out, err := left.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	zombies := func() (n int) {
		files, _ := filepath.Glob("/proc/[0-9]*/status")
		for _, file := range files {
			status, _ := os.ReadFile(file)
			if text := string(status); strings.Contains(text, "\nPPid:\t"+pid+"\n") && strings.Contains(text, "\nState:\tZ") {
				n++
			}
		}
		return n
	}
	s.Eventually("there is a zombie", func() bool { return zombies() == 1 })
	began := time.Now()
	s.Eventually("the zombie is reaped", func() bool { return zombies() == 0 })
	t.Logf("reaped after %v", time.Since(began))
	syscall.Kill(first, syscall.SIGHUP) // which starts a process that compiles
	s.Says("the new one serves, and the old one ends")
	syscall.Kill(first, syscall.SIGTERM)
	s.Exits(0)
}
