//go:build linux || darwin

package wasmedge

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/internal/codecache"
)

// module is a guest that returns at once.
const module = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x04\x01\x02\x00\x0b"

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o777); err != nil {
		t.Fatal(err)
	}
	return file
}

// alone hides every installed wasmedge from the test, except in /bin and /usr/bin, and returns an
// empty cache directory.
func alone(t *testing.T) (cache string) {
	t.Helper()
	for _, minor := range Minors {
		t.Setenv(Variable(minor), "")
	}
	t.Setenv("PATH", "/bin:/usr/bin")
	t.Setenv("WASISOCK_WASMEDGE_PREFIX", "")
	cache = t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache) // macOS derives the cache directory from it
	return cache
}

func named(version string) string { return "#!/bin/sh\necho wasmedge version " + version + "\n" }

func TestFind(t *testing.T) {
	ctx := context.Background()
	alone(t)
	dir, err := codecache.Dir("wasmedge")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Find(ctx, "0.14"); err == nil || !strings.Contains(err.Error(), "scripts/get-wasmedge.sh 0.14") {
		t.Errorf("found where there is none: %v", err)
	}
	found := func(where string) string {
		t.Helper()
		p, err := Find(ctx, "0.14")
		if err != nil || p.Version != "0.14.1" {
			t.Errorf("%s: %+v, %v", where, p, err)
		}
		return p.From
	}

	unpacked := filepath.Join(dir, "trixie-0.14-amd64")
	if err := os.MkdirAll(unpacked, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(unpacked, "wasmedge"), []byte(named("0.14.1")), 0o777); err != nil {
		t.Fatal(err)
	}
	if from := found("the cache"); from != dir {
		t.Errorf("from %s", from)
	}

	inPath := filepath.Dir(write(t, "wasmedge", named("0.17.1")))
	t.Setenv("PATH", inPath+":"+os.Getenv("PATH"))
	if from := found("another version in PATH"); from != dir {
		t.Errorf("from %s", from)
	}
	if p, err := Find(ctx, "0.17"); err != nil || p.From != "PATH" {
		t.Errorf("%+v, %v", p, err)
	}

	t.Setenv("WASISOCK_WASMEDGE_014", write(t, "any", named("0.14.1")))
	if from := found("the variable"); from != "WASISOCK_WASMEDGE_014" {
		t.Errorf("from %s", from)
	}
	for text, says := range map[string]string{
		named("0.17.1"):         "which is wasmedge 0.17.1; name one that is 0.14",
		"#!/bin/sh\nexit 3\n":   "does not start: exit status 3",
		"#!/bin/sh\necho hello": `says "hello" and no version`,
	} {
		t.Setenv("WASISOCK_WASMEDGE_014", write(t, "any", text))
		if _, err := Find(ctx, "0.14"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v; want %q", text, err, says)
		}
	}
}

func TestOutput(t *testing.T) {
	for file, want := range map[string]string{"a/b.wasm": "a/b.aot-0.14.wasm", "b": "b.aot-0.14.wasm"} {
		if got := Output(file, "0.14"); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

func TestCompile(t *testing.T) {
	for _, minor := range Minors {
		t.Run(minor, func(t *testing.T) {
			if os.Getenv(Variable(minor)) == "" {
				say := t.Skipf
				if os.Getenv("WASISOCK_ENGINES") == "required" {
					say = t.Fatalf
				}
				say("%s does not name a wasmedge %s; make test-engines fetches both versions", Variable(minor), minor)
			}
			p, err := Find(context.Background(), minor)
			if err != nil {
				t.Fatal(err)
			}
			alone(t)
			in := write(t, "m.wasm", module)
			out := Output(in, minor)
			var progress bytes.Buffer
			if code, err := p.Compile(in, out, &progress); code != 0 || err != nil {
				t.Fatalf("%d, %v", code, err)
			}
			first, err := os.ReadFile(out)
			if err != nil || len(first) < 2*len(module) || !bytes.HasPrefix(first, []byte(module[:8])) {
				t.Fatalf("%d bytes, %v", len(first), err)
			}
			if text, err := exec.Command(p.Path, out).CombinedOutput(); err != nil {
				t.Errorf("it does not run: %v, %s", err, text)
			}

			cached := Program{Path: "/nowhere", Version: p.Version}
			if code, err := cached.Compile(in, out, &progress); code != 0 || err != nil {
				t.Errorf("the second time: %d, %v", code, err)
			}
			if code, err := p.Compile(write(t, "m.wasm", module[:20]), out, &progress); code == 0 || err == nil || !strings.Contains(err.Error(), "could not compile") {
				t.Errorf("half a module: %d, %v", code, err)
			}
			if second, _ := os.ReadFile(out); !bytes.Equal(first, second) {
				t.Error("what failed has changed what was there")
			}
			cache, _ := codecache.Dir("aot")
			if entries, _ := os.ReadDir(cache); len(entries) != 2 { // the code and its marker
				t.Errorf("the cache has %v", entries)
			}
		})
	}
}

func TestACacheThatCannotBeWritten(t *testing.T) {
	alone(t)
	t.Setenv("XDG_CACHE_HOME", "/dev/null")
	t.Setenv("HOME", "/dev/null")
	in := write(t, "m.wasm", module)
	_, err := Program{Path: "/nowhere", Version: "0.14.1"}.Compile(in, Output(in, "0.14"), new(bytes.Buffer))
	if err == nil || !strings.Contains(err.Error(), "name another directory in XDG_CACHE_HOME") {
		t.Error(err)
	}
}

func TestProgress(t *testing.T) {
	slow := Program{Path: write(t, "slow", "#!/bin/sh\nsleep 2.3\ncp $2 $3\n"), Version: "0.14.1"}
	alone(t)
	in := write(t, "m.wasm", module)
	var progress bytes.Buffer
	code, err := slow.Compile(in, Output(in, "0.14"), &progress)
	want := regexp.MustCompile(`^compiling m\.wasm for wasmedge 0\.14\.1: 2 s\n(compiling .*\n)*compiled m\.wasm for wasmedge 0\.14\.1 in \d+ s\n$`)
	if code != 0 || err != nil || !want.MatchString(progress.String()) {
		t.Errorf("%d, %v, %q; want %q", code, err, &progress, want)
	}
}
