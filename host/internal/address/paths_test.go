//go:build linux || darwin

package address

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/sockabi"
)

// tree returns a new directory whose path is short enough for sockets, and has no symbolic links.
func tree(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wasisock")
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func mounted(t *testing.T, guest, host string, readOnly bool) *Paths {
	t.Helper()
	p := new(Paths)
	if err := p.Mount(guest, host, readOnly); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestWherePathsLead(t *testing.T) {
	dir := tree(t)
	err := errors.Join(
		os.MkdirAll(dir+"/data/sub", 0o777),
		os.Mkdir(dir+"/other", 0o777),
		os.Symlink("sub", dir+"/data/inside"),
		os.Symlink("../other", dir+"/data/outside"),
		os.Symlink("/", dir+"/data/absolute"),
		os.Symlink("loop", dir+"/data/loop"),
		os.Symlink("sub/s", dir+"/data/link"),
	)
	if err != nil {
		t.Fatal(err)
	}
	p := mounted(t, "/data", dir+"/data", false)
	if err := p.Mount("/data/deep", dir+"/other", false); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path, real string // real is below dir
		want       error
	}{
		{"/data/s", "/data/s", nil},
		{"/data/./sub//s", "/data/sub/s", nil},
		{"/data/sub/../s", "/data/s", nil},
		{"/data/inside/s", "/data/sub/s", nil},
		{"/data/link", "/data/sub/s", nil},
		{"/data/deep/s", "/other/s", nil},
		{"/data/outside/s", "", unix.EPERM},
		{"/data/absolute/s", "", unix.EPERM},
		{"/data/loop", "", unix.ELOOP},
		{"/data/missing/s", "", unix.ENOENT},
		{"/data", "", unix.EISDIR},
	} {
		e := p.At(test.path)
		_, err := e.Reach()
		want := test.real
		if want != "" {
			want = dir + want
		}
		if got := e.Place.RealPath(); got != want || err != test.want && (test.want != nil || err != unix.ENOENT) {
			t.Errorf("%s leads to %q, %v; want %q, %v", test.path, got, err, want, test.want)
		}
		e.Release()
	}
	for host, want := range map[string]string{
		dir + "/data/sub/s": "/data/sub/s",
		dir + "/other/s":    "/data/deep/s",
		dir + "/dat":        dir + "/dat",
		"@name":             "@name",
	} {
		if got := p.InGuest(Endpoint{Family: sockabi.AF_UNIX, Path: host}).Path; got != want {
			t.Errorf("%s is %s in the guest, want %s", host, got, want)
		}
	}
}

func TestFilesOfSockets(t *testing.T) {
	dir := tree(t)
	p := mounted(t, "/data", dir, false)
	for _, name := range []string{"kept", "replaced"} {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		e := p.At("/data/" + name)
		if err := p.Bind(fd, e.Place); err != nil {
			t.Fatal(err)
		}
		e.Release()
	}
	if err := errors.Join(os.Remove(dir+"/replaced"), os.WriteFile(dir+"/replaced", nil, 0o666)); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if _, err := os.Lstat(dir + "/kept"); !os.IsNotExist(err) {
		t.Errorf("the file of a socket is left: %v", err)
	}
	if _, err := os.Lstat(dir + "/replaced"); err != nil {
		t.Errorf("another's file is gone: %v", err)
	}
	ro := mounted(t, "/data", dir, true)
	e := ro.At("/data/s")
	defer e.Release()
	if err := ro.Bind(-1, e.Place); err != unix.EROFS {
		t.Errorf("a socket in a read-only directory: %v", err)
	}
}
