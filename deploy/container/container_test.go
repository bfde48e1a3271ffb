//go:build linux

// Package container tests images of guests with the container runtimes runc and crun.
package container

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/porttest"
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
	for _, tool := range []string{"podman", "crun", "runc", "unshare", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			return tool + " is not in PATH; install Debian's packages podman, crun, runc and util-linux"
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
}

func named(name string) func() (string, error) {
	return func() (string, error) { return exec.LookPath(name) }
}

const alone = "alone" // the image with the guest alone

var kinds = []kind{
	{"wasisock on runc", named("runc"), "wazero"},
	{"wasisock on crun", named("crun"), "wazero"},
	{"wasisock with wasmtime on crun", named("crun"), "wasmtime"},
	{"the guest alone on crun with WasmEdge", crunWithWasmEdge, alone},
}

// A container is one that runs.
type container struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	out  bytes.Buffer
	mu   sync.Mutex
}

func (c *container) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(p)
}

func (c *container) output() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.String()
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
	if k.image != alone {
		entry, err := json.Marshal(slices.Concat([]string{"/wasisock", "run", "--cache", "/code"}, flags[at+1:], []string{"/app.wasm"}))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, "--entrypoint", string(entry))
	}
	c := &container{t: t, name: name, cmd: podman(slices.Concat(all, []string{image}, args)...)}
	c.cmd.Stdout, c.cmd.Stderr = c, c
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		do(t, "rm", "--force", "--time=0", name)
		c.cmd.Wait()
		if t.Failed() {
			t.Log(c.output())
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
	return code, c.output()
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

// A sentence is a row of the table in docs/containers.md. It returns what a kind of container does.
type sentence struct {
	text string
	run  func(*testing.T, kind) string
	want string // of an image with wasisock
}

var sentences = []sentence{
	{"serves as user 65534, on a read-only file system, without capabilities", serves, "yes"},
	{"after SIGTERM, answers the request in work and ends with exit code 0", drains, "yes"},
	{"is not ready before the guest listens, and not once it drains", probes, "yes"},
	{"has the guest's exit code, here 7", exits, "7"},
	{"prints a line when the guest does", prints, "yes"},
	{"runs without standard input", reads, "yes"},
	{"resolves a name that the container has", resolves, "yes"},
	{"trusts the certificates in the image", trusts, "yes"},
	{"refuses an address that no rule allows", refuses, "yes"},
	{"at the memory limit of the container, ends with a message", remembers, "yes"},
	{"`podman exec` runs `wasisock health` and `doctor` in it", execs, "yes"},
}

func verdict(err error) string {
	if err == nil {
		return "yes"
	}
	return "no: " + err.Error()
}

func serves(t *testing.T, k kind) string {
	at := "127.0.0.1:" + porttest.Free(t)
	began := time.Now()
	c := k.start(t, []string{"--", "--listen", at}, "serve", at)
	answers(t, "http://"+at)
	_, pid := do(t, "inspect", "--format", "{{.State.Pid}}", c.name)
	status, err := os.ReadFile("/proc/" + strings.TrimSpace(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`Uid:\s+65534\s+65534\s+65534\s+65534`, `CapEff:\s+0+\n`, `CapBnd:\s+0+\n`, `NoNewPrivs:\s+1\n`, `Seccomp:\s+2\n`} {
		if !regexp.MustCompile(line).Match(status) {
			t.Errorf("%s is not in %s", line, status)
		}
	}
	t.Logf("made and served after %v", time.Since(began))
	return "yes"
}

func drains(t *testing.T, k kind) string {
	at := "127.0.0.1:" + porttest.Free(t)
	c := k.start(t, []string{"--", "--listen", at, "--grace", "20s"}, "serve", at)
	answers(t, "http://"+at)
	answered := make(chan error, 1)
	go func() {
		answer, err := http.Get("http://" + at + "/sleep?1s")
		if err == nil {
			err = answer.Body.Close()
		}
		answered <- err
	}()
	for !strings.Contains(c.output(), "asleep") {
		time.Sleep(time.Millisecond)
	}
	do(t, "stop", "--time=5", c.name)
	code := c.ended()
	switch err := <-answered; {
	case err != nil:
		return fmt.Sprintf("no: the request is lost, and the exit code %d", code)
	case code != 0:
		return fmt.Sprintf("no: exit code %d", code)
	}
	return "yes"
}

func probes(t *testing.T, k kind) string {
	if k.image == alone {
		return "no: it has no probes"
	}
	at, health := "127.0.0.1:"+porttest.Free(t), "127.0.0.1:"+porttest.Free(t)
	c := k.start(t, []string{"--", "--listen", at, "--health", health, "--drain-delay", "1s"}, "serve", at)
	answers(t, "http://"+health+"/readyz")
	if code, out := do(t, "exec", c.name, "/wasisock", "health", health); code != 0 {
		return fmt.Sprintf("no: wasisock health: %d, %s", code, out)
	}
	do(t, "kill", "--signal=TERM", c.name)
	for {
		answer, err := http.Get("http://" + health + "/readyz")
		if err != nil {
			return verdict(err)
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusServiceUnavailable {
			break
		}
	}
	if answer, err := http.Get("http://" + at); err != nil {
		return verdict(err)
	} else if err := answer.Body.Close(); err != nil {
		return verdict(err)
	}
	if code := c.ended(); code != 0 {
		return fmt.Sprintf("no: exit code %d", code)
	}
	return "yes"
}

func exits(t *testing.T, k kind) string {
	code, _ := k.run(t, []string{"--"}, "exit", "7")
	return fmt.Sprint(code)
}

func prints(t *testing.T, k kind) string {
	at := "127.0.0.1:" + porttest.Free(t)
	c := k.start(t, []string{"--", "--listen", at}, "serve", at)
	answers(t, "http://"+at)
	go http.Get("http://" + at + "/sleep?30s")
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, logs := do(t, "logs", c.name); strings.Contains(logs, "asleep\n") {
			return "yes"
		}
	}
	return "no"
}

func reads(t *testing.T, k kind) string {
	if code, out := k.run(t, []string{"--"}, "copy"); code != 0 || out != "0\n" {
		return fmt.Sprintf("no: exit code %d", code)
	}
	return "yes"
}

func resolves(t *testing.T, k kind) string {
	code, out := k.run(t, []string{"--add-host=shop.test:127.0.0.7", "--", "--allow", "dial tcp shop.test:80"}, "lookup", "shop.test")
	if code != 0 || !strings.HasPrefix(out, "1 ") {
		return fmt.Sprintf("no: exit code %d", code)
	}
	return "yes"
}

func trusts(t *testing.T, k kind) string {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "over TLS\n") }))
	defer s.Close()
	code, out := k.run(t, []string{"--", "--tls-roots", "--allow", "dial tcp " + strings.TrimPrefix(s.URL, "https://")}, "get", s.URL)
	if code != 0 || !strings.Contains(out, "over TLS") {
		return fmt.Sprintf("no: exit code %d", code)
	}
	return "yes"
}

