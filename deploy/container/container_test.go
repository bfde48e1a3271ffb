//go:build linux

// Package container tests images of guests with the container runtimes runc and crun.
package container

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/outputtest"
)

const module = "github.com/wasisock/wasisock"

// scratch holds everything that the tests make.
var scratch string

func TestMain(m *testing.M) {
	if os.Getenv("WASISOCK_CONTAINERS") == "" {
		fmt.Println("containers are tested by make test-containers alone")
		os.Exit(0)
	}
	if why := unusable(); why != "" {
		fmt.Println("containers cannot be tested: " + why)
		os.Exit(1)
	}
	var err error
	if scratch, err = os.MkdirTemp("", "wasisock-containers-"); err != nil {
		panic(err)
	}
	if err = os.Chmod(scratch, 0o711); err != nil { // the user who compiles for wasisock oci must reach it
		panic(err)
	}
	leave, err := enterMounts()
	if err != nil {
		panic(err)
	}
	code := m.Run()
	podman("rm", "--all", "--force", "--time=0").Run()
	podman("system", "reset", "--force").Run()
	leave()
	os.RemoveAll(scratch)
	os.Exit(code)
}

func unusable() string {
	if os.Geteuid() != 0 {
		return "this user is not root; run make test-containers as root"
	}
	for _, tool := range []string{"podman", "crun", "runc", "containerd", "unshare", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			return tool + " is not in PATH; install Debian's packages podman, crun, runc, containerd and util-linux"
		}
	}
	return ""
}

// mounts is the mount namespace in which podman runs. It has cgroups of version 1 alone where the
// system has both: crun refuses those.
var mounts string

func enterMounts() (leave func(), err error) {
	holder := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", "umount /sys/fs/cgroup/unified 2>/dev/null; echo; exec sleep infinity")
	holder.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := holder.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := holder.Start(); err != nil {
		return nil, err
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		return nil, fmt.Errorf("unshare --mount: %w", err)
	}
	mounts = fmt.Sprintf("/proc/%d/ns/mnt", holder.Process.Pid)
	return func() {
		holder.Process.Kill()
		holder.Wait()
	}, nil
}

// podman returns a command of podman, with a storage of its own.
func podman(args ...string) *exec.Cmd {
	at := []string{"--mount=" + mounts, "podman", "--root", filepath.Join(scratch, "storage"), "--runroot", filepath.Join(scratch, "run"), "--cgroup-manager", "cgroupfs", "--log-level", "error"}
	return exec.Command("nsenter", append(at, args...)...)
}

// do runs podman to its end, and returns its exit code and output.
func do(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // cleanups call this too
	defer cancel()
	cmd := podman(args...)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	cmd.Wait()
	if ctx.Err() != nil {
		t.Errorf("podman %q takes more than a minute: %s", args, &text)
	}
	return cmd.ProcessState.ExitCode(), text.String()
}

// build runs the go command once for each file.
func build(file string, environ []string, args ...string) (string, error) {
	file = filepath.Join(scratch, file)
	cmd := exec.Command("go", slices.Concat([]string{"build", "-o", file}, args)...)
	cmd.Env = append(os.Environ(), environ...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build %q: %w: %s", args, err, out)
	}
	return file, err
}

var (
	pure = sync.OnceValues(func() (string, error) {
		return build("pure/wasisock", []string{"CGO_ENABLED=0"}, "-trimpath", "-ldflags=-s -w", module+"/cmd/wasisock")
	})
	withWasmtime = sync.OnceValues(func() (string, error) {
		return build("wasmtime/wasisock", []string{"CGO_ENABLED=1"}, "-trimpath", "-tags=netgo,osusergo,wasmtime",
			"-ldflags=-s -w -linkmode external -extldflags '-static -Wl,--gc-sections'", module+"/cmd/wasisock")
	})
	guest = sync.OnceValues(func() (string, error) {
		wasisock, err := pure()
		if err != nil {
			return "", err
		}
		file := filepath.Join(scratch, "app.wasm")
		out, err := exec.Command(wasisock, "build", "-ldflags=-s -w", "-o", file, module+"/cmd/wasisock/testdata/program").CombinedOutput()
		if err != nil {
			err = fmt.Errorf("wasisock build: %w: %s", err, out)
		}
		return file, err
	})
	crunWithWasmEdge = sync.OnceValues(func() (string, error) {
		var complaints strings.Builder
		cmd := exec.Command("../../scripts/get-wasmedge.sh", "--crun")
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("scripts/get-wasmedge.sh --crun: %w: %s", err, &complaints)
		}
		return strings.TrimSpace(string(out)), err
	})
)

func must(t *testing.T, make func() (string, error)) string {
	t.Helper()
	file, err := make()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// images makes the images, each once, and loads them. They trust the certificate of httptest's
// servers.
var images = map[string]func() (string, error){
	"wazero":   sync.OnceValues(func() (string, error) { return image("wazero", pure) }),
	"wasmtime": sync.OnceValues(func() (string, error) { return image("wasmtime", withWasmtime) }),
	"alone":    sync.OnceValues(func() (string, error) { return image("alone", pure, "--wasm-only") }),
}

func image(name string, wasisock func() (string, error), flags ...string) (tag string, err error) {
	program, err := wasisock()
	if err != nil {
		return "", err
	}
	app, err := guest()
	if err != nil {
		return "", err
	}
	s := httptest.NewTLSServer(nil)
	s.Close()
	roots := filepath.Join(scratch, name+".pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o666); err != nil {
		return "", err
	}
	tag, file := "localhost/"+name+":latest", filepath.Join(scratch, name+".tar")
	cmd := exec.Command(program, slices.Concat([]string{"image", "--tag", tag, "-o", file}, flags, []string{app})...)
	cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+roots)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("wasisock image: %w: %s", err, out)
	}
	if out, err := podman("load", "--quiet", "--input", file).CombinedOutput(); err != nil {
		return "", fmt.Errorf("podman load: %w: %s", err, out)
	}
	return tag, nil
}

