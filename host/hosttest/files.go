package hosttest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
)

// aboutFiles tests directories and files.
var aboutFiles = []sentence{
	{
		says: "a guest works with files in its directories",
		test: filesInside,
	},
	{
		says:    "a guest works with files by os.Root",
		promise: promiseFiles,
		test:    filesByRoot,
	},
	{
		says:    "a guest changes nothing in a read-only directory",
		promise: promiseFiles,
		test:    filesReadOnly,
	},
	{
		says:    "no path or symbolic link leads out of a directory",
		promise: promiseFiles,
		test:    filesOutside,
	},
	{
		says:    "no link that a guest makes leads out of a directory",
		promise: promiseFiles,
		test:    filesLinks,
	},
	{
		says:    "no path leads out of a directory while another guest changes what it passes",
		promise: promiseFiles,
		test:    filesRace,
	},
	{
		says: "a guest that has the directory / follows links everywhere",
		test: wholeFileSystem,
	},
	{
		says: "a write of several buffers ends where a FIFO is full, and says how much it took",
		test: fullFIFO,
	},
}

// What operations return that are refused.
const (
	refused  = "Operation not permitted"
	readOnly = "Read-only file system"
)

func filesInside(t *testing.T, b *bench) {
	b.files(t, [][2]string{
		{"write /rw/a text", ""},
		{"read /rw/a", "text"},
		{"mkdir /rw/d", ""},
		{"rename /rw/a /rw/d/b", ""},
		{"read /rw/d/../d/b", "text"},
		{"link /rw/hard /rw/d/b", ""},
		{"read /rw/hard", "text"},
		{"symlink /rw/soft d/b", ""},
		{"read /rw/soft", "text"},
		{"readlink /rw/soft", "d/b"},
		{"symlink /rw/d/up ../hard", ""},
		{"read /rw/d/up", "text"},
		{"chtimes /rw/soft", ""},
		{"list /rw", "/rw,/rw/d,/rw/d/b,/rw/d/up,/rw/hard,/rw/inside,/rw/outside,/rw/outside-file,/rw/outside-relative,/rw/soft"},
		{"remove /rw/soft", ""},
		{"remove /rw/d/b", ""},
		{"read /rw/none", "No such file or directory"},
		{"write /rw/none/file text", "No such file or directory"},
		{"read /rw/inside", "inside"},
	})
}

func filesByRoot(t *testing.T, b *bench) {
	b.files(t, [][2]string{
		{"root /rw", ""},
		{"root-write a text", ""},
		{"root-read a", "text"},
		{"root-symlink soft a", ""},
		{"root-read soft", "text"},
		{"root-open inside", ""},
		{"root-open outside", "Too many symbolic links"},
		{"root-open outside/", refused},
		{"root-open outside/secret", refused},
		{"root-symlink up ..", refused},
		{"root-symlink up /", refused},
		{"root-remove outside", ""},
	})
}

func filesReadOnly(t *testing.T, b *bench) {
	b.files(t, [][2]string{
		{"read /ro/file", "inside"},
		{"list /ro", "/ro,/ro/file"},
		{"write /ro/file text", readOnly},
		{"write /ro/new text", readOnly},
		{"create /ro/new", readOnly},
		{"truncate /ro/file", readOnly},
		{"mkdir /ro/new", readOnly},
		{"remove /ro/file", readOnly},
		{"rename /ro/file /ro/new", readOnly},
		{"symlink /ro/new file", readOnly},
		{"link /ro/new /ro/file", readOnly},
		{"chtimes /ro/file", readOnly},
		{"read /ro/file", "inside"},
	})
}

