package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/wasisock/wasisock/cmd/internal/cli"
)

// TestOCIRights tests that the right to set every flag is decided.
func TestOCIRights(t *testing.T) {
	names := map[string]bool{}
	for _, f := range newRunOptions().flags() {
		names[f.Name] = true
		right, ok := ociRights[f.Name]
		if !ok {
			t.Errorf("--%s: decide in ociRights whether the node's file and annotations may set it", f.Name)
		}
		if right == ociPod && f.Group == "Engine" {
			t.Errorf("--%s: annotations choose no engine", f.Name)
		}
		if right == ociPod && f.Group == "Limits" && ociChecks[f.Name] == nil {
			t.Errorf("--%s: annotations can raise the limit; add it to ociChecks", f.Name)
		}
	}
	for name := range ociRights {
		if !names[name] {
			t.Errorf("wasisock run has no flag --%s; remove it from ociRights", name)
		}
	}
	for name := range ociChecks {
		if ociRights[name] != ociPod {
			t.Errorf("annotations do not set --%s; remove it from ociChecks", name)
		}
	}
}

// TestOCIAnnotations tests what annotations set, and each way in which they could set too much.
func TestOCIAnnotations(t *testing.T) {
	node := cli.Given{"max-sockets": {"100"}, "max-memory": {"64M"}, "timeout": {"1h"}}
	for _, test := range []struct {
		name, value string
		want        []string
		err         string
	}{
		{"listen", ":8080", []string{":8080"}, ""},
		{"listen", "\n 127.0.0.1:1 \n\n:2\n", []string{"127.0.0.1:1", ":2"}, ""},
		{"listen", "unix:/run/docker.sock", nil, "is not a TCP address"},
		{"listen", ":1\nfd:3", nil, "is not a TCP address"},
		{"listen", "nonsense", nil, "is neither ADDRESS:PORT"},
		{"publish", "80:8080", []string{"80:8080"}, ""},
		{"publish", "fd:3:8080", nil, "is not a TCP address"},
		{"allow", "dial tcp a.example:443\nresolve *", []string{"dial tcp a.example:443", "resolve *"}, ""},
		{"allow", "all", nil, "cannot allow everything"},
		{"allow", "resolve *\n all ", nil, "cannot allow everything"},
		{"allow", "deny all", []string{"deny all"}, ""},
		{"allow", "dial tcp a.example:443\r--allow-all", nil, "control character"},
		{"deny", "dial tcp *:25", []string{"dial tcp *:25"}, ""},
		{"grace", "20s", []string{"20s"}, ""},
		{"grace", "20", nil, "invalid duration"},
		{"grace", "20s\n--no-confine", nil, "control character"},
		{"log-format", "json", []string{"json"}, ""},
		{"log-format", "json --trace-file=/x", nil, "invalid value"},
		{"tls-roots", "true", []string{"true"}, ""},
		{"tls-roots", "/etc/shadow", nil, "names a file"},
		{"max-sockets", "100", []string{"100"}, ""},
		{"max-sockets", "101", nil, "is not within 100"},
		{"max-sockets", "-1", nil, "is not within 100"},
		{"max-memory", "64M", []string{"64M"}, ""},
		{"max-memory", "1G", nil, "is not within 64M"},
		{"max-memory", "auto", nil, "is not within 64M"},
		{"max-files", "32768", []string{"32768"}, ""},
		{"max-files", "32769", nil, "is not within 32768"}, // the default
		{"max-connections", "99999", []string{"99999"}, ""},
		{"timeout", "59m", []string{"59m"}, ""},
		{"timeout", "61m", nil, "is not within 1h"},
		{"timeout", "0s", nil, "is not within 1h"},
		{"dir", "/etc:/etc", nil, "cannot be set for a container"},
		{"config", "/etc/shadow", nil, "cannot be set for a container"},
		{"trace-file", "/x", nil, "cannot be set for a container"},
		{"policy", "/etc/shadow", nil, "the node's file can"},
		{"allow-all", "true", nil, "the node's file can"},
		{"no-confine", "true", nil, "the node's file can"},
		{"engine", "wasmtime", nil, "the node's file can"},
		{"cache", "/x", nil, "the node's file can"},
		{"", "x", nil, "has no such flag"},
		{"Listen", ":80", nil, "has no such flag"},
		{"grace=1s\n", "x", nil, `annotation wasisock.dev/grace=1s\n: wasisock run has no such flag`},
	} {
		flags := ociFlags(newRunOptions())
		got, err := fromAnnotations(flags, map[string]string{"other.example/x": "y", annotated + test.name: test.value}, node, nil)
		switch {
		case test.err == "" && (err != nil || !reflect.DeepEqual(got, cli.Given{test.name: test.want})):
			t.Errorf("%q: %q: %q, %v; want %q", test.name, test.value, got, err, test.want)
		case test.err != "" && (err == nil || !strings.HasPrefix(err.Error(), "annotation "+annotated) || !strings.Contains(err.Error(), test.err)):
			t.Errorf("%q: %q: %q, %v; want %s", test.name, test.value, got, err, test.err)
		}
	}
	for name, allowed := range map[string]bool{"grace": true, "listen": false} {
		_, err := fromAnnotations(ociFlags(newRunOptions()), map[string]string{annotated + name: "1s"}, nil, []string{"grace"})
		if allowed && err != nil || !allowed && (err == nil || !strings.Contains(err.Error(), "does not let pods set")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An ociTest is a bundle, and a file of the node that leaves containers to /bin/echo, which prints
// the command line that an OCI runtime would get.
type ociTest struct{ bundle, node, log, config string }

// newOCITest makes a container with a program. node has more keys of the node's file, and values
// in YAML.
func newOCITest(t *testing.T, program string, node map[string]string, change func(*specs.Spec)) ociTest {
	t.Helper()
	dir := t.TempDir()
	limit := int64(1 << 30)
	spec := specs.Spec{
		Version: "1.0.2", Root: &specs.Root{Path: "rootfs", Readonly: true},
		Process: &specs.Process{Args: []string{"/app.wasm", "-v"}, Env: []string{"PATH=/bin", "A=b c", "TMPDIR=/tmp", "PWD=/x"}, Cwd: "/data"},
		Linux:   &specs.Linux{Resources: &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}},
	}
	if change != nil {
		change(&spec)
	}
	config, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	c := ociTest{dir, filepath.Join(dir, "oci.yaml"), filepath.Join(dir, "log.json"), filepath.Join(dir, "config.json")}
	keys := map[string]string{"runtime": "/bin/echo", "program": static(t), "cache": filepath.Join(dir, "cache")}
	maps.Copy(keys, node)
	text := ""
	for key, value := range keys {
		text += fmt.Sprintf("%s: %s\n", key, value)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "rootfs"), 0o755), os.WriteFile(filepath.Join(dir, "rootfs", "app.wasm"), []byte(program), 0o755),
		os.WriteFile(c.config, config, 0o600), os.WriteFile(c.node, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	return c
}

// run runs a command of an OCI runtime, and returns what /bin/echo and the log have got.
func (c ociTest) run(t *testing.T, command string) (code int, printed, logged string) {
	t.Helper()
	for _, dir := range []string{scratch, os.TempDir(), filepath.Dir(static(t))} { // the user who compiles must reach them
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	code, stdout, _ := execute(t, "oci", "--config", c.node, "--root", "/r", "--log", c.log, "--log-format", "json", command, "--bundle", c.bundle, "id")
	var entry struct{ Msg string }
	if text, err := os.ReadFile(c.log); err == nil {
		if err := json.Unmarshal(text, &entry); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	return code, strings.TrimSpace(stdout), entry.Msg
}

// changed returns the configuration that the OCI runtime gets.
func (c ociTest) changed(t *testing.T) (s specs.Spec) {
	t.Helper()
	text, err := os.ReadFile(c.config)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestOCI tests the container that the OCI runtime gets, and that the second one of a module is not
// compiled again.
func TestOCI(t *testing.T) {
	policy := file(t, "policy.yaml", "allow: [resolve *]\ndeny: [dial tcp *:25]\n")
	c := newOCITest(t, ending, map[string]string{"policy": "[" + policy + "]", "grace": "5s", "log-format": "json"}, func(s *specs.Spec) {
		s.Annotations = map[string]string{annotated + "listen": ":8080\n:8081", annotated + "grace": "20s", "other.example/dir": "/"}
	})
	code, printed, logged := c.run(t, "create")
	if want := "--root /r --log " + c.log + " --log-format json create --bundle " + c.bundle + " id"; code != 0 || printed != want || logged != "" {
		t.Fatalf("%d, %s, %q; want %s", code, printed, logged, want)
	}
	s := c.changed(t)
	want := []string{"/.wasisock/wasisock", "run", "--dir=/.wasisock/root:/", "--cache=/.wasisock/code", "--allow=resolve *", "--deny=dial tcp *:25",
		"--listen=:8080", "--listen=:8081", "--grace=20s", "--max-memory=805306368", "--log-format=json", "--env=PATH", "--env=A", "--env=TMPDIR=/tmp", "--env=PWD=/data", "/app.wasm", "-v"}
	if !slices.Equal(s.Process.Args, want) {
		t.Errorf("%q\nwant %q", s.Process.Args, want)
	}
	if want := []string{"PATH=/bin", "A=b c", "TMPDIR=/.wasisock/tmp"}; !slices.Equal(s.Process.Env, want) {
		t.Errorf("%q, want %q", s.Process.Env, want)
	}
	sources := map[string]string{}
	for _, m := range s.Mounts {
		sources[m.Destination] = m.Source
		if m.Type == "bind" && !slices.Contains(m.Options, "ro") {
			t.Errorf("%+v can be written to", m)
		}
	}
	code1 := sources["/.wasisock/code"]
	wantSources := map[string]string{"/.wasisock/root": filepath.Join(c.bundle, "rootfs"), "/.wasisock/wasisock": static(t), "/.wasisock/tmp": "tmpfs", "/.wasisock/code": code1}
	if !maps.Equal(sources, wantSources) || filepath.Dir(code1) != filepath.Join(c.bundle, "cache") {
		t.Errorf("%q, want %q", sources, wantSources)
	}
	// The compiled code is used.
	if code, _, stderr := execute(t, "run", "--cache", code1, filepath.Join(c.bundle, "rootfs", "app.wasm")); code != 0 || stderr != "" {
		t.Errorf("%d, %q", code, stderr)
	}
	before, err := os.Stat(code1)
	if err != nil {
		t.Fatal(err)
	}
	// A changed container is left alone, since its program is wasisock.
	if code, _, _ := c.run(t, "create"); code != 0 || !reflect.DeepEqual(c.changed(t), s) {
		t.Errorf("%d, %q", code, c.changed(t).Process.Args)
	}
	again := newOCITest(t, ending, map[string]string{"cache": filepath.Dir(code1)}, nil)
	if code, _, logged := again.run(t, "run"); code != 0 {
		t.Errorf("%d, %s", code, logged)
	}
	if after, err := os.Stat(code1); err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the module is compiled again: %v", err)
	}
}

// TestOCILeavesAlone tests what goes on to the OCI runtime unchanged.
func TestOCILeavesAlone(t *testing.T) {
	for name, c := range map[string]struct{ program, command string }{
		"a native program": {"\x7fELF", "create"}, "another command": {ending, "kill"}, "a script": {"#!/app.wasm", "run"},
	} {
		// An annotation is about modules alone: pods have native containers too.
		o := newOCITest(t, c.program, nil, func(s *specs.Spec) { s.Annotations = map[string]string{annotated + "dir": "/"} })
		before, err := os.ReadFile(o.config)
		if err != nil {
			t.Fatal(err)
		}
		code, printed, logged := o.run(t, c.command)
		after, err := os.ReadFile(o.config)
		if code != 0 || !strings.Contains(printed, c.command+" --bundle") || logged != "" || err != nil || string(before) != string(after) {
			t.Errorf("%s: %d, %s, %q; %s", name, code, printed, logged, after)
		}
	}
	// The flag is wasisock's in front of the command alone.
	dir := t.TempDir()
	node := filepath.Join(dir, "oci.yaml")
	if err := os.WriteFile(node, []byte("runtime: echo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, stdout, _ := execute(t, "oci", "--config="+node, "exec", "--config", "x", "id"); code != 0 || stdout != "exec --config x id\n" {
		t.Errorf("%d, %q", code, stdout)
	}
}

// TestOCIRefuses tests the errors, which stand in the log of the OCI runtime, and change nothing.
func TestOCIRefuses(t *testing.T) {
	annotate := func(name, value string) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Annotations = map[string]string{annotated + name: value} }
	}
	for _, test := range []struct {
		key, value string // in the node's file
		change     func(*specs.Spec)
		want       string
	}{
		{"", "", annotate("dir", "/:/"), "annotation wasisock.dev/dir: this flag cannot be set"},
		{"", "", annotate("log-guest", "true"), "--log-guest has no fields in plain messages"},
		{"annotations", "[grace]", annotate("listen", ":80"), "does not let pods set this flag"},
		{"annotations", "[]", annotate("grace", "1s"), "does not let pods set this flag"},
		{"annotations", "[dir]", nil, `annotations cannot set "dir"`},
		{"dir", "['/:/']", nil, `unknown key "dir"`},
		{"policy", "[/none]", nil, "/none"},
		{"grace", "1", nil, "grace: want text such as 10s"},
		{"runtime", "/none", nil, "the OCI runtime is missing"},
		{"runtime", executable(t), nil, "is this wasisock"},
		{"program", "wasisock", nil, `program: the path "wasisock" is relative`},
		{"cache", "code", nil, `cache: the path "code" is relative`},
		{"tls-roots", "roots.pem", nil, `tls-roots: the path "roots.pem" is relative`},
		{"program", "/bin/sh", nil, "needs shared libraries"},
		{"program", "/etc/passwd", nil, "is not a program"},
		{"", "", func(s *specs.Spec) {
			s.Mounts = []specs.Mount{{Destination: "/.wasisock/root", Type: "bind", Source: "/"}}
		}, "is the directory of wasisock"},
	} {
		node := map[string]string{}
		if test.key != "" {
			node[test.key] = test.value
		}
		c := newOCITest(t, ending, node, test.change)
		code, printed, logged := c.run(t, "create")
		if code != 125 || printed != "" || !strings.Contains(logged, test.want) {
			t.Errorf("%s: %s: %d, %s, %q; want %s", test.key, test.value, code, printed, logged, test.want)
		}
		if test.key != "runtime" && c.changed(t).Process.Args[0] != "/app.wasm" {
			t.Errorf("%s: %s: the container is changed", test.key, test.value)
		}
	}
	// Who else can write to the node's file is root on the node.
	c := newOCITest(t, ending, nil, nil)
	if err := os.Chmod(c.node, 0o666); err != nil {
		t.Fatal(err)
	}
	if code, _, logged := c.run(t, "kill"); code != 125 || !strings.Contains(logged, "group or others can write") {
		t.Errorf("%d, %q", code, logged)
	}
}

// TestOCIMemory tests the guest's share of the memory of its container.
func TestOCIMemory(t *testing.T) {
	const m = 1 << 20
	for _, test := range []struct {
		limit     int64
		memory    string
		instances string
		want, err string
	}{
		{1024 * m, "", "", "805306368", ""},
		{1024 * m, "auto", "3", "268435456", ""},
		{1024 * m, "2G", "", "2G", ""},
		{64 * m, "", "", "", ""},
		{64 * m, "auto", "", "", "is too low"},
		{0, "auto", "", "auto", ""},
		{-1, "", "", "", ""},
	} {
		given := cli.Given{}
		for name, v := range map[string]string{"max-memory": test.memory, "instances": test.instances} {
			if v != "" {
				given[name] = []string{v}
			}
		}
		err := shareMemory(&specs.Linux{Resources: &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &test.limit}}}, given)
		if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%+v: %v", test, err)
		}
		if got := strings.Join(given["max-memory"], ","); err == nil && got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
	if err := shareMemory(nil, cli.Given{}); err != nil {
		t.Error(err)
	}
}

// TestOCIByName tests that a link named wasisock-oci is wasisock oci.
func TestOCIByName(t *testing.T) {
	c := newOCITest(t, ending, nil, nil)
	link := filepath.Join(t.TempDir(), ociName)
	if err := os.Symlink(static(t), link); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{"--config " + c.node + " state id": "state id\n", "--help": "usage: wasisock oci"} {
		if out, err := exec.Command(link, strings.Fields(args)...).CombinedOutput(); err != nil || !strings.HasPrefix(string(out), want) {
			t.Errorf("%s: %v, %q; want %q", args, err, out, want)
		}
	}
}

// TestOCICannotCompile tests a module that cannot be compiled in time: the container compiles it,
// and the node does not try again at once.
func TestOCICannotCompile(t *testing.T) {
	for name, c := range map[string]ociTest{
		"too slow":         newOCITest(t, ending, map[string]string{"compile-timeout": "1ns"}, nil),
		"not a module":     newOCITest(t, "\x00asm\x01\x00\x00\x00rest", nil, nil),
		"no cache by file": newOCITest(t, ending, map[string]string{"cache": "'-'"}, nil),
		"no cache": newOCITest(t, ending, nil, func(s *specs.Spec) {
			s.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.UserNamespace}}
		}),
	} {
		code, _, logged := c.run(t, "create")
		if code != 0 || !slices.Contains(c.changed(t).Process.Args, "--cache=-") {
			t.Errorf("%s: %d, %q, %q", name, code, logged, c.changed(t).Process.Args)
		}
		entries, _ := filepath.Glob(filepath.Join(c.bundle, "cache", "*.wasisock"))
		if known := len(entries) == 1; known == strings.HasPrefix(name, "no cache") {
			t.Errorf("%s: the cache has %q", name, entries)
		}
	}
}
