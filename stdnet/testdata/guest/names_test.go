//go:build wasip1

package guest

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// open opens a file, for its descriptor.
func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func flock(f *os.File, how int) error { return syscall.Flock(int(f.Fd()), how) }

func TestFlock(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "locked")
	a, b, c, other := open(t, path), open(t, path), open(t, path), open(t, filepath.Join(dir, "other"))
	for i, step := range []struct {
		f    *os.File
		how  int
		want error
	}{
		{a, syscall.LOCK_SH, nil},
		{b, syscall.LOCK_SH | syscall.LOCK_NB, nil},
		{b, syscall.LOCK_EX | syscall.LOCK_NB, syscall.EWOULDBLOCK}, // b's own is given back
		{a, syscall.LOCK_EX | syscall.LOCK_NB, nil},
		{a, syscall.LOCK_EX | syscall.LOCK_NB, nil},
		{b, syscall.LOCK_EX | syscall.LOCK_NB, syscall.EWOULDBLOCK},
		{b, syscall.LOCK_SH | syscall.LOCK_NB, syscall.EWOULDBLOCK},
		{b, syscall.LOCK_UN, nil}, // of a lock that it has not
		{b, syscall.LOCK_SH | syscall.LOCK_NB, syscall.EWOULDBLOCK},
		{other, syscall.LOCK_EX | syscall.LOCK_NB, nil},
		{a, syscall.LOCK_SH, nil},
		{b, syscall.LOCK_SH | syscall.LOCK_NB, nil},
		{a, syscall.LOCK_UN, nil},
		{b, syscall.LOCK_EX | syscall.LOCK_NB, nil},
		{a, 0, syscall.EINVAL},
		{a, syscall.LOCK_SH | syscall.LOCK_EX, syscall.EINVAL},
	} {
		if err := flock(step.f, step.how); err != step.want {
			t.Errorf("step %d: %v, want %v", i, err, step.want)
		}
	}
	b.Close()
	if err := flock(a, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Errorf("after the one that held it was closed: %v", err)
	}
	got := make(chan error, 1)
	go func() { got <- flock(c, syscall.LOCK_EX) }()
	time.Sleep(10 * time.Millisecond)
	select {
	case err := <-got:
		t.Fatalf("a lock that is held: %v", err)
	default:
	}
	if err := flock(a, syscall.LOCK_UN); err != nil {
		t.Error(err)
	}
	if err := <-got; err != nil {
		t.Errorf("after it was unlocked: %v", err)
	}
	if err := syscall.Flock(1<<30, syscall.LOCK_SH); err != syscall.EBADF {
		t.Errorf("no descriptor: %v", err)
	}
}

// TestNames uses what Linux has and WASI has not: it compiles, and fails.
func TestNames(t *testing.T) {
	syscall.ForkLock.RLock()
	syscall.ForkLock.RUnlock()
	_, mmap := syscall.Mmap(0, 0, 4096, syscall.PROT_READ, syscall.MAP_SHARED)
	_, _, ioctl := syscall.Syscall(syscall.SYS_IOCTL, 0, syscall.TCGETS, 0)
	_, process := os.StartProcess("/bin/true", nil, &os.ProcAttr{Sys: &syscall.SysProcAttr{Setpgid: true, Credential: &syscall.Credential{}}})
	for _, err := range []error{mmap, ioctl, process, syscall.Setuid(1), syscall.Getrusage(syscall.RUSAGE_SELF, &syscall.Rusage{})} {
		if !errors.Is(err, syscall.ENOSYS) || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v, want ENOSYS", err)
		}
	}
	if fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0); err != nil {
		t.Error(err)
	} else {
		for _, opt := range []int{syscall.SO_MARK, syscall.SO_PRIORITY, syscall.SO_PASSCRED} {
			if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, opt, 1); err != syscall.ENOPROTOOPT {
				t.Errorf("option %#x: %v, want ENOPROTOOPT", opt, err)
			}
		}
		syscall.Close(fd)
	}
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "file"), os.O_CREATE|os.O_RDWR|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0o666)
	if err != nil {
		t.Error(err)
	}
	f.Write([]byte("text"))
	if info, err := f.Stat(); err != nil {
		t.Error(err)
	} else if st := info.Sys().(*syscall.Stat_t); st.Blocks != 1 || st.Mtim.Nano() != int64(st.Mtime) || st.Mtim.Sec < time.Now().Unix()-60 {
		t.Errorf("%+v", st)
	}
	f.Close()
	rights := syscall.UnixRights(3, 4)
	messages, err := syscall.ParseSocketControlMessage(rights)
	if len(messages) != 1 || err != nil {
		t.Fatalf("%v, %v", messages, err)
	}
	if fds, err := syscall.ParseUnixRights(&messages[0]); len(fds) != 2 || fds[1] != 4 || err != nil {
		t.Errorf("%v, %v", fds, err)
	}
	numbers := map[syscall.Errno]string{}
	for name, e := range map[string]syscall.Errno{"ENOTBLK": syscall.ENOTBLK, "ENODATA": syscall.ENODATA, "EHOSTDOWN": syscall.EHOSTDOWN,
		"ERFKILL": syscall.ERFKILL, "EREMOTE": syscall.EREMOTE, "EBADF": syscall.EBADF, "EXDEV": syscall.EXDEV, "EINTR": syscall.EINTR} {
		if other, twice := numbers[e]; twice || strings.HasPrefix(e.Error(), "errno ") {
			t.Errorf("%s is %d (%v), and so is %q", name, e, e, other)
		}
		numbers[e] = name
	}
	if syscall.EHOSTDOWN.Error() != "host is down" || syscall.EWOULDBLOCK != syscall.EAGAIN || syscall.SIGIO != syscall.SIGPOLL {
		t.Errorf("%v, %v, %v", syscall.EHOSTDOWN, syscall.EWOULDBLOCK, syscall.SIGIO)
	}
	runtime.KeepAlive(syscall.Termios{Iflag: syscall.ICRNL})
}
