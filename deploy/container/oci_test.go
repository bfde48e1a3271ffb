//go:build linux

package container

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ociKinds are the containers of wasisock oci.
func ociKinds() []kind {
	return slices.DeleteFunc(slices.Clone(kinds), func(k kind) bool { return k.image != alone || k.program == "" })
}

// TestFiles tests that the guest has the files of its container, with its rights, and not those of
// the process that runs it.
func TestFiles(t *testing.T) {
	for _, k := range ociKinds() {
		t.Run(k.name, func(t *testing.T) {
			volume := t.TempDir()
			if err := os.Chmod(volume, 0o777); err != nil {
				t.Fatal(err)
			}
			if _, out := k.run(t, []string{"--"}, "list", "/"); !strings.Contains(out, "app.wasm\n") || !strings.Contains(out, "etc\n") {
				t.Errorf("/ has %q", out)
			}
			for _, dir := range []string{"/proc", "/sys", "/dev"} {
				if code, out := k.run(t, []string{"--"}, "list", dir); code != 0 || out != "" {
					t.Errorf("%s: %d, %q", dir, code, out)
				}
			}
			for _, test := range []struct{ flags, file, want string }{
				{"--volume=" + volume + ":/data --workdir=/data", "new", "written\n"},
				{"--volume=" + volume + ":/data:ro", "/data/other", "open /data/other: read-only file system\n"},
				{"", "/other", "open /other: read-only file system\n"},
				{"", "/proc/self/mem", "open /proc/self/mem: no such file or directory\n"},
			} {
				if _, out := k.run(t, append(strings.Fields(test.flags), "--"), "write", test.file); out != test.want {
					t.Errorf("%s %s: %q, want %q", test.flags, test.file, out, test.want)
				}
			}
			if _, err := os.Stat(filepath.Join(volume, "new")); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCompiledOnce tests that the node compiles a module once for all of its containers, by each
// engine.
func TestCompiledOnce(t *testing.T) {
	for _, test := range []struct {
		engine string
		build  func() (string, error)
		kinds  []kind
	}{
		{"wazero", pure, ociKinds()},
		{"wasmtime", withWasmtime, []kind{{"wasmtime", ociWasmtime, alone, "/.wasisock/wasisock"}}},
	} {
		if testing.Short() && test.engine != "wazero" {
			continue // takes a minute to link
		}
		for _, k := range test.kinds {
			code, out := k.run(t, []string{"--", "--verbose"}, "exit", "7")
			if code != 7 || !strings.Contains(out, "wasisock: engine: "+test.engine) || strings.Contains(out, "compiling") {
				t.Errorf("%s: %d, %q", k.name, code, out)
			}
		}
		cache := filepath.Join(filepath.Dir(must(t, test.build)), "cache")
		if entries, err := filepath.Glob(filepath.Join(cache, "*.wasisock")); err != nil || len(entries) != 1 {
			t.Errorf("the cache of the node has %q, %v; want the entry of one module", entries, err)
		}
		if files, err := filepath.Glob(filepath.Join(cache, "*", "*")); err != nil || len(files) == 0 {
			t.Errorf("the entry is empty: %v", err)
		}
	}
}

// TestAnnotationRefused tests that whoever starts a container sees why there is none.
func TestAnnotationRefused(t *testing.T) {
	const want = "annotation wasisock.dev/dir: this flag cannot be set for a container; remove the annotation"
	for _, k := range ociKinds() {
		if code, out := k.run(t, []string{"--", "--dir", "/:/host"}, "exit", "0"); code == 0 || !strings.Contains(out, want) {
			t.Errorf("%s: %d, %q; want %s", k.name, code, out, want)
		}
	}
}

// TestNative tests that containers with a native program are left alone.
func TestNative(t *testing.T) {
	image, err := images["wazero"]()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range ociKinds() {
		code, out := do(t, "--runtime", must(t, k.runtime), "run", "--rm", "--network=none", "--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096", "--annotation=wasisock.dev/dir=/", "--entrypoint", fmt.Sprintf("[%q]", "/wasisock"), image, "version")
		if code != 0 || !strings.HasPrefix(out, "wasisock ") {
			t.Errorf("%s: %d, %q", k.name, code, out)
		}
	}
}

// TestUserNamespace tests a container whose users are others on the node. It compiles the module
// itself.
func TestUserNamespace(t *testing.T) {
	for _, k := range ociKinds() {
		code, out := k.run(t, []string{"--uidmap=0:100000:65536", "--gidmap=0:100000:65536", "--"}, "exit", "7")
		if code != 7 {
			t.Errorf("%s: %d, %q", k.name, code, out)
		}
	}
}
