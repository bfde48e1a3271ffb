package confine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
)

// An order describes the work of a test's child: it confines itself, or not, and tries everything.
type order struct {
	Confine bool
	Without bool   // as on a kernel without Landlock
	Dir     string // with the directories in, ro, bind, unlink, rmdir and out
	Named   uint16 // ports where the test listens
	Other   uint16
	Needs   Needs
}

func TestMain(m *testing.M) {
	if text := os.Getenv("WASISOCK_TEST_CONFINE"); text != "" {
		os.Unsetenv("WASISOCK_TEST_CONFINE")
		var o order
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			panic(err)
		}
		o.obey()
		os.Exit(0)
	}
	if len(os.Args) == 2 && os.Args[1] == "started-again" {
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// An attempt is something that a process may try. The result is nil if it succeeds.
type attempt struct {
	name string
	try  func() error
}

// A worker is a goroutine with a thread of its own.
type worker chan func()

func newWorker() worker {
	w := make(worker)
	started := make(chan bool)
	go func() {
		runtime.LockOSThread()
		started <- true
		for do := range w {
			do()
		}
	}()
	<-started
	return w
}

func (w worker) run(try func() error) (err error) {
	done := make(chan bool)
	w <- func() { err = try(); done <- true }
	<-done
	return err
}

// obey prints the result of each attempt, on a thread from before the confinement, and in capitals
// if a later thread has another result.
func (o order) obey() {
	before := newWorker()
	var busy [10]worker
	for i := range busy {
		busy[i] = newWorker()
	}
	waiting, _, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	go syscall.Read(int(waiting.Fd()), make([]byte, 1)) // a thread in a call that does not return
	if o.Without {
		if err := withoutLandlock(); err != nil {
			fmt.Println("no seccomp:", err)
			return
		}
	}
	if o.Confine {
		if err := o.Needs.Apply(); err != nil {
			panic(err)
		}
	}
	for _, a := range o.attempts() {
		err := before.run(a.try)
		if later := newWorker().run(a.try); (later == nil) != (err == nil) && a.name[0] != '-' {
			fmt.Printf("%s: later thread: %v\n", a.name, later)
		}
		result := "yes"
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EXDEV) {
			result = "no"
		} else if err != nil {
			result = err.Error()
		}
		fmt.Printf("%s: %s\n", strings.TrimPrefix(a.name, "-"), result)
	}
	statuses, _ := filepath.Glob("/proc/self/task/*/status")
	privileged := 0
	for _, file := range statuses {
		if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "\nNoNewPrivs:\t1\n") {
			privileged++
		}
	}
	fmt.Printf("of more than 10 threads, every one without new privileges: %v\n", map[bool]string{true: "yes", false: "no"}[privileged == 0 && len(statuses) > 10])
}

// withoutLandlock makes landlock_create_ruleset fail as in a kernel without Landlock.
func withoutLandlock() error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_LANDLOCK_CREATE_RULESET},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}

