//go:build linux || darwin

package main

import (
	"bufio"
	"cmp"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const delayMain = `package main

import (
	"fmt"
	"net"
	"net/http"
)

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 5000)) }))
}

`

// TestSmallWrites tests the statements of docs/stdnet.md about small writes: with TCP_NODELAY, which
// our host sets, and with WASISOCK_GATHER.
func TestSmallWrites(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/delay\n\ngo 1.24\n", "main.go": delayMain} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, stderr := start(t, "build", "-C", dir, "-ldflags=-s -w", "-o", "delay.wasm", "."); code != 0 {
		t.Fatal(stderr)
	}
	onEngines(t, func(t *testing.T, engine []string) {
		guest := filepath.Join(dir, "delay.wasm")
		plain := answers(t, slices.Concat(engine, []string{guest}))
		gathered := answers(t, slices.Concat(engine, []string{"--env", "WASISOCK_GATHER=1", guest}))
		t.Logf("5,000 bytes in %v, and gathered in %v, medians", plain[len(plain)/2].took, gathered[len(gathered)/2].took)
		for _, a := range gathered {
			if a.reads > 1 {
				t.Fatalf("gathered, and it took %d reads", a.reads)
			}
		}
		// Without TCP_NODELAY, each takes 44 ms or more.
		const stall = 30 * time.Millisecond
		if isOurs := len(engine) > 1; isOurs && plain[0].took > stall {
			t.Error("TCP_NODELAY is not set")
		}
	})
}

// An answer counts the time and the reads of one request.
type answer struct {
	took  time.Duration
	reads int
}

// answers returns the answers of a server that command starts, the fastest first.
func answers(t *testing.T, command []string) (all []answer) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", strings.TrimSpace(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	counted := &readCounter{Conn: c}
	buffered := bufio.NewReaderSize(counted, 1<<16)
	for i := range 41 {
		began := time.Now()
		counted.reads = 0
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		res, err := http.ReadResponse(buffered, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, res.Body); n != 5000 || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
		if i >= 20 { // a new connection's first segments are acknowledged at once
			all = append(all, answer{time.Since(began), counted.reads})
		}
	}
	slices.SortFunc(all, func(a, b answer) int { return cmp.Compare(a.took, b.took) })
	return all
}

// A readCounter counts reads.
type readCounter struct {
	net.Conn
	reads int
}

func (c *readCounter) Read(p []byte) (int, error) {
	c.reads++
	return c.Conn.Read(p)
}
