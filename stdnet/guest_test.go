package stdnet

import (
	"bytes"
	"net"
	"os"
	"testing"
)

// TestGuest runs testdata/guest on every engine.
func TestGuest(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		guest := guestTest(t)
		server := nameServer(t)
		for _, run := range []struct {
			what  string
			flags []string
			args  []string
		}{
			{"sockets", []string{"--dir", "/:/"}, []string{"-test.skip=TestLookup|TestServer|TestFiles|TestZone|TestStd"}},
			{"gathered writes", []string{"--dir", "/:/", "--env", "WASISOCK_GATHER=1"}, []string{"-test.skip=TestLookup|TestServer|TestFiles|TestZone|TestStd"}},
			{"the host's resolver", nil, []string{"-test.run=TestLookup"}},
			{"no files", nil, []string{"-test.run=TestFilesNone"}},
			{"DNS_SERVER", []string{"--env", "DNS_SERVER=" + server}, []string{"-test.run=TestServer"}},
		} {
			env := []string{"--env", "ENGINE=" + e.name, "--env", "PWD=/", "--env", "TMPDIR=" + os.TempDir()}
			cmd := e.with(run.flags, env, []string{guest, "-test.v", "-test.timeout=2m"}, run.args)
			if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS")) {
				t.Errorf("%s: %v\n%s", run.what, err, out)
			}
		}
	})
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
