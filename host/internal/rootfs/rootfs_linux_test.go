package rootfs

import (
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"golang.org/x/sys/unix"
)

// kernel does the operations of an FS with plain system calls, in a directory without links that
// lead outside.
type kernel string

func (k kernel) path(name string) string { return string(k) + "/" + name }

func (k kernel) do(op, name, other string) (string, error) {
	switch op {
	case "open":
		return k.open(name, unix.O_RDONLY)
	case "open nofollow":
		return k.open(name, unix.O_RDONLY|unix.O_NOFOLLOW)
	case "open directory":
		return k.open(name, unix.O_RDONLY|unix.O_DIRECTORY)
	case "open for writing":
		return k.open(name, unix.O_WRONLY)
	case "create":
		return k.open(name, unix.O_RDWR|unix.O_CREAT)
	case "create new":
		return k.open(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
	case "stat":
		return mode(os.Stat(k.path(name)))
	case "lstat":
		return mode(os.Lstat(k.path(name)))
	case "mkdir":
		return "", unix.Mkdir(k.path(name), 0o700)
	case "rename":
		return "", unix.Rename(k.path(name), k.path(other))
	case "rmdir":
		return "", unix.Rmdir(k.path(name))
	case "unlink":
		return "", unix.Unlink(k.path(name))
	case "link":
		return "", unix.Link(k.path(name), k.path(other))
	case "symlink":
		return "", unix.Symlink(other, k.path(name))
	case "readlink":
		buf := make([]byte, 100)
		n, err := unix.Readlink(k.path(name), buf)
		return string(buf[:max(n, 0)]), err
	case "utimens":
		return "", unix.UtimesNano(k.path(name), []unix.Timespec{{Sec: 7}, {Nsec: unix.UTIME_OMIT}})
	}
	panic(op)
}

func (k kernel) open(name string, flags int) (string, error) {
	fd, err := unix.Open(k.path(name), flags|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return "", err
	}
	return "", unix.Close(fd)
}

func mode(info fs.FileInfo, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return info.Mode().Type().String(), nil
}

func ours(f *FS, op, name, other string) (string, experimentalsys.Errno) {
	open := func(flag experimentalsys.Oflag) (string, experimentalsys.Errno) {
		file, errno := f.OpenFile(name, flag, 0o600)
		if errno != 0 {
			return "", errno
		}
		return "", file.Close()
	}
	switch op {
	case "open":
		return open(experimentalsys.O_RDONLY)
	case "open nofollow":
		return open(experimentalsys.O_RDONLY | experimentalsys.O_NOFOLLOW)
	case "open directory":
		return open(experimentalsys.O_RDONLY | experimentalsys.O_DIRECTORY)
	case "open for writing":
		return open(experimentalsys.O_WRONLY)
	case "create":
		return open(experimentalsys.O_RDWR | experimentalsys.O_CREAT)
	case "create new":
		return open(experimentalsys.O_RDWR | experimentalsys.O_CREAT | experimentalsys.O_EXCL)
	case "stat":
		st, errno := f.Stat(name)
		return st.Mode.Type().String(), errno
	case "lstat":
		st, errno := f.Lstat(name)
		return st.Mode.Type().String(), errno
	case "mkdir":
		return "", f.Mkdir(name, 0o700)
	case "rename":
		return "", f.Rename(name, other)
	case "rmdir":
		return "", f.Rmdir(name)
	case "unlink":
		return "", f.Unlink(name)
	case "link":
		return "", f.Link(name, other)
	case "symlink":
		return "", f.Symlink(other, name)
	case "readlink":
		return f.Readlink(name)
	case "utimens":
		return "", f.Utimens(name, 7e9, experimentalsys.UTIME_OMIT)
	}
	panic(op)
}

// TestAsTheKernel runs the same random operations with an FS and with system calls, each in a
// directory of its own, and compares their results and the directories at the end.
func TestAsTheKernel(t *testing.T) {
	ops := []string{
		"open", "open nofollow", "open directory", "open for writing", "create", "create new", "stat", "lstat", "mkdir",
		"mkdir", "rename", "rmdir", "unlink", "link", "symlink", "readlink", "utimens",
	}
	names := []string{"a", "b", "d", "d/e", "d/a", "l", "l/e", "a/b", "b/", "d/", "d/e/", "l/", "none/a"}
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		one, two := t.TempDir(), t.TempDir()
		f, err := Open(two)
		if err != nil {
			t.Fatal(err)
		}
		var did []string
		for range 60 {
			op, name, other := ops[random.IntN(len(ops))], names[random.IntN(len(names))], names[random.IntN(len(names))]
			if op == "symlink" {
				other = []string{"a", "d", "none", "l"}[random.IntN(4)]
			}
			did = append(did, fmt.Sprint(op, " ", name, " ", other))
			says, err := kernel(one).do(op, name, other)
			want := experimentalsys.UnwrapOSError(err)
			got, errno := ours(f, op, name, other)
			// If two names are invalid, or one and its slash, either errno may come first.
			several := op == "link" || strings.HasSuffix(name, "/") || strings.HasSuffix(other, "/")
			if (errno == 0) != (want == 0) || errno != want && !several {
				t.Fatalf("seed %d: errno %v, want %v; it did:\n%s", seed, errno, want, strings.Join(did, "\n"))
			}
			if errno == 0 && got != says {
				t.Fatalf("seed %d: %q, want %q; it did:\n%s", seed, got, says, strings.Join(did, "\n"))
			}
		}
		f.Close()
		if got, want := listing(t, two), listing(t, one); got != want {
			t.Fatalf("seed %d leaves:\n%s\nwant:\n%s\nit did:\n%s", seed, got, want, strings.Join(did, "\n"))
		}
	}
}

