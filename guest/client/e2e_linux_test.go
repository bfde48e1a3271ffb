package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// listenerThatIsFull returns the address of a listener that lets connections
// wait forever, because its queue is full and nobody accepts.
func listenerThatIsFull(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
	for range 10 {
		c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("a listener with no queue took ten connections")
	return ""
}

// cpuTime is how much a process has used so far, all its threads together.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		t.Fatalf("/proc/%d/stat is %q", pid, stat)
	}
	return time.Duration(user+system) * (time.Second / 100)
}

func TestURLsThatCannotBeReachedEndInOneLineEach(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		full := listenerThatIsFull(t)
		good := serve(t, says("HTTP/1.1 200 OK\r\n\r\nhello"))
		stdout, stderr, status := e.run(t, "-q", "-timeout", "2s",
			"https://127.0.0.1/", "127.0.0.1:1", "http://127.255.255.255:9/", "http://"+full, "http://nowhere.invalid/", "http://a b/", "http://"+good)
		for _, want := range []string{
			"https://127.0.0.1/: https is not spoken here, only http",
			"http://127.0.0.1:1: connection refused",
			"http://127.255.255.255:9/: network is unreachable",
			"http://" + full + ": timed out after 2s while connecting",
			"http://nowhere.invalid/: no such host (EAI_NONAME)",
			"http://a b/: bad URL: invalid character \" \" in host name",
		} {
			if strings.Count(stderr, want+"\n") != 1 {
				t.Errorf("stderr has not once the line %q:\n%s", want, stderr)
			}
		}
		if want := "http://ADDR: 200 OK, 5 bytes, T ms\n"; stable(stdout, good) != want {
			t.Errorf("stdout is %q, want %q", stable(stdout, good), want)
		}
		if status != 1 {
			t.Errorf("exit status %d, want 1", status)
		}
	})
}

func TestWaitingUsesNoCPU(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		asked := make(chan struct{}, 2)
		addr := serve(t, func(c *net.TCPConn, req *http.Request) {
			asked <- struct{}{}
			silent(c, req)
		})
		cmd := e.cmd(t, "-timeout", "30s", "http://"+addr, "http://"+addr, "http://"+listenerThatIsFull(t))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer cmd.Process.Kill()
		for range 2 {
			select {
			case <-asked:
			case <-time.After(30 * time.Second):
				t.Fatal("the client did not ask for what it was to wait for")
			}
		}
		time.Sleep(time.Second) // what was begun may end
		before := cpuTime(t, cmd.Process.Pid)
		time.Sleep(2 * time.Second)
		if used := cpuTime(t, cmd.Process.Pid) - before; used > 500*time.Millisecond {
			t.Errorf("%v of CPU in 2 s of waiting", used)
		}
	})
}
