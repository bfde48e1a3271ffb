//go:build linux

package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/wasisock/wasisock/internal/codecache"
)

func TestParseLine(t *testing.T) {
	for _, test := range []struct {
		args string
		want Line
	}{
		{"", Line{Bundle: "."}},
		{"--version", Line{Bundle: "."}},
		// containerd, and podman by conmon
		{"--root /run/containerd/runc/k8s.io --log /b/log.json --log-format json --systemd-cgroup create --bundle /b --pid-file /b/init.pid id", Line{"create", "/b", "/b/log.json", true}},
		{"--log-format=json --log=/b/oci-log create --bundle /b --pid-file /b/pidfile id", Line{"create", "/b", "/b/oci-log", true}},
		{"--cgroup-manager cgroupfs --debug run -b /b id", Line{Command: "run", Bundle: "/b"}},
		{"--log /l run --bundle=/b --log /other id", Line{Command: "run", Bundle: "/b", Log: "/l"}},
		{"--root /bundle kill id TERM", Line{Command: "kill", Bundle: "."}},
		{"exec --cwd / id create --bundle /b", Line{Command: "exec", Bundle: "."}},
		{"create id --bundle /b", Line{Command: "create", Bundle: "."}},
		{"create --bundle", Line{Command: "create"}},
		{"--log", Line{Bundle: "."}},
	} {
		if got := ParseLine(strings.Fields(test.args)); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.args, got, test.want)
		}
	}
}

// TestReport tests both forms of the log, with an error that would end a line.
func TestReport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	wrong := errors.New("one\n\"two\" level=error")
	for _, l := range []Line{{Log: file, JSON: true}, {Log: file, JSON: true}, {Log: file}} {
		if err := l.Report(wrong); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var entry struct{ Level, Msg, Time string }
	if len(lines) != 3 || json.Unmarshal([]byte(lines[1]), &entry) != nil || entry.Level != "error" || entry.Msg != wrong.Error() || entry.Time == "" {
		t.Errorf("%q", lines)
	}
	if !strings.HasSuffix(lines[2], ` level=error msg="one\n\"two\" level=error"`) {
		t.Errorf("%q", lines[2])
	}
	if err := (Line{}).Report(wrong); err != nil {
		t.Error(err)
	}
	if (Line{Log: "/dev/null/x"}).Report(wrong) == nil {
		t.Error("a log that cannot be written is not reported")
	}
}

const wasm = "\x00asm\x01\x00\x00\x00"

// bundle makes a bundle with files in its root, and a file outside of it.
func bundle(t *testing.T, config string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, []byte(text), mode), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
	}
	write("outside.wasm", wasm, 0o755)
	write("volume/mod.wasm", wasm, 0o644)
	write("rootfs/app.wasm", wasm+"rest", 0o755)
	write("rootfs/bin/app", wasm, 0o755)
	write("rootfs/bin/data", wasm, 0o644)
	write("rootfs/usr/data", wasm, 0o755)
	write("rootfs/bin/native", "\x7fELF", 0o755)
	write("rootfs/named.wasm", "#!/bin/sh\n", 0o755)
	write("rootfs/short.wasm", "\x00as", 0o755)
	write("rootfs/outside.wasm", "no", 0o755)
	for from, to := range map[string]string{
		"absolute": "/app.wasm", "relative": "../../../app.wasm", "out": "../../outside.wasm", "host": filepath.Join(dir, "outside.wasm"),
		"loop": "loop", "proc": "/proc/self/exe", "run": "/bin",
	} {
		if err := os.Symlink(to, filepath.Join(dir, "rootfs", from)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "rootfs", "pipe"), 0o777); err != nil {
		t.Fatal(err)
	}
	write(configFile, config, 0o640)
	return dir
}

