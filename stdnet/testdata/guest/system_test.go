//go:build wasip1

package guest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestErrnoText wants the texts of Linux, which programs look for.
func TestErrnoText(t *testing.T) {
	for e, want := range map[syscall.Errno]string{
		syscall.EACCES: "permission denied", syscall.EADDRINUSE: "address already in use",
		syscall.EADDRNOTAVAIL: "cannot assign requested address", syscall.EAGAIN: "resource temporarily unavailable",
		syscall.EBADF: "bad file descriptor", syscall.ECONNABORTED: "software caused connection abort",
		syscall.ECONNREFUSED: "connection refused", syscall.ECONNRESET: "connection reset by peer",
		syscall.EHOSTUNREACH: "no route to host", syscall.EISCONN: "transport endpoint is already connected",
		syscall.EMFILE: "too many open files", syscall.ENETUNREACH: "network is unreachable",
		syscall.ENOENT: "no such file or directory", syscall.ENOSYS: "function not implemented",
		syscall.ENOTCONN: "transport endpoint is not connected", syscall.ENOTSUP: "operation not supported",
		syscall.EPIPE: "broken pipe", syscall.EROFS: "read-only file system", syscall.ETIMEDOUT: "connection timed out",
	} {
		if got := e.Error(); got != want {
			t.Errorf("errno %d is %q, want %q", e, got, want)
		}
	}
	for e := syscall.E2BIG; e <= syscall.ENOTCAPABLE; e++ {
		text := e.Error()
		if strings.HasPrefix(text, "errno ") || text != strings.ToLower(text) || strings.HasSuffix(text, ".") {
			t.Errorf("errno %d is %q", e, text)
		}
	}
	if !syscall.ENFILE.Temporary() || !syscall.EMFILE.Temporary() || syscall.ECONNREFUSED.Temporary() {
		t.Error("ENFILE and EMFILE alone are temporary")
	}
	for _, e := range []error{syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.ENOSYS} {
		if !errors.Is(e, errors.ErrUnsupported) {
			t.Errorf("%v is not errors.ErrUnsupported", e)
		}
	}
}

func TestPipe(t *testing.T) {
	pipe := func() (r, w *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		return r, w
	}
	t.Run("a reader waits", func(t *testing.T) {
		r, w := pipe()
		got := make(chan string)
		go func() {
			lines := bufio.NewScanner(r)
			for lines.Scan() {
				got <- lines.Text()
			}
			close(got)
		}()
		for i := range 100 {
			fmt.Fprintln(w, "line", i)
			if line := <-got; line != fmt.Sprint("line ", i) {
				t.Fatalf("line %d is %q", i, line)
			}
		}
		w.Close()
		if line, ok := <-got; ok {
			t.Fatalf("after the end: %q", line)
		}
	})
	t.Run("a writer waits", func(t *testing.T) {
		r, w := pipe()
		sent := make(chan error)
		text := strings.Repeat("0123456789", 100_000)
		go func() {
			_, err := io.WriteString(w, text)
			w.Close()
			sent <- err
		}()
		time.Sleep(time.Millisecond)
		got, err := io.ReadAll(r)
		if string(got) != text || err != nil || <-sent != nil {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	})
	t.Run("deadlines and closing", func(t *testing.T) {
		r, w := pipe()
		r.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after the deadline: %v", err)
		}
		r.SetReadDeadline(time.Time{})
		ended := make(chan error)
		go func() { _, err := r.Read(make([]byte, 1)); ended <- err }()
		time.Sleep(10 * time.Millisecond)
		r.Close()
		if err := <-ended; !errors.Is(err, os.ErrClosed) {
			t.Errorf("a reader whose end is closed: %v", err)
		}
		if _, err := w.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("nobody reads: %v", err)
		}
	})
	t.Run("a writer sees the reader go", func(t *testing.T) {
		r, w := pipe()
		ended := make(chan error)
		go func() { _, err := w.Write(make([]byte, 1<<20)); ended <- err }()
		time.Sleep(10 * time.Millisecond)
		r.Close()
		if err := <-ended; !errors.Is(err, syscall.EPIPE) {
			t.Errorf("%v", err)
		}
	})
	t.Run("ends", func(t *testing.T) {
		r, w := pipe()
		if _, err := r.Write([]byte("x")); !errors.Is(err, syscall.EBADF) {
			t.Errorf("writing where one reads: %v", err)
		}
		if _, err := w.Read(make([]byte, 1)); !errors.Is(err, syscall.EBADF) {
			t.Errorf("reading where one writes: %v", err)
		}
		if _, err := r.Seek(0, io.SeekStart); !errors.Is(err, syscall.ESPIPE) {
			t.Errorf("seeking: %v", err)
		}
		if _, err := r.Stat(); err != nil {
			t.Error(err)
		}
		if _, err := net.FileConn(r); err == nil {
			t.Error("a pipe is a connection")
		}
	})
	t.Run("many, and a connection", func(t *testing.T) {
		client, server, _ := pair(t, "tcp", "127.0.0.1:0")
		for range 50 {
			r, w := pipe()
			go io.Copy(w, server)
			go io.WriteString(client, "0123456789")
			if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
			server.SetReadDeadline(time.Now())
			time.Sleep(time.Millisecond)
			server.SetReadDeadline(time.Time{})
			r.Close()
			w.Close()
		}
		r, _ := pipe()
		if r.Fd() > 1<<31+100 {
			t.Errorf("descriptor %d: numbers are not used again", r.Fd())
		}
	})
}