// A kind is a way to run a guest in a container.
type kind struct {
	name    string
	runtime func() (string, error) // of containers
	image   string
	program string // the path of wasisock in the container, or ""
}

func named(name string) func() (string, error) {
	return func() (string, error) { return exec.LookPath(name) }
}

const alone = "alone" // the image with the guest alone

var kinds = []kind{
	{"wasisock on runc", named("runc"), "wazero", "/wasisock"},
	{"wasisock on crun", named("crun"), "wazero", "/wasisock"},
	{"wasisock with wasmtime on crun", named("crun"), "wasmtime", "/wasisock"},
	{"the guest alone on `wasisock oci` with runc", ociRunc, alone, "/.wasisock/wasisock"},
	{"the guest alone on `wasisock oci` with crun", ociCrun, alone, "/.wasisock/wasisock"},
	{"the guest alone on crun with WasmEdge", crunWithWasmEdge, alone, ""},
}

var (
	ociRunc     = sync.OnceValues(func() (string, error) { return oci("runc", pure) })
	ociCrun     = sync.OnceValues(func() (string, error) { return oci("crun", pure) })
	ociWasmtime = sync.OnceValues(func() (string, error) { return oci("runc", withWasmtime) })
)

// oci makes a shell script that is wasisock oci with a node's file of its own.
func oci(runtime string, build func() (string, error)) (string, error) {
	wasisock, err := build()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(scratch, "oci-")
	if err != nil {
		return "", err
	}
	node, script := filepath.Join(dir, "oci.yaml"), filepath.Join(dir, "wasisock-oci")
	config := fmt.Sprintf("runtime: %s\ncache: %s\ntls-roots: %s\ncompile-timeout: 5m\n", runtime, filepath.Join(filepath.Dir(wasisock), "cache"), filepath.Join(scratch, alone+".pem"))
	return script, errors.Join(os.WriteFile(node, []byte(config), 0o600),
		os.WriteFile(script, fmt.Appendf(nil, "#!/bin/sh\nexec %s oci --config %s \"$@\"\n", wasisock, node), 0o755))
}

// annotations returns flags of wasisock run as flags of podman that set annotations.
func annotations(flags []string) (all []string) {
	values := map[string][]string{}
	for len(flags) > 0 {
		name, value := strings.TrimPrefix(flags[0], "--"), "true"
		if flags = flags[1:]; len(flags) > 0 && !strings.HasPrefix(flags[0], "--") {
			value, flags = flags[0], flags[1:]
		}
		values[name] = append(values[name], value)
	}
	for name, lines := range values {
		all = append(all, "--annotation=wasisock.dev/"+name+"="+strings.Join(lines, "\n"))
	}
	return all
}

// A container is one that runs.
type container struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	out  outputtest.Buffer
}

// start starts a container in the network of this machine, with everything taken from it that a
// guest does not need. flags are those of podman, up to "--", and then those of wasisock run, which
// the guest alone does not get.
func (k kind) start(t *testing.T, flags []string, args ...string) *container {
	t.Helper()
	image, err := images[k.image]()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("c%d", started.Add(1))
	all := []string{"--runtime", must(t, k.runtime), "run", "--name", name, "--network=host", "--read-only", "--read-only-tmpfs=false", "--cap-drop=all",
		"--security-opt=no-new-privileges", "--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096"}
	at := slices.Index(flags, "--")
	all = append(all, flags[:at]...)
	switch {
	case k.image == alone && k.program != "":
		all = append(all, annotations(flags[at+1:])...)
	case k.image != alone:
		entry, err := json.Marshal(slices.Concat([]string{k.program, "run", "--cache", "/code"}, flags[at+1:], []string{"/app.wasm"}))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, "--entrypoint", string(entry))
	}
	c := &container{t: t, name: name, cmd: podman(slices.Concat(all, []string{image}, args)...)}
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		do(t, "rm", "--force", "--time=0", name)
		c.cmd.Wait()
		if t.Failed() {
			t.Log(c.out.String())
		}
	})
	return c
}

var started atomic.Int64

// ended waits until the container has ended, and returns its exit code.
func (c *container) ended() int {
	c.t.Helper()
	kill := time.AfterFunc(2*time.Minute, func() {
		c.t.Error("the container does not end")
		do(c.t, "kill", c.name)
	})
	defer kill.Stop()
	c.cmd.Wait()
	return c.cmd.ProcessState.ExitCode()
}

// run runs a container to its end.
func (k kind) run(t *testing.T, flags []string, args ...string) (code int, out string) {
	t.Helper()
	c := k.start(t, flags, args...)
	code = c.ended()
	return code, c.out.String()
}

// answers waits until a server answers.
func answers(t *testing.T, url string) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(2 * time.Millisecond) {
		answer, err := http.Get(url)
		if err == nil {
			if answer.Body.Close(); answer.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not answer: %v", url, err)
		}
	}
}