// TestModule tests which programs of containers are modules, in images that are hostile too.
func TestModule(t *testing.T) {
	const process = `{"root":{"path":"rootfs"},"process":{"cwd":%q,"env":["A=b","PATH=/none:/bin:/usr"],"args":[%q,"x"]},"mounts":[` +
		`{"destination":"/volume","type":"bind","source":"volume"},{"destination":"/one.wasm","source":"volume/mod.wasm","options":["rbind","ro"]},` +
		`{"destination":"/volume/tmp","type":"tmpfs","source":"tmpfs"},{"destination":"/bin/over","type":"tmpfs","source":"tmpfs"}]}`
	for _, test := range []struct{ cwd, name, want string }{
		{"/", "/app.wasm", "/app.wasm"},
		{"/", "app.wasm", "/app.wasm"},
		{"/bin", "./app", "/bin/app"},
		{"/bin", "../app.wasm", "/app.wasm"},
		{"/bin", "../../../../app.wasm", "/app.wasm"},
		{"/", "app", "/bin/app"},
		{"/", "data", "/usr/data"}, // the one in /bin cannot be executed
		{"bin", "./app", "/bin/app"},
		{"", "bin/app", "/bin/app"},
		{"/", "/bin/native", ""},
		{"/", "native", ""},
		{"/", "/named.wasm", ""},
		{"/", "/short.wasm", ""},
		{"/", "/missing.wasm", ""},
		{"/", "", ""},
		{"/", "/", ""},
		{"/", "/app.wasm/x", ""},
		{"/", "/pipe", ""},
		{"/", "/loop", ""},
		{"/", "/absolute", "/absolute"},
		{"/", "/relative", "/relative"},
		{"/", "/out", ""},  // leads to the image's own outside.wasm
		{"/", "/host", ""}, // exists outside of the image alone
		{"/", "/proc", ""},
		{"/", "/run/app", "/run/app"},
		{"/", "/volume/mod.wasm", "/volume/mod.wasm"},
		{"/", "/volume/../outside.wasm", ""},
		{"/", "/one.wasm", "/one.wasm"},
		{"/", "/volume/tmp/mod.wasm", ""},
		{"/", "/bin/over/app", ""},
		{"/", "/app.wasm\n--allow-all", ""},
		{"/", "/" + strings.Repeat("x", 300), ""},
	} {
		b, err := Open(bundle(t, fmt.Sprintf(process, test.cwd, test.name)))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		m, err := b.Module()
		if m != nil {
			got = m.Path
			m.Close()
		}
		if err != nil || got != test.want {
			t.Errorf("%q in %q: %q, %v; want %q", test.name, test.cwd, got, err, test.want)
		}
	}
}

// TestOpen tests configurations with parts missing, and invalid ones.
func TestOpen(t *testing.T) {
	for _, config := range []string{`{}`, `{"process":{}}`, `{"process":{"args":["/app.wasm"]}}`, `{"root":{"path":""},"process":{"args":["/app.wasm"]}}`,
		`{"root":{"path":"rootfs"},"process":{"args":[]}}`, `{"root":{"path":"rootfs"},"process":null}`, `{"root":{"path":"rootfs"},"process":{"args":null}}`} {
		b, err := Open(bundle(t, config))
		if err != nil {
			t.Errorf("%s: %v", config, err)
			continue
		}
		if m, err := b.Module(); m != nil || err != nil {
			t.Errorf("%s: %v, %v", config, m, err)
		}
	}
	for config, want := range map[string]string{
		``: "is not the configuration", `[]`: "is not the configuration", `{"process":1}`: "is not the configuration", `{"process":{"args":"x"}}`: "is not the configuration",
		`{"hostname":"` + strings.Repeat("x", maxConfig) + `"}`: "has more than 16 MB",
	} {
		if _, err := Open(bundle(t, config)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20s: %v, want %s", config, err, want)
		}
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a bundle without a configuration: %v", err)
	}
}