func TestInterfaces(t *testing.T) {
	all := must[[]net.Interface](t)(net.Interfaces())
	if len(all) == 0 || all[0].Name != "lo" || all[0].Flags&net.FlagLoopback == 0 {
		t.Fatalf("%v, want lo first", all)
	}
	addrs := must[[]net.Addr](t)(all[0].Addrs())
	if len(addrs) == 0 || addrs[0].String() != "127.0.0.1/8" {
		t.Errorf("lo has %v", addrs)
	}
	for _, ifi := range all {
		if got := must[*net.Interface](t)(net.InterfaceByName(ifi.Name)); got.Index != ifi.Index {
			t.Errorf("%v and %v", got, ifi)
		}
		must[*net.Interface](t)(net.InterfaceByIndex(ifi.Index))
	}
	c, err := net.Dial("udp", "192.0.2.1:9")
	if err != nil {
		return // no route
	}
	defer c.Close()
	ip := c.LocalAddr().(*net.UDPAddr).IP
	for _, a := range must[[]net.Addr](t)(net.InterfaceAddrs()) {
		if a.(*net.IPNet).IP.Equal(ip) {
			return
		}
	}
	t.Errorf("no interface has %v, from which packets go", ip)
}

// TestFilesNone is for a guest without any directory.
func TestFilesNone(t *testing.T) {
	_, open := os.Open("/etc/config")
	_, stat := os.Stat("config")
	_, create := os.Create("/x")
	_, link := os.Readlink("/x")
	_, zone := time.LoadLocation("Europe/Nowhere")
	if zone == nil || !strings.Contains(zone.Error(), "unknown time zone") {
		t.Errorf("LoadLocation: %v", zone)
	}
	for _, err := range []error{open, stat, create, link, os.Remove("/x"), os.Mkdir("/d", 0o777), os.Rename("/x", "/y"), os.Link("/x", "/y"),
		os.Symlink("x", "/y"), os.Chdir("/d"), os.Truncate("/x", 0), os.Chtimes("/x", time.Now(), time.Now())} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v is not fs.ErrNotExist", err)
		}
	}
}

func read(t *testing.T, path, want string) {
	t.Helper()
	if b, err := os.ReadFile(path); string(b) != want || err != nil {
		t.Errorf("%s: %q, %v, want %q", path, b, err, want)
	}
}