func filesOutside(t *testing.T, b *bench) {
	b.files(t, [][2]string{
		{"read /secret", "Bad file number"},
		{"read /rw/../secret", "Bad file number"},
		{"read /rw/outside/secret", refused},
		{"read /rw/outside-file", refused},
		{"read /rw/outside-relative", refused},
		{"stat /rw/outside", refused},
		{"stat /rw/outside/secret", refused},
		{"lstat /rw/outside", ""},
		{"lstat /rw/outside/secret", refused},
		{"write /rw/outside/new text", refused},
		{"write /rw/outside-file text", refused},
		{"mkdir /rw/outside/new", refused},
		{"remove /rw/outside/secret", refused},
		{"rename /rw/outside/secret /rw/mine", refused},
		{"rename /rw/inside /rw/outside/mine", refused},
		{"link /rw/mine /rw/outside/secret", refused},
		{"link /rw/mine /rw/outside-file", refused},
		{"link /rw/outside/mine /rw/inside", refused},
		{"chtimes /rw/outside/secret", refused},
		{"list /rw/outside", "/rw/outside"},
		{"readlink /rw/outside/secret", refused},
	})
}

func filesLinks(t *testing.T, b *bench) {
	b.files(t, [][2]string{
		{"symlink /rw/a /etc", refused},
		{"symlink /rw/a ..", refused},
		{"symlink /rw/a ../secret", refused},
		{"mkdir /rw/d", ""},
		{"symlink /rw/d/a ../../secret", refused},
		{"symlink /rw/outside/a inside", refused},
		{"mkdir /rw/d/e", ""},
		{"symlink /rw/d/e/up ../..", ""},
		{"read /rw/d/e/up/inside", "inside"},
		{"rename /rw/d/e/up /rw/up", ""},
		{"read /rw/up/secret", refused},
		{"write /rw/up/new text", refused},
	})
}

func filesRace(t *testing.T, b *bench) {
	duration := 10 * time.Second
	if testing.Short() {
		duration = time.Second
	}
	root := t.TempDir()
	write(t, filepath.Join(root, "dir", "d", "file"), "inside")
	write(t, filepath.Join(root, "secret", "file"), "outside")
	if err := os.Symlink("../secret", filepath.Join(root, "dir", "link")); err != nil {
		t.Fatal(err)
	}
	start := func(out io.Writer, args ...string) *host.Cmd {
		cmd := commandOf(t, b.compiled(t, Config{}), args...)
		cmd.Dirs = []host.Dir{{Host: filepath.Join(root, "dir"), Guest: "/dir"}}
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	var swapped, read bytes.Buffer
	swap := start(&swapped, "swap", "/dir")
	race := start(&read, "race", "/dir", duration.String())
	if err := race.Wait(); err != nil {
		t.Error(err)
	}
	if err := swap.Stop(); err != nil && !errors.Is(err, host.ErrNotInterruptible) {
		t.Error(err)
	}
	if err := swap.Wait(); !errors.Is(err, host.ErrStopped) {
		t.Error(err)
	}
	if swapped.Len() > 0 || read.String() != "inside\n" {
		t.Errorf("the guest that swaps prints %q, and the other read %q", &swapped, &read)
	}
	entries, err := os.ReadDir(filepath.Join(root, "secret"))
	if err != nil || len(entries) != 1 {
		t.Errorf("outside are %v, %v", entries, err)
	}
	if info, err := os.Stat(filepath.Join(root, "secret", "file")); err != nil || info.ModTime().Unix() == 7 {
		t.Errorf("the file outside was changed: %v, %v", info, err)
	}
}

// files runs file operations one after another in one guest, which has readable and
// writable directories beside a secret outside of both. Each operation is followed by
// what it returns.
func (b *bench) files(t *testing.T, ops [][2]string) {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "secret"), "secret")
	write(t, filepath.Join(root, "ro", "file"), "inside")
	write(t, filepath.Join(root, "rw", "inside"), "inside")
	for link, target := range map[string]string{
		"outside":          root,
		"outside-file":     filepath.Join(root, "secret"),
		"outside-relative": "../secret",
	} {
		if err := os.Symlink(target, filepath.Join(root, "rw", link)); err != nil {
			t.Fatal(err)
		}
	}
	cfg := command(t, "files")
	var want strings.Builder
	for _, op := range ops {
		cfg.Args = append(cfg.Args, op[0])
		want.WriteString(op[0] + ": " + op[1] + "\n")
	}
	cfg.Dirs = []host.Dir{
		{Host: filepath.Join(root, "rw"), Guest: "/rw"},
		{Host: filepath.Join(root, "ro"), Guest: "/ro", ReadOnly: true},
	}
	var out bytes.Buffer
	cfg.Stdout = &out
	if code, err := b.runProgram(t, t.Context(), Config{}, cfg); code != 0 || err != nil {
		t.Fatal(code, err)
	}
	got, wanted := strings.Split(out.String(), "\n"), strings.Split(want.String(), "\n")
	for i := range wanted {
		if i >= len(got) || got[i] != wanted[i] {
			t.Errorf("got  %q\nwant %q", got[min(i, len(got)-1)], wanted[i])
		}
	}
	if text, err := os.ReadFile(filepath.Join(root, "secret")); string(text) != "secret" || err != nil {
		t.Errorf("the secret is %q, %v", text, err)
	}
	if entries, _ := os.ReadDir(root); len(entries) != 3 {
		t.Errorf("the guest left something outside: %v", entries)
	}
}

