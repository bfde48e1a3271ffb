//go:build unix

package codecache

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func open(t *testing.T, dir string, size int64) *Cache {
	t.Helper()
	c, err := Open(dir, "", size, nil)
	if err != nil || c == nil {
		t.Fatal(c, err)
	}
	return c
}

// put adds an entry of n bytes with a name, last used that long ago.
func put(t *testing.T, c *Cache, name string, n int, ago time.Duration) {
	t.Helper()
	temp, err := c.Temp()
	if err != nil {
		t.Fatal(err)
	}
	defer Remove(temp)
	if err := os.WriteFile(filepath.Join(temp, "code"), make([]byte, n), 0o600); err != nil {
		t.Fatal(err)
	}
	if path := c.Put(name, temp); path != filepath.Join(c.dir, name) {
		t.Fatalf("%s is at %s", name, path)
	}
	age(t, filepath.Join(c.dir, name+marker), ago)
}

func age(t *testing.T, file string, ago time.Duration) {
	t.Helper()
	at := time.Now().Add(-ago)
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
}

func names(dir string) (all []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), marker) {
			all = append(all, e.Name())
		}
	}
	return all
}

// TestWhatIsDeleted tests a cache of 100 bytes among files of others.
func TestWhatIsDeleted(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, 100)
	others := []string{strings.Repeat("f", 32), "server.wasm", "tmp-0"}
	for _, name := range others {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "file"), make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
		age(t, filepath.Join(dir, name), 10*abandoned)
	}
	put(t, c, "a", 40, 3*time.Hour)
	put(t, c, "b", 40, 2*time.Hour)
	if c.Get("a") == "" { // and so b was not used for longest
		t.Error("a is not found")
	}
	temp, err := c.Temp()
	if err != nil {
		t.Fatal(err)
	}
	left, err := c.Temp()
	if err != nil {
		t.Fatal(err)
	}
	age(t, left+marker, 2*abandoned)
	put(t, c, "c", 60, 0)
	want := append([]string{"a", "c", filepath.Base(temp)}, others...)
	slices.Sort(want)
	if got := names(dir); !slices.Equal(got, want) {
		t.Errorf("there is %q, want %q", got, want)
	}
	put(t, c, "c", 200, 0) // in place of another, and alone larger than it may be
	if got := names(dir); !slices.Contains(got, "c") || slices.Contains(got, "a") {
		t.Errorf("there is %q", got)
	}
	if size := Size(filepath.Join(dir, "c")); size != 200 {
		t.Errorf("c has %d bytes", size)
	}
}

// TestNone holds that a nil cache stores nothing and finds nothing.
func TestNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{Off, file, filepath.Join(file, "x")} {
		var warned bytes.Buffer
		c, err := Open(dir, "", 0, &warned)
		if c != nil || err != nil || strings.Contains(warned.String(), "nothing is cached: ") == (dir == Off) {
			t.Errorf("%s: %v, %v, %q", dir, c, err, &warned)
		}
		temp, err := c.Temp()
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(temp); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		if at := c.Put("x", temp); at != temp || c.Get("x") != "" || c.Remove("x") != nil {
			t.Errorf("it is at %s", at)
		}
		Remove(temp)
	}
}

// TestNotWritable tests that a line reports a named directory that cannot get an entry.
func TestNotWritable(t *testing.T) {
	const dir = "/proc/self/fdinfo" // also for root
	if _, err := os.Stat(dir); err != nil {
		t.Skip("there is no directory that root cannot write to")
	}
	var warned bytes.Buffer
	c, err := Open(dir, "", 0, &warned)
	if err != nil {
		t.Fatal(err)
	}
	temp, err := c.Temp()
	if err != nil {
		t.Fatal(err)
	}
	defer Remove(temp)
	if at := c.Put("x", temp); at != temp || !strings.Contains(warned.String(), "cannot be written to; fill it by wasisock compile\n") {
		t.Errorf("it is at %s, told is %q", at, &warned)
	}
	if _, err := os.Stat(temp); err != nil {
		t.Error(err)
	}
}

// TestMadeForThisUserAlone creates directories under umasks that would give or take rights.
func TestMadeForThisUserAlone(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	for _, mask := range []int{0, 0o002, 0o177, 0o777} {
		syscall.Umask(0o022)
		top := filepath.Join(t.TempDir(), "a")
		syscall.Umask(mask)
		dir := filepath.Join(top, "b", "c")
		c, err := Open(dir, "", 0, nil)
		if err != nil || c == nil {
			t.Fatalf("umask %o: %v, %v", mask, c, err)
		}
		temp, err := c.Temp()
		if err != nil {
			t.Fatalf("umask %o: %v", mask, err)
		}
		for _, d := range []string{top, filepath.Dir(dir), dir, temp} {
			if info, err := os.Stat(d); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("umask %o: %s: %v, %v", mask, d, info.Mode(), err)
			}
		}
	}
}

func TestUnsafe(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", home)
	dir, err := Dir("x")
	if err != nil {
		t.Fatal(err)
	}
	own := func(warn *bytes.Buffer) *Cache {
		c, err := Open("", "x", 0, warn)
		if err != nil {
			t.Error(err)
		}
		return c
	}
	var warned bytes.Buffer
	if c := own(&warned); c == nil || warned.Len() > 0 {
		t.Fatalf("%v, %q", c, &warned)
	}
	for _, test := range []struct {
		name   string
		spoil  func(string) error
		remedy string
	}{
		{"group", func(dir string) error { return os.Chmod(dir, 0o770) }, "run chmod go-w " + dir},
		{"others", func(dir string) error { return os.Chmod(dir, 0o702) }, "run chmod go-w " + dir},
		{"another user's", func(dir string) error { return os.Chown(dir, 65534, -1) }, "name a directory of your own"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.spoil(dir); err != nil {
				t.Skip(err) // only root can give a directory away
			}
			defer func() { os.Chown(dir, os.Geteuid(), -1); os.Chmod(dir, 0o700) }()
			if c, err := Open(dir, "", 0, nil); c != nil || err == nil || !strings.Contains(err.Error(), test.remedy) {
				t.Errorf("%v, %v, want %q", c, err, test.remedy)
			}
			if own(&warned) != nil {
				t.Error("the user's cache is used")
			}
		})
	}
	if text := warned.String(); strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "nothing is cached: ") {
		t.Errorf("the warnings are %q, want one", text)
	}
	if err := os.Chmod(filepath.Dir(dir), 0o777); err != nil {
		t.Fatal(err)
	}
	if own(&warned) != nil {
		t.Error("the user's cache is used, and others can replace it")
	}
	if err := Secure(filepath.Dir(dir)); err != nil || own(&warned) == nil {
		t.Errorf("%v; it is not secure", err)
	}
}
