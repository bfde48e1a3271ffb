//go:build linux || darwin

package confine

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/wasisock/wasisock/host"
)

func TestPorts(t *testing.T) {
	some := []host.PortRange{{Low: 80, High: 80}, {Low: 79, High: 81}, {Low: 0, High: 0}, {Low: 65534, High: 65535}}
	if got := ports(some); !slices.Equal(got, []uint16{80, 79, 81, 0, 65534, 65535}) || everyPort(some) {
		t.Errorf("%v", got)
	}
	if all := append(some, host.PortRange{Low: 0, High: 65535}); !everyPort(all) || len(ports(all)) != 65536 {
		t.Error("not all ports")
	}
}

// TestReplaceable tests modules behind the symbolic links with which deployments replace them.
func TestReplaceable(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"app", "releases/1", "mount/..1"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		"app/current": "../releases/1", "app/a.wasm": dir + "/releases/1/a.wasm",
		"mount/..data": "..1", "mount/a.wasm": "..data/a.wasm", "loop": "loop",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		file string
		want []string
	}{
		{"app/b.wasm", []string{"app"}},
		{"app/a.wasm", []string{"app", "releases/1"}},
		{"app/current/a.wasm", []string{"app/current", "releases", "releases/1"}},
		{"mount/a.wasm", []string{"mount", "mount/..data", "mount", "mount/..1"}},
	} {
		want := test.want
		for i := range want {
			want[i] = filepath.Join(dir, want[i])
		}
		if got := Replaceable(filepath.Join(dir, test.file)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", test.file, got, want)
		}
	}
	if got := Replaceable("/a.wasm"); !slices.Equal(got, []string{"/a.wasm"}) {
		t.Errorf("in the root directory: %q", got)
	}
	if got := Replaceable(filepath.Join(dir, "loop")); len(got) == 0 {
		t.Error("a loop gives nothing")
	}
}

func TestExisting(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{dir: dir, dir + "/a/b": dir, "/": "/"} {
		if got := Existing(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