func wholeFileSystem(t *testing.T, b *bench) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "text")
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "file"), link); err != nil {
		t.Fatal(err)
	}
	cfg := command(t, "files", "read "+link)
	cfg.Dirs = []host.Dir{{Host: "/", Guest: "/"}}
	var out bytes.Buffer
	cfg.Stdout = &out
	code, err := b.runProgram(t, t.Context(), Config{}, cfg)
	if code != 0 || err != nil || out.String() != "read "+link+": text\n" {
		t.Errorf("%d, %v, %s", code, err, &out)
	}
}

// fullFIFO writes three buffers to a FIFO that takes the first and a part of the second.
func fullFIFO(t *testing.T, b *bench) {
	const iovs, name, fd, written = 0, 64, 1 << 20, 1<<20 + 4
	const create, nonblock, mayWrite = 0, 4, 1 << 6
	data := make([]byte, 1<<20)
	copy(data[iovs:], iovecs(40<<10, 1<<20, 4<<10))
	copy(data[name:], "fifo")
	for i := range data[1024:] {
		data[1024+i] = byte(i >> 8)
	}
	m := asm.Exit(
		asm.ConstI32(3), asm.ConstI32(0), asm.ConstI32(name), asm.ConstI32(4), asm.ConstI32(create),
		asm.ConstI64(mayWrite), asm.ConstI64(0), asm.ConstI32(nonblock), asm.ConstI32(fd), asm.Call(1), asm.Drop,
		asm.ConstI32(fd), asm.LoadI32, asm.ConstI32(iovs), asm.ConstI32(3), asm.ConstI32(written), asm.Call(2), asm.Drop,
		asm.ConstI32(written), asm.LoadI32)
	m.Imports = append(m.Imports, asm.Func{Name: "path_open", Params: "iiiiiIIii", Results: "i"}, asm.Func{Name: "fd_write", Params: "iiii", Results: "i"})
	m.Pages, m.Data = uint64(len(data)/pageSize)+1, string(data)
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	makeFIFO(t, fifo)
	code, err := b.run(t.Context(), m.Bytes(), &host.Cmd{Dirs: []host.Dir{{Host: dir, Guest: "/"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Concat(data[:40<<10], data) // all buffers begin at address 0
	if code <= 40<<10 || code >= len(want) {
		t.Fatalf("%d bytes were written", code)
	}
	reader, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	got := make([]byte, code)
	if _, err := io.ReadFull(reader, got); err != nil || !bytes.Equal(got, want[:code]) {
		t.Errorf("%v, or other bytes", err)
	}
	if err := reader.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := reader.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes more were written, %v", n, err)
	}
}
