//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
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

	"github.com/wasisock/wasisock/internal/engines"
	"github.com/wasisock/wasisock/internal/guestbuild"
)

// The server as it is built for wasip1, in a child process for each engine.

// patience is how long a test waits for what must happen, on a slow and busy machine.
const patience = 2 * time.Minute

// An engine is the words that come before server.wasm.
type engine []string

// onEngines runs a test for each engine that is there.
func onEngines(t *testing.T, test func(*testing.T, engine)) {
	t.Run("wazero", func(t *testing.T) { test(t, engine{wasisock(t), "run", "--allow-all"}) })
	for _, version := range engines.WasmEdges() {
		t.Run("WasmEdge-"+version.Minor, func(t *testing.T) {
			variable := version.Variable()
			program := os.Getenv(variable)
			if program == "" {
				say := t.Skipf
				if os.Getenv("WASISOCK_ENGINES") == "required" {
					say = t.Fatalf
				}
				say("%s does not name a wasmedge %s; make test-engines fetches both versions and runs this", variable, version.Minor)
			}
			test(t, engine{program})
		})
	}
}

// once makes a file for all tests. TestMain removes it.
func once(name string, make func(path string) error) func(testing.TB) string {
	f := sync.OnceValues(func() (string, error) {
		path := filepath.Join(buildDir, name)
		return path, make(path)
	})
	return func(t testing.TB) string {
		t.Helper()
		path, err := f()
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
}

// wasm returns the server's module.
func wasm(t testing.TB) string {
	t.Helper()
	return guestbuild.Path(t, ".")
}

var (
	buildDir string
	wasisock = once("wasisock", func(path string) error {
		return goBuild(path, "../../cmd/wasisock", nil)
	})
)

func goBuild(path, dir string, env []string, flags ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-buildvcs=false", "-o", path}, flags...), dir)...)
	cmd.Env = append(cmd.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.New(err.Error() + "\n" + string(out))
	}
	return nil
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "wasisock")
	if err != nil {
		panic(err)
	}
	buildDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func TestServerIsSmall(t *testing.T) {
	info, err := os.Stat(wasm(t))
	if err != nil {
		t.Fatal(err)
	}
	if size := info.Size(); size > 3_000_000 {
		t.Errorf("server.wasm has %d bytes, more than 3 MB", size)
	}
}

func TestServerDoesNotImportNet(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", ".")
	cmd.Env = append(cmd.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Fields(string(out)) {
		if line == "net" || line == "fmt" {
			t.Errorf("server imports %s", line)
		}
	}
}

// A served is a server that runs.
type served struct {
	testing.TB
	cmd  *exec.Cmd
	addr string

	mu   sync.Mutex
	text bytes.Buffer // its stdout after the first line
}

// command is the server under an engine, perhaps with a limit of descriptors.
func (e engine) command(t testing.TB, files int, args ...string) *exec.Cmd {
	words := append(append(append([]string{}, e...), wasm(t)), args...)
	if files > 0 {
		words = append([]string{"sh", "-c", `ulimit -n ` + strconv.Itoa(files) + ` && exec "$@"`, "sh"}, words...)
	}
	return exec.Command(words[0], words[1:]...)
}

// serve starts a server, which ends with the test. If stdout is not nil it is called
// with what follows the first line, which nobody else reads then.
func (e engine) serve(t testing.TB, files int, stdout func(io.Reader), args ...string) *served {
	t.Helper()
	s := &served{TB: t, cmd: e.command(t, files, append([]string{"-addr=127.0.0.1:0"}, args...)...)}
	s.cmd.Stderr = os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stdout = w
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		r.Close()
	})
	first := make(chan string, 1)
	lines := bufio.NewReader(r)
	go func() {
		line, _ := lines.ReadString('\n')
		first <- line
		if stdout != nil {
			stdout(lines)
			return
		}
		for {
			line, err := lines.ReadString('\n')
			s.mu.Lock()
			s.text.WriteString(line)
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	select {
	case line := <-first:
		addr, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "listening on ")
		if !ok {
			t.Fatalf("the first line is %q", line)
		}
		s.addr = addr
	case <-time.After(patience):
		t.Fatal("the server says nothing")
	}
	return s
}

// logged returns what the server has written after its first line.
func (s *served) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *served) dial() *net.TCPConn {
	s.Helper()
	c, err := net.DialTimeout("tcp", s.addr, patience)
	if err != nil {
		s.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

// ask sends input on a new connection, and wants an answer and nothing else.
func (s *served) ask(input, want string) {
	s.Helper()
	c := s.dial()
	defer c.Close()
	s.askOn(c, input, want)
}

func (s *served) askOn(c *net.TCPConn, input, want string) {
	s.Helper()
	go io.WriteString(c, input)
	got := make([]byte, len(want))
	n, err := io.ReadFull(c, got)
	if string(got[:n]) != want {
		s.Fatalf("asked %.100q: got %.200q and %v, want %.200q", input, got[:n], err, want)
	}
}

// works asks as the book does.
func (s *served) works() {
	s.Helper()
	s.ask(post("name=WasmEdge"), echo("name=WasmEdge"))
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// sockets is how many sockets the server has open, where the system reports it.
func (s *served) sockets() (n int, ok bool) {
	dir := "/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/fd/"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, false
	}
	for _, e := range entries {
		if to, _ := os.Readlink(dir + e.Name()); strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n, true
}

// ticks is the time of processors that the server has used, in hundredths of a
// second, where the system reports it.
func (s *served) ticks() (n int, ok bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/stat")
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return user + system, err1 == nil && err2 == nil
}

// rests fails the test if the server is busy without work.
func (s *served) rests() {
	s.Helper()
	before, ok := s.ticks()
	if !ok {
		return
	}
	const second = 100
	time.Sleep(time.Second)
	if after, _ := s.ticks(); after-before > second/4 {
		s.Errorf("%d %% of a processor are used for nothing", after-before)
	}
}

func TestATakenPortIsAnError(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		s := e.serve(t, 0, nil)
		cmd := e.command(t, 0, "-addr", s.addr)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || strings.Contains(string(out), "listening") {
			t.Errorf("ended with %v and %q", err, out)
		}
		if want := "server: listen " + s.addr + ": sock_bind: Address already in use\n"; !strings.Contains(stderr.String(), want) {
			t.Errorf("said %q, want %q", stderr.String(), want)
		}
		s.works()
	})
}

func TestAllAddresses(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		s := e.serve(t, 0, nil, "-addr=:0")
		_, port, err := net.SplitHostPort(s.addr)
		if err != nil {
			t.Fatal(err)
		}
		s.addr = "127.0.0.1:" + port
		s.works()
		s.addr = "[::1]:" + port
		if c, err := net.Dial("tcp", s.addr); err != nil {
			t.Skip("this machine has no IPv6: ", err)
		} else {
			c.Close()
		}
		s.works()
	})
}