func refuses(t *testing.T, k kind) string {
	if _, out := k.run(t, []string{"--"}, "dial", "127.0.0.1:9"); strings.Contains(out, "true\n") {
		return "yes"
	}
	return "no"
}

func remembers(t *testing.T, k kind) string {
	code, out := k.run(t, []string{"--memory=256m", "--", "--max-memory", "auto"}, "allocate", "600")
	if strings.Contains(out, "out of memory") && code != 137 {
		return "yes"
	}
	return fmt.Sprintf("no: exit code %d", code)
}

func execs(t *testing.T, k kind) string {
	at, health := "127.0.0.1:"+porttest.Free(t), "127.0.0.1:"+porttest.Free(t)
	c := k.start(t, []string{"--", "--listen", at, "--health", health}, "serve", at)
	answers(t, "http://"+at)
	if code, out := do(t, "exec", c.name, "/wasisock", "health", health); code != 0 || out != "ok\n" {
		return fmt.Sprintf("no: exit code %d", code)
	}
	if _, out := do(t, "exec", c.name, "/wasisock", "doctor"); !regexp.MustCompile(`(?m)^engine +ok`).MatchString(out) {
		return "no: " + out
	}
	return "yes"
}

// TestSizeWithWasmtime tests that the static program with wasmtime has at most 45 MB.
func TestSizeWithWasmtime(t *testing.T) {
	if testing.Short() {
		t.Skip("links wasmtime; run it without -short")
	}
	const most = 45_000_000
	info, err := os.Stat(must(t, withWasmtime))
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%d bytes", info.Size()); info.Size() > most {
		t.Errorf("the program has %d bytes, want at most %d", info.Size(), most)
	}
}