// TestFilesBelow is for a guest with the directories /etc/one, writable, and /etc/two,
// not; and /etc/two is not /etc/twofold.
func TestFilesBelow(t *testing.T) {
	read(t, "/etc/one/file", "one")
	read(t, "/etc/two/file", "two")
	read(t, "/etc/two/../one/file", "one")
	for _, path := range []string{"/etc/twofold/file", "/etc/twofile", "/file", "/etc/other/file"} {
		if _, err := os.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want fs.ErrNotExist", path, err)
		}
	}
	if err := os.Chdir("/etc/two"); err != nil {
		t.Fatal(err)
	}
	read(t, "file", "two")
	read(t, "../one/file", "one")
	for _, dir := range []string{"/etc/one", "/etc/two"} {
		entries, err := os.ReadDir(dir)
		if len(entries) == 0 || err != nil {
			t.Errorf("%s: %v, %v", dir, entries, err)
		}
		for _, e := range entries {
			if _, err := e.Info(); err != nil {
				t.Errorf("%s: %v", dir, err)
			}
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := root.Open("file"); err != nil {
			t.Error(err)
		} else {
			f.Close()
		}
		f, err := root.Create("made")
		if dir == "/etc/one" != (err == nil) {
			t.Errorf("a file made in %s: %v", dir, err)
		}
		f.Close()
		root.Close()
		if err := os.WriteFile(dir+"/written", []byte("new"), 0o666); dir == "/etc/one" != (err == nil) {
			t.Errorf("a file written in %s: %v", dir, err)
		}
		if f, err := os.OpenFile(dir+"/file", os.O_RDWR, 0); dir == "/etc/one" != (err == nil) {
			t.Errorf("a file of %s opened for writing: %v", dir, err)
		} else {
			f.Close()
		}
	}
	read(t, "/etc/one/written", "new")
	f := must[*os.File](t)(os.OpenFile("/etc/one/written", os.O_APPEND|os.O_WRONLY, 0))
	fmt.Fprint(f, "er")
	f.Close()
	read(t, "/etc/one/written", "newer")
	if err := os.Truncate("/etc/one/written", 3); err != nil {
		t.Error(err)
	}
	read(t, "/etc/one/written", "new")
}

// TestFilesPrefix is for a guest with a directory at / and one at /data.
func TestFilesPrefix(t *testing.T) {
	read(t, "/database/file", "right")
	read(t, "/data/file", "data")
	read(t, "/data/../database/file", "right")
	if info, err := os.Stat("/data"); err != nil || !info.IsDir() {
		t.Errorf("/data: %v, %v", info, err)
	}
}

// TestZone is for a guest with zoneinfo, and TZ=America/New_York.
func TestZone(t *testing.T) {
	at := time.Date(2026, 3, 8, 6, 59, 59, 0, time.UTC)
	if got := at.Local().Format("15:04 MST") + " " + at.Add(time.Second).Local().Format("15:04 MST"); got != "01:59 EST 03:00 EDT" {
		t.Errorf("when clocks go forward it is %s", got)
	}
}

// TestStdin reads a line of standard input, while other goroutines run.
func TestStdin(t *testing.T) {
	fmt.Println("waiting")
	ticks := 0
	done := make(chan bool)
	go func() {
		for ; ticks < 20; ticks++ {
			time.Sleep(5 * time.Millisecond)
		}
		fmt.Println("ticked")
		close(done)
	}()
	lines := bufio.NewScanner(os.Stdin)
	for _, want := range []string{"one", "two"} {
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("read %q, %v, want %q", lines.Text(), lines.Err(), want)
		}
	}
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("after the end: %q, %v", lines.Text(), lines.Err())
	}
	<-done
}

// TestStdout writes more to standard output than a pipe holds.
func TestStdout(t *testing.T) {
	line := strings.Repeat("x", 499) + "\n"
	for i := range 2000 {
		if n, err := os.Stdout.WriteString(line); err != nil {
			t.Fatalf("line %d: %d, %v", i, n, err)
		}
	}
}