func TestALogTellsWhatHappened(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		s := e.serve(t, 0, nil)
		c := s.dial()
		defer c.Close()
		s.askOn(c, post("ab")+"BAD\n", echo("ab")+string(bareLF.answer))
		peer := c.LocalAddr().String()
		want := peer + " connected\n" + peer + " POST / 200 8\n" + peer + " - 400 a line must end in CR LF\n"
		eventually(t, "the log is complete", func() bool { return s.logged() == want })
	})
}

// A stdout that is a pipe which nobody reads.
func TestAStalledStdoutStopsNobody(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		read := make(chan bool)
		var text bytes.Buffer
		done := make(chan bool)
		s := e.serve(t, 0, func(r io.Reader) {
			<-read
			io.Copy(&text, r)
			close(done)
		})
		c := s.dial()
		defer c.Close()
		for range 20 {
			s.askOn(c, strings.Repeat(get, 500), strings.Repeat(echo(""), 500))
		}
		s.rests()
		close(read)
		s.works()
		time.Sleep(10 * logDelay)
		s.works()
		time.Sleep(10 * logDelay)
		s.cmd.Process.Signal(syscall.SIGKILL)
		<-done
		if !strings.Contains(text.String(), " lines dropped\n") {
			t.Errorf("the log does not say that lines were dropped: %d bytes", text.Len())
		}
	})
}