// attempts returns all attempts. Those whose name begins with - can be made only once.
func (o order) attempts() []attempt {
	at := func(path string) string { return filepath.Join(o.Dir, path) }
	read := func(path string) func() error {
		return func() error { _, err := os.ReadFile(path); return err }
	}
	write := func(path string) func() error {
		return func() error { return os.WriteFile(path, []byte("x"), 0o666) }
	}
	list := func(path string) func() error {
		return func() error { _, err := os.ReadDir(path); return err }
	}
	create := func(path string) func() error {
		return func() error {
			f, err := os.CreateTemp(path, "new-")
			if err == nil {
				f.Close()
			}
			return err
		}
	}
	rename := func(from, to string) func() error {
		return func() error { return os.Rename(at(from), at(to)) }
	}
	bind := func(path string) func() error {
		return func() error {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
			if err != nil {
				return err
			}
			return l.Close() // which removes the file
		}
	}
	dial := func(network, to string) func() error {
		return func() error {
			c, err := net.Dial(network, to)
			if err == nil {
				c.Close()
			}
			return err
		}
	}
	listen := func(port uint16) func() error {
		return func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			if err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(port), Addr: [4]byte{127, 0, 0, 1}}); err == unix.EADDRINUSE {
				err = nil // and so not refused
			}
			return err
		}
	}
	local := func(port uint16) string { return fmt.Sprintf("127.0.0.1:%d", port) }
	start := func(name string, args ...string) func() error {
		return func() error { return exec.Command(name, args...).Run() }
	}
	truth, _ := exec.LookPath("true")
	return []attempt{
		{"read what may be read", read(at("ro/file"))},
		{"list it", list(at("ro"))},
		{"write there", write(at("ro/file"))},
		{"create there", create(at("ro"))},
		{"truncate there", func() error { return os.Truncate(at("ro/file"), 0) }},
		{"read what may be changed", read(at("in/file"))},
		{"write it", write(at("in/file"))},
		{"create in it", create(at("in"))},
		{"-make a directory in it", func() error { return os.Mkdir(at("in/made"), 0o700) }},
		{"-link symbolically in it", func() error { return os.Symlink(at("out/file"), at("in/link")) }},
		{"read by that link", read(at("in/link"))},
		{"-rename in it to another directory", rename("in/file2", "in/made/file2")},
		{"-rename it out", rename("in/file", "out/moved")},
		{"-rename into it", rename("out/file2", "in/moved")},
		{"-link it out", func() error { return os.Link(at("in/file3"), at("out/linked")) }},
		{"-link into it", func() error { return os.Link(at("out/file"), at("in/linked")) }},
		{"bind in it", bind(at("in/s"))},
		{"read elsewhere", read(at("out/file"))},
		{"read elsewhere by /proc", read("/proc/self/root" + at("out/file"))},
		{"read elsewhere from there", read(at("in/../out/file"))},
		{"list elsewhere", list(at("out"))},
		{"write elsewhere", write(at("out/file"))},
		{"truncate elsewhere", func() error { return os.Truncate(at("out/file"), 0) }},
		{"create elsewhere", create(at("out"))},
		{"bind elsewhere", bind(at("out/s"))},
		{"-remove elsewhere", func() error { return os.Remove(at("out/file3")) }},
		{"-remove a directory elsewhere", func() error { return os.Remove(at("out/empty")) }},
		{"bind where sockets may be", bind(at("bind/s"))},
		{"create there, too", create(at("bind"))},
		{"-remove where files may be removed", func() error { return os.Remove(at("unlink/file")) }},
		{"bind there", bind(at("unlink/s"))},
		{"-remove a directory where these may be", func() error { return os.Remove(at("rmdir/empty")) }},
		{"-remove a file there", func() error { return os.Remove(at("rmdir/file")) }},
		{"read a user's password", read("/etc/passwd")},
		{"read the resolver's files", read("/etc/hosts")},
		{"read of itself", read("/proc/self/status")},
		{"read of its parent", read(fmt.Sprintf("/proc/%d/environ", os.Getppid()))},
		{"start a program", start(truth)},
		{"start itself", start("/proc/self/exe", "started-again")},
		{"-start what it has written", func() error {
			text, err := os.ReadFile("/proc/self/exe")
			if err == nil {
				err = os.WriteFile(at("in/program"), text, 0o700)
			}
			if err != nil {
				return err
			}
			return start(at("in/program"), "started-again")()
		}},
		{"dial a port that is named", dial("tcp", local(o.Named))},
		{"dial another", dial("tcp", local(o.Other))},
		{"bind to a port that is named", listen(o.Named)},
		{"bind to another", listen(o.Other)},
		{"dial a UNIX socket elsewhere", dial("unix", at("out/there"))},
		{"dial an abstract one", dial("unix", "@"+at("there"))},
		{"signal its parent", func() error { return syscall.Kill(os.Getppid(), 0) }},
	}
}

