// Package given reads from the environment what the tests of libraries get: the
// addresses of servers, and a line to the program that has started them. The same tests
// run natively and as guests.
package given

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// Value is the value of an environment variable. Without it there is nothing to test.
func Value(t testing.TB, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Skipf("%s is not set: make prove-libraries starts the servers and runs this", name)
	}
	return v
}

// Restart stops a server and starts it again, with the same address and data.
func Restart(t testing.TB, server string) {
	t.Helper()
	c, err := net.Dial("tcp", Value(t, "CONTROL"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "%s\n", server)
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || answer != "ok\n" {
		t.Fatalf("restarting %s: %q, %v", server, answer, err)
	}
}

// Listen listens at loopback, for a client on the other side.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	Value(t, "SERVE")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Serving prints the addresses of servers that now listen. They serve until they are
// killed.
func Serving(addrs ...net.Addr) { fmt.Println(append([]any{"serving"}, anys(addrs)...)...) }

func anys(addrs []net.Addr) (list []any) {
	for _, a := range addrs {
		list = append(list, a)
	}
	return list
}

// Peer is the address of the i-th server on the other side.
func Peer(t testing.TB, i int) string {
	t.Helper()
	return strings.Fields(Value(t, "PEER"))[i]
}

// Echo sends everything on a connection back, until it ends.
func Echo(c io.ReadWriteCloser) {
	defer c.Close()
	io.Copy(c, c)
}

// Echoes sends n bytes to an Echo and checks that they come back.
func Echoes(c io.ReadWriter, n int, seed uint64) error {
	want, sent := Bytes(n, seed), make(chan error, 1)
	go func() {
		_, err := c.Write(want)
		sent <- err
	}()
	got := make([]byte, n)
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%d bytes came back otherwise than they were sent", n)
	}
	return <-sent
}

// root is the authority that has signed the servers' certificates.
func root(t testing.TB) *x509.Certificate {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(Value(t, "TLS_ROOT"))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// ClientTLS trusts the servers started here alone.
func ClientTLS(t testing.TB) *tls.Config {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(root(t))
	return &tls.Config{RootCAs: roots, ServerName: "localhost"}
}

// ServerTLS is for a server at localhost, signed as they are.
func ServerTLS(t testing.TB) *tls.Config {
	t.Helper()
	chain := []byte(strings.ReplaceAll(Value(t, "TLS_CERT"), "|", "\n"))
	key := []byte(strings.ReplaceAll(Value(t, "TLS_KEY"), "|", "\n"))
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

// Bytes is n bytes that do not compress, the same for the same seed.
func Bytes(n int, seed uint64) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	rand.NewChaCha8(key).Read(b)
	return b
}

// Together runs f in n goroutines at once.
func Together(t testing.TB, n int, f func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// Expires checks that f ends because the time that it gets has passed.
func Expires(t testing.TB, after time.Duration, f func() error) {
	t.Helper()
	start := time.Now()
	err := f()
	took := time.Since(start)
	var timeout interface{ Timeout() bool }
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("the error after %v is %v, and no timeout", took, err)
	}
	if took < after || took > after+slack {
		t.Errorf("a timeout of %v took %v", after, took)
	}
}

// slack is how late a timeout may be, where an interpreter shares a busy machine.
const slack = 5 * time.Second

// Eventually calls f until it succeeds.
func Eventually(t testing.TB, f func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatalf("30 seconds were not enough: %v", err)
}

// Compute keeps the processor busy for about d, and neither waits nor asks for the time
// meanwhile.
func Compute(d time.Duration) {
	const sample = 1 << 24
	begin := time.Now()
	work(sample)
	work(int(float64(sample) * float64(d) / float64(time.Since(begin))))
}

var worked uint64

func work(n int) {
	x := worked | 1
	for range n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	worked = x
}
