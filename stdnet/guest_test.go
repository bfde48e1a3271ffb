package stdnet

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestGuest runs testdata/guest on every engine.
func TestGuest(t *testing.T) {
	o := made(t)
	dir := t.TempDir()
	guest := filepath.Join(dir, "guest.wasm")
	goBuild(t, o.Go(), o.Env(), "test", "-c", "-overlay", o.File, "-o", guest, "./testdata/guest")

	t.Run("wazero", func(t *testing.T) {
		host := filepath.Join(dir, "wasisock")
		goBuild(t, "go", nil, "build", "-o", host, "../cmd/wasisock")
		runGuest(t, []string{host, "run", "--allow-all"}, "wazero", guest)
	})
	for _, version := range []string{"0.14", "0.17"} {
		t.Run("wasmedge-"+version, func(t *testing.T) {
			variable := "WASISOCK_WASMEDGE_" + strings.ReplaceAll(version, ".", "")
			program := os.Getenv(variable)
			if program == "" {
				say := t.Skipf
				if os.Getenv("WASISOCK_ENGINES") == "required" {
					say = t.Fatalf
				}
				say("%s does not name a wasmedge %s; make test-engines fetches both versions", variable, version)
			}
			runGuest(t, []string{program, "--allow-af-unix"}, "wasmedge", guest)
		})
	}
}

// made is the overlay for the go command of PATH.
func made(t *testing.T) *Overlay {
	t.Helper()
	o, err := Make(context.Background(), Config{Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func goBuild(t *testing.T, program string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func runGuest(t *testing.T, engine []string, name, guest string) {
	server := nameServer(t)
	for _, run := range []struct {
		what  string
		flags []string
		args  []string
	}{
		{"sockets", []string{"--dir", "/:/"}, []string{"-test.skip=TestLookup|TestServer"}},
		{"the host's resolver", nil, []string{"-test.run=TestLookup"}},
		{"DNS_SERVER", []string{"--env", "DNS_SERVER=" + server}, []string{"-test.run=TestServer"}},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		command := append(append(append([]string{}, engine...), run.flags...), "--env", "ENGINE="+name, "--env", "PWD=/", "--env", "TMPDIR="+os.TempDir(), guest)
		command = append(append(command, "-test.v"), run.args...)
		out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS")) {
			t.Errorf("%s: %v\n%s", run.what, err, out)
		}
	}
}

// nameServer is the address of a DNS server that knows an address of known.example.
func nameServer(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			c.WriteTo(answer(b[:n]), from)
		}
	}()
	return c.LocalAddr().String()
}

// answer answers a DNS message with one question: RFC 1035, section 4.
func answer(query []byte) []byte {
	const header = 12
	end := bytes.IndexByte(query[header:], 0) + header + 5 // of the question
	a := append([]byte{}, query[:end]...)
	a[2], a[3] = 0x81, 0x80 // a response, recursion
	copy(a[6:header], make([]byte, 6))
	known := bytes.HasPrefix(query[header:], []byte("\x05known\x07example\x00"))
	switch {
	case !known:
		a[3] |= 3 // no such name
	case query[end-3] == 1: // A
		a[7] = 1
		a = append(a, 0xc0, header, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 33)
	}
	return a
}
