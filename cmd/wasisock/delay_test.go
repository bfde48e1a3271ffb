//go:build linux || darwin

package main

import (
	"bufio"
	"fmt"
	"io"
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

// TestSmallWrites holds what docs/stdnet.md says of TCP_NODELAY, and of WASISOCK_GATHER
// where there is none.
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
		const stall = 30 * time.Millisecond
		plain := median(t, slices.Concat(engine, []string{guest}))
		gathering := median(t, slices.Concat(engine, []string{"--env", "WASISOCK_GATHER=1", guest}))
		t.Logf("5,000 bytes in %v, and gathered in %v", plain, gathering)
		if gathering > stall {
			t.Error("gathering does not help")
		}
		if isOurs := len(engine) > 1; isOurs && plain > stall {
			t.Error("TCP_NODELAY is not set")
		}
	})
}

// median is the time of a request to a server that command starts.
func median(t *testing.T, command []string) time.Duration {
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
	client := http.Client{Timeout: time.Minute, Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	var times []time.Duration
	for range 41 { // a new connection's first answers are acknowledged at once
		began := time.Now()
		answer, err := client.Get(fmt.Sprintf("http://%s/", strings.TrimSpace(addr)))
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if n != 5000 || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	return times[len(times)/2]
}
