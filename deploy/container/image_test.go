//go:build linux

package container

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

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