// TestAConfinedProcessDoesNotGetOut confines a child, which makes all attempts. Another child, which
// is not confined, shows that they can succeed.
func TestAConfinedProcessDoesNotGetOut(t *testing.T) {
	denied := []string{
		"write there", "create there", "truncate there", "read by that link", "rename it out", "rename into it", "link it out", "link into it",
		"read elsewhere", "read elsewhere by /proc", "read elsewhere from there", "list elsewhere", "write elsewhere", "create elsewhere", "bind elsewhere",
		"remove elsewhere", "remove a directory elsewhere", "create there, too", "bind there", "remove a file there", "read a user's password",
		"read of its parent", "start a program", "start what it has written",
	}
	if ABI() >= 3 {
		denied = append(denied, "truncate elsewhere")
	}
	if ABI() >= PortsABI {
		denied = append(denied, "dial another", "bind to another")
	}
	// Without this fix go-landlock does not restrict signals.
	if errata, _ := ll.LandlockGetErrata(); ABI() >= 6 && errata&2 != 0 {
		denied = append(denied, "dial an abstract one", "signal its parent")
	}
	const without = "a kernel without Landlock"
	for _, test := range []struct {
		name   string
		needs  func(dir string, named uint16) Needs
		denied []string
	}{
		{without, func(dir string, named uint16) Needs { return Needs{} }, nil},
		{"not at all", nil, []string{"of more than 10 threads, every one without new privileges"}},
		{"confined", func(dir string, named uint16) Needs {
			return Needs{
				Read: []string{dir + "/ro", dir + "/none"}, Write: []string{dir + "/in"}, Bind: []string{dir + "/bind"}, Unlink: []string{dir + "/unlink"}, Rmdir: []string{dir + "/rmdir"},
				Dial: []host.PortRange{{Low: named, High: named}}, Listen: []host.PortRange{{Low: named, High: named}},
			}
		}, denied},
		{"any network", func(dir string, _ uint16) Needs {
			return Needs{
				Read: []string{dir + "/ro/file", dir + "/ro"}, Write: []string{dir + "/in"}, Bind: []string{dir + "/bind"}, Unlink: []string{dir + "/unlink"}, Rmdir: []string{dir + "/rmdir"},
				Dial: []host.PortRange{{Low: 80, High: 80}, {Low: 0, High: 65535}}, Listen: []host.PortRange{{Low: 0, High: 65535}}, Abstract: true,
			}
		}, slices.DeleteFunc(slices.Clone(denied), func(name string) bool {
			return slices.Contains([]string{"dial another", "bind to another", "dial an abstract one"}, name)
		})},
	} {
		t.Run(test.name, func(t *testing.T) {
			if abi := ABI(); abi < MinABI && test.denied != nil {
				t.Skipf("the kernel has Landlock's ABI %d, and %d is needed; run it on Linux 5.19 or later with landlock in lsm=", abi, MinABI)
			}
			dir, err := os.MkdirTemp("/tmp", "confine") // short, for sockets
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			for _, path := range []string{"ro/file", "in/file", "in/file2", "in/file3", "out/file", "out/file2", "out/file3", "unlink/file", "rmdir/file", "bind/", "out/empty/", "rmdir/empty/"} {
				file := filepath.Join(dir, path)
				if strings.HasSuffix(path, "/") {
					err = os.MkdirAll(file, 0o700)
				} else if err = os.MkdirAll(filepath.Dir(file), 0o700); err == nil {
					err = os.WriteFile(file, []byte("text"), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			o := order{Dir: dir, Confine: test.needs != nil, Without: test.name == without}
			for _, port := range []*uint16{&o.Named, &o.Other} {
				l := listenTest(t, "tcp", "127.0.0.1:0")
				*port = uint16(l.Addr().(*net.TCPAddr).Port)
			}
			listenTest(t, "unix", dir+"/out/there")
			listenTest(t, "unix", "@"+dir+"/there")
			if o.Confine {
				o.Needs = test.needs(dir, o.Named)
			}
			text, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(cmd.Environ(), "WASISOCK_TEST_CONFINE="+string(text))
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, &stderr)
			}
			if text, ok := strings.CutPrefix(string(out), "no seccomp:"); ok {
				t.Skip("only root can have such a kernel here; run it as root:", text)
			}
			lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
			if want := len(o.attempts()) + 1; len(lines) != want {
				t.Errorf("%d lines, want %d: %s", len(lines), want, out)
			}
			for _, line := range lines {
				name, result, _ := strings.Cut(line, ": ")
				want := "yes"
				if slices.Contains(test.denied, name) {
					want = "no"
				}
				if result != want {
					t.Errorf("%s: %s, want %s", name, result, want)
				}
			}
		})
	}
}

func listenTest(t *testing.T, network, at string) net.Listener {
	l, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	return l
}

func TestTempDir(t *testing.T) {
	if abi := ABI(); abi < MinABI {
		t.Skipf("the kernel has Landlock's ABI %d, and %d is needed; run it on Linux 5.19 or later with landlock in lsm=", abi, MinABI)
	}
	top := t.TempDir()
	t.Setenv("TMPDIR", top)
	in, remove, err := TempDir()
	if err != nil || in != top || filepath.Dir(os.TempDir()) != top {
		t.Fatalf("%s, %s, %v", in, os.TempDir(), err)
	}
	if info, err := os.Stat(os.TempDir()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if f, err := os.Open(os.TempDir()); err != nil || unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != unix.EWOULDBLOCK {
		t.Errorf("%v: it is not locked", err)
	}
	if err := os.MkdirAll(filepath.Join(os.TempDir(), "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	remove()
	if left, err := os.ReadDir(top); len(left) > 0 || err != nil || os.TempDir() != top {
		t.Errorf("%v, %v, %s", left, err, os.TempDir())
	}
	t.Setenv("TMPDIR", filepath.Join(top, "none"))
	if _, _, err := TempDir(); err == nil {
		t.Error("a directory in none")
	}
}
