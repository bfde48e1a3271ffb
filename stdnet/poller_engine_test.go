//go:build linux

package stdnet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what should happen at once: an interpreter on
// a busy machine is slow.
const patience = 30 * time.Second

// An engine runs the guest of testdata/poller as a process of its own.
type engine struct {
	name    string
	command []string // what comes before the module
}

// built is the guest, and wasisock's command that runs it.
var built struct {
	once                 sync.Once
	dir, guest, wasisock string
	err                  error
}

func TestMain(m *testing.M) {
	status := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(status)
}

func buildPoller() error {
	var err error
	if built.dir, err = os.MkdirTemp("", "wasisock-stdnet-"); err != nil {
		return err
	}
	built.guest, built.wasisock = filepath.Join(built.dir, "poller.wasm"), filepath.Join(built.dir, "wasisock")
	overlay, err := Make(context.Background(), Config{Cache: built.dir})
	if err != nil {
		return err
	}
	guest := exec.Command(overlay.Go(), "build", "-ldflags=-s -w", "-overlay", overlay.File, "-o", built.guest, "./testdata/poller")
	guest.Env = append(os.Environ(), overlay.Env()...)
	host := exec.Command("go", "build", "-o", built.wasisock, "../cmd/wasisock")
	for _, cmd := range []*exec.Cmd{guest, host} {
		if out, err := cmd.CombinedOutput(); err != nil {
			return errors.Join(err, errors.New(string(out)))
		}
	}
	return nil
}

// onEveryEngine runs test on wazero, and on the WasmEdges that the environment names.
func onEveryEngine(t *testing.T, test func(t *testing.T, e engine)) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	if built.once.Do(func() { built.err = buildPoller() }); built.err != nil {
		t.Fatal(built.err)
	}
	t.Run("wazero", func(t *testing.T) {
		test(t, engine{"wazero", []string{built.wasisock, "run", "--allow-all"}})
	})
	for name, variable := range map[string]string{"wasmedge 0.14": "WASISOCK_WASMEDGE_014", "wasmedge 0.17": "WASISOCK_WASMEDGE_017"} {
		t.Run(name, func(t *testing.T) {
			program := os.Getenv(variable)
			switch {
			case program != "":
				test(t, engine{name, []string{program}})
			case os.Getenv("WASISOCK_ENGINES") == "required":
				t.Fatalf("%s is not set", variable)
			default:
				t.Skipf("%s is not set; `make test-engines` fetches WasmEdge and sets it", variable)
			}
		})
	}
}

// A guest is one that runs.
type guest struct {
	*testing.T
	pid   int
	addr  string // where it listens, if it does
	lines chan string
}

// start starts the guest, and waits until it listens if it is to.
func (e engine) start(t *testing.T, listens bool, args ...string) *guest {
	t.Helper()
	command := append(append(e.command[:len(e.command):len(e.command)], built.guest), args...)
	cmd := exec.Command(command[0], command[1:]...)
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
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-read
		cmd.Wait()
	})
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