// listing lists a directory.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target, _ := os.Readlink(path)
		fmt.Fprintln(&b, strings.TrimPrefix(path, dir), info.Mode(), target)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestFIFO tests that opening a FIFO does not wait, and that Interrupt ends a read that waits, and
// later ones.
func TestFIFO(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, errno := f.OpenFile("fifo", experimentalsys.O_WRONLY, 0); errno == 0 {
		t.Error("a FIFO without a reader was opened for writing")
	}
	reader, errno := f.OpenFile("fifo", experimentalsys.O_RDONLY, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	defer reader.Close()
	writer, errno := f.OpenFile("fifo", experimentalsys.O_WRONLY, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	defer writer.Close()
	buf := make([]byte, 10)
	nonblocking := reader.(experimentalsys.PollableFile)
	nonblocking.SetNonblock(true)
	if n, errno := reader.Read(buf); n != 0 || errno != experimentalsys.EAGAIN {
		t.Errorf("read without waiting: %d, %v", n, errno)
	}
	nonblocking.SetNonblock(false)
	if n, errno := writer.Write([]byte("text")); n != 4 || errno != 0 {
		t.Errorf("write: %d, %v", n, errno)
	}
	if n, errno := reader.Read(buf); string(buf[:n]) != "text" || errno != 0 {
		t.Errorf("read: %q, %v", buf[:n], errno)
	}
	time.AfterFunc(50*time.Millisecond, f.Interrupt)
	for range 2 {
		if n, errno := reader.Read(buf); n != 0 || errno == 0 {
			t.Errorf("read when interrupted: %d, %v", n, errno)
		}
	}
}

// TestAppend tests that SetAppend changes where writes go, without opening the file again.
func TestAppend(t *testing.T) {
	dir := t.TempDir()
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	file, errno := f.OpenFile("file", experimentalsys.O_RDWR|experimentalsys.O_CREAT|experimentalsys.O_APPEND, 0o600)
	if errno != 0 {
		t.Fatal(errno)
	}
	defer file.Close()
	if err := os.Rename(filepath.Join(dir, "file"), filepath.Join(dir, "other")); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if _, errno := file.Seek(0, io.SeekStart); errno != 0 {
			t.Fatal(errno)
		}
		if n, errno := file.Write([]byte(text)); n != len(text) || errno != 0 {
			t.Fatal(n, errno)
		}
	}
	write("one")
	write("two")
	if errno := file.SetAppend(false); errno != 0 || file.IsAppend() {
		t.Fatal(errno)
	}
	write("1")
	if errno := file.SetAppend(true); errno != 0 || !file.IsAppend() {
		t.Fatal(errno)
	}
	write("three")
	if text, err := os.ReadFile(filepath.Join(dir, "other")); string(text) != "1netwothree" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestReaddir tests that reading a directory again after a rewind returns new entries, and does not
// depend on the path.
func TestReaddir(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"d", "d/a", "other"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	opened, errno := f.OpenFile("d", experimentalsys.O_RDONLY, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	defer opened.Close()
	for _, rename := range [][2]string{{"d", "moved"}, {"other", "d"}} {
		if errno := f.Rename(rename[0], rename[1]); errno != 0 {
			t.Fatal(errno)
		}
	}
	for _, want := range []string{"a", "a b"} {
		entries, errno := opened.Readdir(-1)
		if errno != 0 {
			t.Fatal(errno)
		}
		var names []string
		for _, e := range entries {
			st, errno := f.Lstat("moved/" + e.Name)
			if errno != 0 || e.Ino != st.Ino || e.Type != fs.ModeDir {
				t.Errorf("%+v; it has inode %d, %v", e, st.Ino, errno)
			}
			names = append(names, e.Name)
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if errno := f.Mkdir("moved/b", 0o700); errno != 0 && errno != experimentalsys.EEXIST {
			t.Fatal(errno)
		}
		if _, errno := opened.Seek(0, io.SeekStart); errno != 0 {
			t.Fatal(errno)
		}
	}
}

// TestRace reads files while another goroutine replaces directories of their paths by links that
// lead outside, as another guest or a program of the host can.
func TestRace(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "inside")
	for _, name := range []string{"inside", "inside/d", "outside"} {
		if err := os.Mkdir(filepath.Join(parent, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"inside/d/file": "inside", "outside/file": "outside"} {
		if err := os.WriteFile(filepath.Join(parent, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../outside", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stop := make(chan struct{})
	var swaps sync.WaitGroup
	swaps.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, rename := range [][2]string{{"d", "x"}, {"link", "d"}, {"d", "link"}, {"x", "d"}} {
				if err := os.Rename(filepath.Join(dir, rename[0]), filepath.Join(dir, rename[1])); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	before := listing(t, filepath.Join(parent, "outside"))
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		if file, errno := f.OpenFile("d/file", experimentalsys.O_RDONLY, 0); errno == 0 {
			buf := make([]byte, 10)
			if n, _ := file.Read(buf); string(buf[:n]) != "inside" {
				t.Errorf("read %q", buf[:n])
			}
			file.Close()
		}
		f.Mkdir("d/made", 0o700)
		f.Rename("d/made", "d/renamed")
		f.Rmdir("d/renamed")
		f.Link("d/file", "d/hard")
		f.Unlink("d/hard")
		f.Symlink("file", "d/soft")
		f.Unlink("d/soft")
		f.Utimens("d/file", 7e9, 7e9)
		f.Chmod("d/file", 0o640)
	}
	close(stop)
	swaps.Wait()
	if after := listing(t, filepath.Join(parent, "outside")); after != before {
		t.Errorf("outside is:\n%s\nand was:\n%s", after, before)
	}
	if info, err := os.Stat(filepath.Join(parent, "outside", "file")); err != nil || info.ModTime().Unix() == 7 {
		t.Errorf("the file outside was changed: %v, %v", info.ModTime(), err)
	}
}