// TestOtherPlatform makes an image for another architecture than this one.
func TestOtherPlatform(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command for another architecture; run it without -short")
	}
	arch := "arm64"
	if runtime.GOARCH == arch {
		arch = "amd64"
	}
	foreign, err := build("foreign/wasisock", []string{"CGO_ENABLED=0", "GOARCH=" + arch}, module+"/cmd/wasisock")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "app.tar")
	out, err := exec.Command(must(t, pure), "image", "--tag", "localhost/foreign", "--platform", "linux/"+arch, "--wasisock", foreign, "-o", file, must(t, guest), "serve").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "the image has no compiled code") {
		t.Fatalf("%v: %s", err, out)
	}
	if code, out := do(t, "load", "--quiet", "--input", file); code != 0 {
		t.Fatalf("podman load: %d, %s", code, out)
	}
	if _, out := do(t, "inspect", "--format", "{{.Os}}/{{.Architecture}}", "localhost/foreign"); out != "linux/"+arch+"\n" {
		t.Errorf("the image is for %s", out)
	}
}

// TestContainerfile tests the image of the Containerfile, for those who do not use wasisock image.
func TestContainerfile(t *testing.T) {
	wasisock, app := must(t, pure), must(t, guest)
	dir := t.TempDir()
	for from, to := range map[string]string{"Containerfile": "Containerfile", wasisock: "wasisock", app: "app.wasm", "/etc/ssl/certs/ca-certificates.crt": "ca-certificates.crt"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(wasisock, "compile", "-o", filepath.Join(dir, "code"), app).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if code, out := do(t, "build", "--quiet", "--tag", "localhost/byhand:latest", dir); code != 0 {
		t.Fatalf("podman build: %d, %s", code, out)
	}
	code, out := do(t, "--runtime", "crun", "run", "--rm", "--network=none", "--read-only", "--read-only-tmpfs=false", "--cap-drop=all",
		"--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096", "localhost/byhand", "exit", "7")
	if code != 7 || out != "" {
		t.Errorf("%d, %q; want exit code 7, and no word about compiling", code, out)
	}
}

// TestContainers runs every sentence with every kind of container, and compares the table with
// that in docs/containers.md. -args -update writes it.
func TestContainers(t *testing.T) {
	results := make([][]string, len(sentences))
	for i, s := range sentences {
		for _, k := range kinds {
			if testing.Short() && k.image != "wazero" {
				continue // takes a minute to link, or to compile
			}
			t.Run(s.text+"/"+k.name, func(t *testing.T) {
				got := s.run(t, k)
				if results[i] = append(results[i], got); k.image != alone && got != s.want {
					t.Errorf("%q, want %q", got, s.want)
				}
			})
		}
	}
	if t.Failed() || testing.Short() {
		return
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("docs/containers.md has no %s and %s", begin, end)
	}
	switch made := before + begin + table(results) + end + after; {
	case made == string(text):
	case !*update:
		t.Errorf("docs/containers.md has another table; run this with -args -update\n%s", table(results))
	default:
		if err := os.WriteFile(page, []byte(made), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// The table's place.
const page, begin, end = "../../docs/containers.md", "<!-- begin containers -->\n", "<!-- end containers -->\n"

var update = flag.Bool("update", false, "write the table in docs/containers.md")

func table(results [][]string) string {
	var b strings.Builder
	b.WriteString("| a container that runs |")
	for _, k := range kinds {
		b.WriteString(" " + k.name + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(kinds)) + "\n")
	for i, s := range sentences {
		b.WriteString("| " + s.text + " | " + strings.Join(results[i], " | ") + " |\n")
	}
	return b.String()
}
