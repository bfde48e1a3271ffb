//go:build linux

// Package systemd runs the units of this directory under a systemd of its own.
package systemd

import (
	"bytes"
	"context"
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

	"github.com/wasisock/wasisock/internal/porttest"
)

const program = "/lib/systemd/systemd"

// boot becomes systemd as the first process of its namespaces, with no units but those in
// /run/units. Where the machine has cgroups of version 1, systemd has a hierarchy of its own.
const boot = `set -e
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
	umount -R /sys/fs/cgroup
	mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
	mkdir /sys/fs/cgroup/systemd
	mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
fi
for directory in /run /var /srv; do mount -t tmpfs -o mode=755 tmpfs $directory; done
mkdir -p /var/tmp /var/cache /var/lib /var/log /srv/app /run/units /run/systemd/system
cp "$1/wasisock" "$1/server.wasm" /srv/app/
cp "$1"/app.* /run/units/
for target in sysinit basic sockets shutdown test; do
	printf '[Unit]\nDefaultDependencies=no\n' >/run/units/$target.target
done
exec env -i container=test PATH="$PATH" SYSTEMD_UNIT_PATH=/run/units ` + program + ` --system --unit=test.target \
	--log-target=console --show-status=false --default-standard-output=inherit --default-standard-error=inherit
`

// A system is a systemd that runs.
type system struct {
	t       *testing.T
	process string // its number here
	out     bytes.Buffer
}

// start starts a systemd with the units of this directory. Their guest listens at a port, and the
// watchdog notices within some seconds.
func start(t *testing.T, port string) *system {
	t.Helper()
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	wasisock := filepath.Join(dir, "wasisock")
	run("go", "build", "-o", wasisock, "../../cmd/wasisock")
	run(wasisock, "build", "-o", filepath.Join(dir, "server.wasm"), "../../cmd/wasisock/testdata/program")
	changes := strings.NewReplacer("/usr/local/bin/wasisock", "/srv/app/wasisock", "server.wasm -addr :8080", "server.wasm serve :"+port,
		"--grace 30s", "--grace 30s --live-after 2s", "WatchdogSec=30", "WatchdogSec=4", "ListenStream=8080", "ListenStream="+port)
	for _, name := range []string{"app.service", "app.socket"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(changes.Replace(string(text))), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s := &system{t: t}
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "--cgroup", "--uts", "--ipc", "--mount-proc", "--propagation", "private", "sh", "-c", boot, "sh", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stdout, cmd.Stderr = &s.out, &s.out
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() // and with it all processes of the namespace
		cmd.Wait()
		if t.Failed() {
			t.Log(s.out.String())
		}
	})
	parent := fmt.Sprint(cmd.Process.Pid)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		children, _ := os.ReadFile("/proc/" + parent + "/task/" + parent + "/children")
		if s.process = strings.TrimSpace(string(children)); s.process != "" {
			if _, err := s.control("is-active", "test.target"); err == nil {
				return s
			}
		}
		if time.Now().After(end) {
			t.Fatalf("systemd does not start")
		}
	}
}

// control runs systemctl.
func (s *system) control(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	enter := []string{"--target", s.process, "--mount", "--pid", "--uts", "--ipc", "--", "systemctl", "--no-pager"}
	out, err := exec.CommandContext(ctx, "nsenter", append(enter, args...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (s *system) do(args ...string) {
	s.t.Helper()
	if out, err := s.control(args...); err != nil {
		s.t.Fatalf("systemctl %q: %v: %s", args, err, out)
	}
}

// has checks a property of the service.
func (s *system) has(property, want string) {
	s.t.Helper()
	if got, err := s.control("show", "app.service", "--value", "--property", property); got != want || err != nil {
		s.t.Errorf("%s is %q, want %q; %v", property, got, want, err)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// TestUnits starts the service, reloads it, lets the watchdog restart it, and stops it, and no
// request is lost except the one that makes the guest compute without end.
func TestUnits(t *testing.T) {
	switch _, err := os.Stat(program); {
	case os.Geteuid() != 0:
		t.Skip("needs namespaces; run it as root")
	case err != nil:
		t.Skip("needs systemd; install it")
	case testing.Short():
		t.Skip("takes half a minute; run it without -short")
	}
	port := porttest.Free(t)
	s, url := start(t, port), "http://127.0.0.1:"+port
	s.do("start", "app.service")
	s.has("ActiveState", "active")
	first := get(t, url+"/mine")

	s.do("reload", "app.service")
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if now := get(t, url+"/mine"); now != first && now != "" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the guest is the same after systemctl reload")
		}
	}
	s.has("NRestarts", "0")

	go http.Get(url + "/spin")
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if n, _ := s.control("show", "app.service", "--value", "--property", "NRestarts"); n == "1" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the watchdog has not restarted the service")
		}
	}
	if got := get(t, url+"/again"); got != "hello /again\n" { // the socket stays open meanwhile
		t.Errorf("%q", got)
	}

	s.do("stop", "app.service")
	s.has("ActiveState", "inactive")
	s.has("Result", "success")
	s.has("ExecMainStatus", "0")
}
