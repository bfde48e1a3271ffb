//go:build linux

package stdnet

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what should happen at once: an interpreter on
// a busy machine is slow.
const patience = 2 * time.Minute

// tries wants success once in five times: what is slow because others use the machine
// is not slow every time.
func tries(t *testing.T, try func() error) {
	t.Helper()
	var err error
	for range 5 {
		if err = try(); err == nil {
			return
		}
	}
	t.Error(err)
}

// A guest is one that runs.
type guest struct {
	*testing.T
	pid   int
	kill  func()
	addr  string // where it listens, if it does
	lines chan string
}

// start starts a guest, and waits until it listens if it is to.
func (e engine) start(t *testing.T, module string, listens bool, args ...string) *guest {
	t.Helper()
	cmd := e.with([]string{module}, args)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g := &guest{T: t, pid: cmd.Process.Pid, lines: make(chan string, 1000)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			g.lines <- lines.Text()
		}
		close(g.lines)
	}()
	g.kill = sync.OnceFunc(func() {
		cmd.Process.Kill()
		<-read
		cmd.Wait()
	})
	t.Cleanup(g.kill)
	if listens {
		g.addr = g.line("listening ")
	}
	return g
}

// line waits for a line of the guest's, and returns what follows prefix in it.
func (g *guest) line(prefix string) string {
	g.Helper()
	select {
	case line, ok := <-g.lines:
		rest, right := strings.CutPrefix(line, prefix)
		if !ok || !right {
			g.Fatalf("the guest says %q, not %q", line, prefix)
		}
		return rest
	case <-time.After(patience):
		g.Fatalf("the guest does not say %q", prefix)
	}
	return ""
}

// says returns an error unless the guest's next line is this one.
func (g *guest) says(want string) error {
	g.Helper()
	select {
	case line := <-g.lines:
		if line != want {
			return fmt.Errorf("the guest says %q, not %q", line, want)
		}
	case <-time.After(patience):
		g.Fatalf("the guest does not say %q", want)
	}
	return nil
}

// dial connects to the guest.
func (g *guest) dial() net.Conn {
	g.Helper()
	c, err := net.DialTimeout("tcp", g.addr, patience)
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { c.Close() })
	return c
}

// dialAll makes many connections, each of which has had an answer.
func (g *guest) dialAll(n int) []net.Conn {
	g.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = g.dial()
		g.ping(conns[i])
	}
	return conns
}

// ping sends a byte and waits for its echo, and is how long that took.
func (g *guest) ping(c net.Conn) time.Duration {
	g.Helper()
	start := time.Now()
	c.SetDeadline(start.Add(patience))
	b := []byte{byte(start.Nanosecond())}
	sent := b[0]
	if _, err := c.Write(b); err != nil {
		g.Fatal(err)
	}
	if n, err := c.Read(b); n != 1 || b[0] != sent {
		g.Fatalf("echo: %d bytes, %v", n, err)
	}
	return time.Since(start)
}

// cpu is the processor time that the guest's process takes in a while.
func (g *guest) cpu(while time.Duration) time.Duration {
	g.Helper()
	before := g.ticks()
	time.Sleep(while)
	return time.Duration(g.ticks()-before) * 10 * time.Millisecond
}

func (g *guest) ticks() (sum int) {
	g.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", g.pid))
	if err != nil {
		g.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	for _, field := range strings.Fields(rest)[11:13] { // utime, stime
		n, err := strconv.Atoi(field)
		if err != nil {
			g.Fatal(err)
		}
		sum += n
	}
	return sum
}

// interrupt stops the guest's process for a moment.
func (g *guest) interrupt() {
	g.Helper()
	for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := syscall.Kill(g.pid, signal); err != nil {
			g.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