// TestChange tests that everything else stays: fields that no specification has, large numbers, the
// owner and the mode of the file.
func TestChange(t *testing.T) {
	dir := bundle(t, `{"ociVersion":"1.0.2","x-vendor":{"n":12345678901234567890.5},"process":{"args":["/app.wasm"],"user":{"uid":7,"x":[1]},"env":["A=<&>"],"extra":null},"root":{"path":"rootfs","y":1},"mounts":[{"destination":"/proc","type":"proc","source":"proc","z":9223372036854775807}]}`)
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Change([]string{"/w", "run", "a\nb"}, []string{"B=1"}, []specs.Mount{{Destination: "/w", Source: "/s"}}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, configFile))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"mounts":[{"destination":"/proc","type":"proc","source":"proc","z":9223372036854775807},{"destination":"/w","source":"/s"}],"ociVersion":"1.0.2",` +
		`"process":{"args":["/w","run","a\nb"],"env":["B=1"],"extra":null,"user":{"uid":7,"x":[1]}},"root":{"path":"rootfs","y":1},"x-vendor":{"n":12345678901234567890.5}}`
	if string(text) != want {
		t.Errorf("%s\nwant %s", text, want)
	}
	info, err := os.Stat(filepath.Join(dir, configFile))
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, configFile+"-*")); left != nil {
		t.Errorf("%s is left", left)
	}
}

// TestView tests what is mounted again for the guest: nothing that the kernel makes, and nothing
// through a symbolic link of the image.
func TestView(t *testing.T) {
	b, err := Open(bundle(t, `{"root":{"path":"rootfs","readonly":true},"mounts":[
		{"destination":"/proc","type":"proc","source":"proc"},
		{"destination":"/dev","type":"tmpfs","source":"tmpfs"},
		{"destination":"/dev/shm","type":"bind","source":"/shm","options":["rbind","rw"]},
		{"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup"},
		{"destination":"/odd","type":"proc","source":"proc"},
		{"destination":"/data/x","type":"bind","source":"/d","options":["rbind","ro"]},
		{"destination":"/run/secret","source":"/s","options":["bind"]},
		{"destination":"/tmp","type":"tmpfs","source":"tmpfs"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := b.View("/.w/root")
	if err != nil {
		t.Fatal(err)
	}
	want := []specs.Mount{
		{Destination: "/.w/root", Type: "bind", Source: b.root(), Options: []string{"bind", "nosuid", "nodev", "ro"}},
		{Destination: "/.w/root/data/x", Type: "bind", Source: "/d", Options: []string{"rbind", "ro"}},
		{Destination: "/.w/root/bin/secret", Source: "/s", Options: []string{"bind"}}, // run is a link to bin
		{Destination: "/.w/root/tmp", Type: "tmpfs", Source: "tmpfs"},
	}
	if !reflect.DeepEqual(mounts, want) {
		t.Errorf("%+v\nwant %+v", mounts, want)
	}
}

// TestReserve tests images and containers that have something in the directory of wasisock.
func TestReserve(t *testing.T) {
	mounts := []specs.Mount{{Destination: "/.w/root"}, {Destination: "/.w/code"}}
	for _, test := range []struct {
		links map[string]string
		mount string
		want  string
	}{
		{nil, "/data", ""},
		{nil, "/.wx", ""},
		{nil, "/.w", `a mount at "/.w"`},
		{nil, "/x/../.w/root", "a mount at"},
		{map[string]string{".w": "/bin"}, "", `on the way to "/.w/root"`},
		{map[string]string{".w/root": "/"}, "", `on the way to "/.w/root"`},
		{map[string]string{".w/code": "../bin"}, "", `on the way to "/.w/code"`},
	} {
		config, err := json.Marshal(specs.Spec{Root: &specs.Root{Path: "rootfs"}, Mounts: []specs.Mount{{Destination: test.mount}}})
		if err != nil {
			t.Fatal(err)
		}
		dir := bundle(t, string(config))
		for from, to := range test.links {
			if strings.Contains(from, "/") {
				os.Mkdir(filepath.Join(dir, "rootfs", ".w"), 0o777)
			}
			if err := os.Symlink(to, filepath.Join(dir, "rootfs", from)); err != nil {
				t.Fatal(err)
			}
		}
		b, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		err = b.Reserve("/.w", mounts)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%v, %s: %v; want %s", test.links, test.mount, err, test.want)
		}
	}
}

func TestTrusted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]string{0o644: "", 0o755: "", 0o664: "group or others", 0o646: "group or others"} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if err := Trusted(file); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", mode, err, want)
		}
	}
	if os.Geteuid() != 0 {
		return // only root can give a file away
	}
	if err := errors.Join(os.Chmod(file, 0o644), os.Chown(file, compiler, compiler)); err != nil {
		t.Fatal(err)
	}
	if err := Trusted(file); err == nil || !strings.Contains(err.Error(), "user 65534 owns it") {
		t.Error(err)
	}
	if Trusted(file+"x") == nil {
		t.Error("a missing file is trusted")
	}
}

// TestGet tests that a module without code is compiled again after a while.
func TestGet(t *testing.T) {
	cache, err := codecache.Open(t.TempDir(), "", 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	put := func(name, file string) string {
		t.Helper()
		dir, err := cache.Temp()
		if err == nil && file != "" {
			err = os.WriteFile(filepath.Join(dir, file), nil, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return cache.Put(name, dir)
	}
	full, empty := put("full", "code"), put("empty", "")
	long := time.Now().Add(-retry - time.Minute)
	for _, test := range []struct {
		name, want string
		known      bool
	}{{"full", full, true}, {"empty", "", true}, {"none", "", false}} {
		if dir, known := get(cache, test.name); dir != test.want || known != test.known {
			t.Errorf("%s: %q, %v", test.name, dir, known)
		}
	}
	for _, dir := range []string{full, empty} {
		if err := os.Chtimes(dir, long, long); err != nil {
			t.Fatal(err)
		}
	}
	if dir, known := get(cache, "full"); dir != full || !known {
		t.Errorf("old code: %q, %v", dir, known)
	}
	if _, known := get(cache, "empty"); known {
		t.Error("the module is never compiled again")
	}
}

// TestLock tests that one process has the lock, and that another waits no longer than it says.
func TestLock(t *testing.T) {
	file := filepath.Join(t.TempDir(), lockFile)
	unlock, err := lock(t.Context(), file, time.Second)
	if unlock == nil || err != nil {
		t.Fatal(err)
	}
	if second, err := lock(t.Context(), file, 50*time.Millisecond); second != nil || err != nil {
		t.Errorf("two have the lock: %v", err)
	}
	time.AfterFunc(50*time.Millisecond, unlock)
	second, err := lock(t.Context(), file, time.Minute)
	if second == nil || err != nil {
		t.Fatalf("nobody gets the lock: %v", err)
	}
	second()
}
