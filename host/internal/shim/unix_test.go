//go:build linux || darwin

package shim

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

func TestUnixSockets(t *testing.T) {
	dir, err := os.MkdirTemp("", "wasisock") // t.TempDir is too long for a path on some systems
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for i, name := range []string{filepath.Join(dir, "socket"), "\x00" + dir, filepath.Join(dir, strings.Repeat("x", 106-len(dir)))} {
		if name[0] == 0 && !hasAbstractNames {
			continue
		}
		g := newTester(t, sockets.Config{})
		path := func(fd uint32, getter string) string {
			addr := g.storage(0x3f3f, strings.Repeat("?", 126))
			g.ok(getter, fd, addr, g.alloc(4))
			s := get[sockabi.AddrStorage](g, g.u32(addr))
			if s.Family != local || string(s.Data[108:]) != strings.Repeat("?", 18) {
				t.Errorf("family %d, behind the path %q", s.Family, s.Data[108:])
			}
			return strings.TrimRight(string(s.Data[:108]), "\x00")
		}
		l := g.nonblock(g.open(local, tcp))
		g.ok("sock_bind_v2", l, g.storage(local, name), 0xffff_ffff) // there is no port
		g.ok("sock_listen", l, 4)
		c, out := g.open(local, tcp), g.alloc(4)
		g.ok("sock_connect_v2", c, g.storage(local, name), 0)
		g.waitFor(read(l))
		g.ok("sock_accept", l, sockabi.FDFLAG_NONBLOCK, out)
		a := g.u32(out)
		if path(l, "sock_getlocaladdr") != name || path(c, "sock_getpeeraddr") != name || path(a, "sock_getlocaladdr") != name ||
			path(c, "sock_getlocaladdr") != "" || path(a, "sock_getpeeraddr") != "" {
			t.Errorf("%d: a path is wrong: %q, %q, %q, %q, %q", i, path(l, "sock_getlocaladdr"), path(c, "sock_getpeeraddr"),
				path(a, "sock_getlocaladdr"), path(c, "sock_getlocaladdr"), path(a, "sock_getpeeraddr"))
		}
		g.send(c, "text")
		g.waitFor(read(a))
		if text, _ := g.recv(a); text != "text" {
			t.Errorf("received %q", text)
		}
		g.ok("fd_close", c)
		g.expectPoll("read:0 hangup", read(a), timer(5*time.Second))
		g.want(sockabi.EPIPE, "fd_write", a, g.iovs("x"), 1, g.alloc(4))

		// A native program connects with Go's name for it.
		conn, err := net.Dial("unix", strings.Replace(name, "\x00", "@", 1))
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
}

func TestUnixDatagrams(t *testing.T) {
	dir, err := os.MkdirTemp("", "wasisock")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	g := newTester(t, sockets.Config{})
	a, b := g.nonblock(g.open(local, dgram)), g.nonblock(g.open(local, dgram))
	to := g.storage(local, filepath.Join(dir, "b"))
	g.ok("sock_bind_v2", b, to, 0)
	n, port, flags := g.alloc(4), g.alloc(2), g.alloc(2)
	iovs := g.iovs("????????")
	for _, from := range []string{"", filepath.Join(dir, "a")} {
		if from != "" {
			g.ok("sock_bind_v2", a, g.storage(local, from), 0)
		}
		g.ok("sock_send_to_v2", a, g.iovs("text"), 1, to, 0, 0, n)
		g.waitFor(read(b))
		g.want(sockabi.EINVAL, "sock_recv_from", b, iovs, 1, g.addr("::"), 0, port, n, flags)
		g.want(sockabi.EINVAL, "sock_recv_from", b, iovs, 1, g.addr("::"), 0, n, flags)
		addr := g.storage(0x3f3f, "")
		g.ok("sock_recv_from", b, iovs, 1, addr, 0, port, n, flags)
		s := get[sockabi.AddrStorage](g, g.u32(addr))
		if got := strings.TrimRight(string(s.Data[:]), "\x00"); got != from || g.u32(n) != 4 || (s.Family == local) != (from != "") {
			t.Errorf("%d bytes from %q, family %d, want %q", g.u32(n), got, s.Family, from)
		}
	}
	// The receiver's queue is full, which poll does not report: a blocking call must wait anyway.
	var errno sockabi.Errno
	for range 10_000 {
		if errno = g.call("sock_send_to_v2", a, g.iovs("x"), 1, to, 0, 0, n); errno != 0 {
			break
		}
		g.next -= 32 // what iovs took
	}
	if errno != sockabi.EAGAIN && errno != sockabi.ENOBUFS {
		t.Fatalf("a full queue is %s", errno.Name())
	}
	if errno == sockabi.EAGAIN {
		g.ok("fd_fdstat_set_flags", a, 0)
		g.ok("sock_setsockopt", a, 0, sockabi.SO_SNDTIMEO, g.put(sockabi.Timeval{Microseconds: 10_000}), 16)
		takesAtLeast(t, 10*time.Millisecond, func() {
			g.want(sockabi.EAGAIN, "sock_send_to_v2", a, g.iovs("x"), 1, to, 0, 0, n)
		})
	}
}

func TestUnixNames(t *testing.T) {
	for _, test := range []struct {
		name string
		want string // path, or error
	}{
		{"", "EINVAL"},
		{"\x00\x00\x00", "EINVAL"},
		{"/a\x00/b", "/a"},
		{"\x00a\x00b\x00", "@a\x00b"},
		{"@a", "EINVAL"},
		{"a/b", "EINVAL"},
		{"/" + strings.Repeat("x", 106), "/" + strings.Repeat("x", 106)},
		{"/" + strings.Repeat("x", 107), "ENAMETOOLONG"},
		{"\x00" + strings.Repeat("x", 106), "@" + strings.Repeat("x", 106)},
		{"\x00" + strings.Repeat("x", 107), "ENAMETOOLONG"},
	} {
		b := make([]byte, sunPathSize)
		copy(b, test.name)
		got, errno := unixName(b)
		if errno != 0 {
			got = errno.Name()
		}
		if got != test.want {
			t.Errorf("%q is %q, want %q", test.name, got, test.want)
		}
	}
}

// TestUnixPathsThatChange replaces parts of a path after the policy has decided.
func TestUnixPathsThatChange(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Linux alone connects to a descriptor")
	}
	dir, err := os.MkdirTemp("", "wasisock")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"secret", "data", "data/d"} {
		if err := os.Mkdir(at(name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"secret/s", "data/d/s", "data/d/t"} {
		l, err := net.Listen("unix", at(name))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	var swap func()
	g := newTester(t, sockets.Config{Policy: func(r host.Request) error {
		if got := r.Resolve(); got != r.Path {
			t.Errorf("%s is resolved to %q", r.Path, got)
		}
		swap()
		return nil
	}})
	if err := g.Mount("/data", at("data"), false); err != nil {
		t.Fatal(err)
	}
	connect := func(path string) (sockabi.Errno, string) {
		c := g.open(local, tcp)
		errno := g.call("sock_connect_v2", c, g.storage(local, path), 0)
		sa, _ := unix.Getpeername(g.Socket(c).Queue())
		return errno, address.Of(sa).Path
	}
	descriptors := openFDs(t)

	// The socket becomes a link to another.
	swap = func() {
		if err := errors.Join(os.Remove(at("data/d/t")), os.Symlink(at("secret/s"), at("data/d/t"))); err != nil {
			t.Error(err)
		}
	}
	if errno, peer := connect("/data/d/t"); errno != sockabi.ECONNREFUSED || peer != "" {
		t.Errorf("the link was followed: %s, %q", errno.Name(), peer)
	}
	// Its directory becomes a link to another.
	swap = func() {
		if err := errors.Join(os.Rename(at("data/d"), at("data/e")), os.Symlink(at("secret"), at("data/d"))); err != nil {
			t.Error(err)
		}
	}
	if errno, peer := connect("/data/d/s"); errno != 0 || peer != at("data/d/s") {
		t.Errorf("the link was followed: %s, %q", errno.Name(), peer)
	}
	if n := openFDs(t); n != descriptors+2 { // those of the sockets
		t.Errorf("%d descriptors are open, %d were before two sockets", n, descriptors)
	}
}

func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
