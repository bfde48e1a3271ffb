//go:build linux || darwin

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wasisock/wasisock/internal/porttest"
)

func TestListenErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir, err := os.MkdirTemp("", "wasisock")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "socket")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ listen, want string }{
		{"tcp:" + l.Addr().String(), fmt.Sprintf("--listen tcp:%v: the address is in use; end what listens there", l.Addr())},
		{"unix:" + path, "--listen unix:" + path + ": the file is there already; end what listens at it, or remove it"},
		{"unix:" + dir + "/none/socket", "no such file or directory; name another"},
		{"tcp:192.0.2.1:8080", "--listen tcp:192.0.2.1:8080: this machine does not have the address"},
		{"tcp:localhost:80", `"tcp:localhost:80" is not an address and port; write 127.0.0.1:8080`},
		{"tcp:127.0.0.1", "is not an address and port"},
		{"tcp:127.0.0.1:0", `"tcp:127.0.0.1:0" has no port`},
		{"fd:", "is not a descriptor; write fd:3"},
		{"fd:2", "is not a descriptor; write fd:3"},
		{"fd:4294967299", "is not a descriptor; write fd:3"},
		{"fd:1000000", "--listen fd:1000000: it is not a socket that listens"},
		{"udp:127.0.0.1:53", "is neither ADDRESS:PORT, unix:PATH nor fd:NUMBER"},
		{"unix:", "is neither"},
		{"8080", "is neither"},
		{":", `":" is not an address and port`},
		{":0", `":0" has no port`},
		{"127.0.0.1:0", "has no port"},
		{l.Addr().String(), fmt.Sprintf("--listen %v: the address is in use", l.Addr())},
	} {
		code, _, stderr := start(t, "run", "--listen", test.listen, "GUEST", "exit", "0")
		if code != 125 || !strings.Contains(stderr, test.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: %d, %q; want %q", test.listen, code, stderr, test.want)
		}
	}
	for _, test := range []struct{ publish, want string }{
		{l.Addr().String() + ":8080", fmt.Sprintf("--publish %v:8080: the address is in use; end what listens there", l.Addr())},
		{"8080", `"8080" is not PORT:GUESTPORT, perhaps with an address in front; write 80:8080`},
		{"0:8080", "is not PORT"},
		{"80:0", "is not PORT"},
		{"80:65536", "is not PORT"},
		{"localhost:80:8080", "is not PORT"},
		{"::1:80:8080", "is not PORT"},
	} {
		code, _, stderr := start(t, "run", "--publish", test.publish, "GUEST", "exit", "0")
		if code != 125 || !strings.Contains(stderr, test.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: %d, %q; want %q", test.publish, code, stderr, test.want)
		}
	}
	for _, publish := range []string{porttest.Free(t) + ":80", "127.0.0.1:" + porttest.Free(t) + ":80"} {
		if code, _, stderr := start(t, "run", "--publish", publish, "GUEST", "exit", "0"); code != 0 || stderr != "" {
			t.Errorf("%s: %d, %s", publish, code, stderr)
		}
	}
	for _, listen := range []string{"tcp:127.0.0.1:" + porttest.Free(t), "tcp::" + porttest.Free(t), "tcp:[::]:" + porttest.Free(t), ":" + porttest.Free(t), "127.0.0.1:" + porttest.Free(t), "[::1]:" + porttest.Free(t), "unix:" + path + "2"} {
		if code, _, stderr := start(t, "run", "--listen", listen, "GUEST", "exit", "0"); code != 0 || stderr != "" {
			t.Errorf("%s: %d, %s", listen, code, stderr)
		}
	}
}

// TestPublish tests that clients reach a guest at another port than that at which it listens.
func TestPublish(t *testing.T) {
	at := "127.0.0.1:" + porttest.Free(t)
	s := serveAt(t, "127.0.0.1:8080", nil, []string{"--publish", at + ":8080"}, program(t), "serve", "127.0.0.1:8080")
	dial(t, at).Close()
	s.url = "http://" + at
	if text := s.get("/"); text != "hello /\n" {
		t.Errorf("%q", text)
	}
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

// TestPublishDescriptor publishes a listener that exists before the command starts.
func TestPublishDescriptor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	defer f.Close()
	s := serveAt(t, "0.0.0.0:8080", []*os.File{f}, []string{"--publish", "fd:3:8080"}, program(t), "serve", "0.0.0.0:8080")
	s.url = "http://" + l.Addr().String()
	dial(t, l.Addr().String()).Close()
	if text := s.get("/"); text != "hello /\n" {
		t.Errorf("%q", text)
	}
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

func TestListenAdvice(t *testing.T) {
	port := porttest.Free(t)
	for _, test := range []struct{ at, want string }{
		{"0.0.0.0:" + port, fmt.Sprintf("refused: listen tcp 0.0.0.0:%[1]s; --listen tcp:127.0.0.1:%[1]s is for a guest that listens at that very address: write --publish 127.0.0.1:%[1]s:%[1]s in its place\n", port)},
		{"0.0.0.0:1", "allow it with --allow 'listen tcp 0.0.0.0:1'\n"},
	} {
		code, stdout, stderr := start(t, "run", "--listen", "tcp:127.0.0.1:"+port, "GUEST", "listen", test.at)
		if code != 0 || stdout != "refused\n" || !strings.HasSuffix(stderr, test.want) {
			t.Errorf("%s: %d, %q, %q; want %q", test.at, code, stdout, stderr, test.want)
		}
	}
	if code, _, stderr := start(t, "run", "--listen-fds", "GUEST", "exit", "0"); code != 125 || !strings.Contains(stderr, "--listen-fds needs --listen") {
		t.Errorf("%d, %s", code, stderr)
	}
}

// TestGuestWithoutSockets runs a program that go build has made, without Go's network.
func TestGuestWithoutSockets(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program; run it without -short")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(`package main

import "net"

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		panic(err)
	}
	l.Accept()
	net.FileListener(nil)
}
`), 0o666); err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(dir, "main.wasm")
	build := exec.Command("go", "build", "-o", module, source)
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	code, _, stderr := start(t, "run", module)
	if code != 2 || !strings.HasSuffix(stderr, "main.wasm imports no sockets, so its network leads nowhere; build it with wasisock build\n") {
		t.Errorf("%d, %s", code, stderr)
	}
}
