//go:build linux || darwin

package wazero

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
	"github.com/wasisock/wasisock/internal/codecache"
	"github.com/wasisock/wasisock/internal/progress"
)

// cachedFiles is the files of machine code below dir.
func cachedFiles(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) != ".wasisock" && filepath.Base(path) != finishedFile {
			files = append(files, path)
		}
		return nil
	})
	return files
}

// moduleFile is the file beside the code of the only entry in dir.
func moduleFile(t *testing.T, dir string) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "*", finishedFile))
	if len(files) != 1 {
		t.Fatalf("%q, want one file", files)
	}
	return files[0]
}

func runCached(t *testing.T, dir string) {
	t.Helper()
	if code, err := runAs(t.Context(), asm.Exit(asm.ConstI32(7)).Bytes(), Config{CacheDir: dir}, &host.Cmd{}); code != 7 || err != nil {
		t.Errorf("%d, %v", code, err)
	}
}

// TestLoadingIsNotCompiling reads Progress of a module that is compiled, and then is not.
func TestLoadingIsNotCompiling(t *testing.T) {
	before := progress.Silence
	progress.Silence = 0
	defer func() { progress.Silence = before }()
	var code []byte // takes a while
	for range 20_000 {
		code = append(code, asm.Block(asm.ConstI32(1), asm.Drop)...)
	}
	wasm := asm.Exit(code, asm.ConstI32(0)).Bytes()
	dir := t.TempDir()
	for i, want := range []string{"compiling it", ""} {
		var out strings.Builder
		m, err := Compile(t.Context(), wasm, Config{CacheDir: dir, Name: "it", Progress: &out})
		if err != nil {
			t.Fatal(err)
		}
		m.Close()
		if !strings.HasPrefix(out.String(), want) || want == "" && out.String() != "" {
			t.Errorf("time %d: %q", i, out.String())
		}
	}
}

func TestCompiledCodeIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "directory")
	runCached(t, dir)
	files := cachedFiles(t, dir)
	if len(files) != 1 {
		t.Fatalf("%q, want one file", files)
	}
	before, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	runCached(t, dir)
	after, err := os.Stat(files[0])
	if err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the file was written anew: %v, %v", after, err)
	}
}

func TestTheUsersCacheIsTheDefault(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
	runCached(t, "")
	if files := cachedFiles(t, home); len(files) != 1 || !strings.Contains(files[0], "wasisock") {
		t.Errorf("%q", files)
	}
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	runCached(t, "")
}

func TestCacheOff(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Chdir(dir)
	runCached(t, CacheOff)
	if files := cachedFiles(t, dir); files != nil {
		t.Errorf("%q", files)
	}
}

// TestCachesThatFail holds that a guest runs nevertheless.
func TestCachesThatFail(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
	}{
		{"a file in the place of the directory", func(t *testing.T, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			write(t, dir, "")
		}},
		{"a file in the place of the guest's directory", func(t *testing.T, dir string) {
			entries, _ := os.ReadDir(dir)
			if err := os.RemoveAll(filepath.Join(dir, entries[0].Name())); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, entries[0].Name()), "")
		}},
		{"a directory in the place of the code", func(t *testing.T, dir string) {
			file := cachedFiles(t, dir)[0]
			os.Remove(file)
			if err := os.MkdirAll(filepath.Join(file, "x"), 0o777); err != nil {
				t.Fatal(err)
			}
		}},
		{"no module", func(t *testing.T, dir string) { os.Remove(moduleFile(t, dir)) }},
		{"an empty module", func(t *testing.T, dir string) { write(t, moduleFile(t, dir), "") }},
		{"another module", func(t *testing.T, dir string) {
			write(t, moduleFile(t, dir), string(asm.Exit(asm.ConstI32(8)).Bytes()))
		}},
		{"empty code", func(t *testing.T, dir string) { write(t, cachedFiles(t, dir)[0], "") }},
		{"code that is something else", func(t *testing.T, dir string) { write(t, cachedFiles(t, dir)[0], strings.Repeat("nonsense", 1000)) }},
		{"cut code", func(t *testing.T, dir string) {
			file := cachedFiles(t, dir)[0]
			code, _ := os.ReadFile(file)
			write(t, file, string(code[:len(code)/2]))
		}},
		{"code with a wrong byte", func(t *testing.T, dir string) {
			file := cachedFiles(t, dir)[0]
			code, _ := os.ReadFile(file)
			code[len(code)/2] ^= 1
			write(t, file, string(code))
		}},
		{"code that may not be written or read", func(t *testing.T, dir string) {
			file := cachedFiles(t, dir)[0]
			if err := os.Chmod(file, 0); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Dir(file), 0o500); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.Chmod(filepath.Dir(file), 0o700) })
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			runCached(t, dir)
			test.spoil(t, dir)
			runCached(t, dir)
			runCached(t, dir)
		})
	}
}

// TestCacheThatOthersCanChange holds that such a cache is not used.
func TestCacheThatOthersCanChange(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "wasisock", "wazero")
	if err := codecache.MakeDir(dir); err != nil {
		t.Fatal(err)
	}
	for _, unsafe := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(unsafe, 0o770); err != nil {
			t.Fatal(err)
		}
		t.Setenv("XDG_CACHE_HOME", filepath.Dir(filepath.Dir(dir)))
		t.Setenv("HOME", filepath.Dir(filepath.Dir(dir)))
		if runtime.GOOS == "linux" {
			runCached(t, "")
		}
		if err := os.Chmod(filepath.Dir(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Compile(t.Context(), asm.Exit(asm.ConstI32(7)).Bytes(), Config{CacheDir: dir}); err == nil || !strings.Contains(err.Error(), "run chmod go-w "+dir) {
		t.Errorf("%v, want the remedy", err)
	}
	if files := cachedFiles(t, dir); files != nil {
		t.Errorf("there is %q", files)
	}
}
