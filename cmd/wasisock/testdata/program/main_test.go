package main

import (
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"testing"
)

func TestServer(t *testing.T) {
	s := httptest.NewServer(handler())
	defer s.Close()
	answer, err := http.Get(s.URL + "/path")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if string(text) != word+" /path\n" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	t.Log("on", runtime.GOOS)
}

func TestEverywhere(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestFiles(t *testing.T) {
	if _, err := os.ReadFile("main.go"); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(t.TempDir()+"/x", []byte("x"), 0o666); err != nil {
		t.Error(err)
	}
}

func TestRoots(t *testing.T) {
	if os.Getenv("SSL_CERT_FILE") == "" {
		t.Skip("this system has no certificates; install ca-certificates")
	}
	if pool, err := x509.SystemCertPool(); err != nil || pool.Equal(x509.NewCertPool()) {
		t.Errorf("no certificates, %v", err)
	}
}

// TestOutside passes where it may dial an address that nobody has.
func TestOutside(t *testing.T) {
	if os.Getenv("OUTSIDE") == "" {
		t.Skip("OUTSIDE is not set; the tests of wasisock set it")
	}
	if c, err := net.Dial("udp", "192.0.2.1:7"); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
}

func TestSignalled(t *testing.T) {
	file := os.Getenv("SIGNALLED")
	if file == "" {
		t.Skip("SIGNALLED names no file to write; the tests of wasisock set it")
	}
	c := make(chan os.Signal, 10)
	signal.Notify(c, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM)
	os.Stdout.WriteString("ready\n")
	if err := os.WriteFile(file, []byte((<-c).String()), 0o666); err != nil {
		t.Error(err)
	}
}
