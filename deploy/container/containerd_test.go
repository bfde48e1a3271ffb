//go:build linux

package container

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/outputtest"
	"github.com/wasisock/wasisock/internal/porttest"
)

// A daemon is a containerd with a storage of its own.
type daemon struct {
	t    *testing.T
	sock string
}

func startContainerd(t *testing.T) daemon {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "containerd-") // not below the test's, whose name makes the paths of sockets too long
	if err != nil {
		t.Fatal(err)
	}
	d := daemon{t, filepath.Join(dir, "sock")}
	config := filepath.Join(dir, "config.toml")
	text := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = %q\n[plugins.\"io.containerd.internal.v1.opt\"]\npath = %q\n",
		filepath.Join(dir, "root"), filepath.Join(dir, "state"), d.sock, filepath.Join(dir, "opt"))
	if err := os.WriteFile(config, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	var log outputtest.Buffer
	cmd := exec.Command("nsenter", "--mount="+mounts, "containerd", "--config", config)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		exec.Command("nsenter", "--mount="+mounts, "sh", "-c", "awk '$2 ~ dir { print $2 }' dir="+dir+" /proc/mounts | sort -r | xargs -r umount").Run()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for end := time.Now().Add(time.Minute); d.ctr("version").Run() != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("containerd does not start")
		}
	}
	return d
}

// ctr returns a command of containerd's client.
func (d daemon) ctr(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	d.t.Cleanup(cancel)
	return exec.CommandContext(ctx, "nsenter", append([]string{"--mount=" + mounts, "ctr", "--address", d.sock}, args...)...)
}

// do runs ctr to its end, and returns its exit code and output.
func (d daemon) do(args ...string) (code int, out string) {
	d.t.Helper()
	cmd := d.ctr(args...)
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		d.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// TestContainerd tests what containerd, and so Kubernetes, wants of an OCI runtime, with the guest
// alone on wasisock oci.
func TestContainerd(t *testing.T) {
	image, err := images[alone]()
	if err != nil {
		t.Fatal(err)
	}
	runtime := must(t, ociRunc)
	d := startContainerd(t)
	if code, out := d.do("images", "import", filepath.Join(scratch, alone+".tar")); code != 0 {
		t.Fatal(out)
	}
	run := func(name string, annotations []string, args ...string) []string {
		all := []string{"run", "--rm", "--runc-binary", runtime, "--net-host", "--memory-limit", "536870912"}
		for _, a := range annotations {
			all = append(all, "--annotation", "wasisock.dev/"+a)
		}
		return append(append(all, image, name, "/app.wasm"), args...)
	}
	if code, out := d.do(run("exits", nil, "exit", "7")...); code != 7 || out != "" {
		t.Errorf("exit code %d, %q; want 7", code, out)
	}
	const refusal = "annotation wasisock.dev/dir: this flag cannot be set for a container; remove the annotation"
	if code, out := d.do(run("refused", []string{"dir=/:/"}, "exit", "0")...); code == 0 || !strings.Contains(out, refusal) {
		t.Errorf("exit code %d, %q; want %s", code, out, refusal)
	}

	at, health := "127.0.0.1:"+porttest.Free(t), "127.0.0.1:"+porttest.Free(t)
	server := d.ctr(run("serves", []string{"listen=" + at, "health=" + health, "grace=20s"}, "serve", at)...)
	var out outputtest.Buffer
	server.Stdout, server.Stderr = &out, &out
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	answers(t, "http://"+health+"/readyz")
	answers(t, "http://"+at+"/sleep?1ms")
	if !strings.Contains(out.String(), "asleep\n") {
		t.Errorf("the log has %q", out.String())
	}
	if code, out := d.do("tasks", "exec", "--exec-id", "probe", "serves", "/.wasisock/wasisock", "health", health); code != 0 || out != "ok\n" {
		t.Errorf("exec: %d, %q", code, out)
	}
	if code, out := d.do("tasks", "metrics", "serves"); code != 0 || !regexp.MustCompile(`memory.usage(_in_bytes)? +[1-9]`).MatchString(out) {
		t.Errorf("metrics: %d, %q", code, out)
	}
	if code, out := d.do("tasks", "kill", "--signal", "SIGTERM", "serves"); code != 0 {
		t.Errorf("kill: %d, %q", code, out)
	}
	server.Wait()
	if code := server.ProcessState.ExitCode(); code != 0 {
		t.Errorf("after SIGTERM, exit code %d: %s", code, out.String())
	}
	if _, out := d.do("containers", "ls", "--quiet"); out != "" {
		t.Errorf("left is %q", out)
	}
}
