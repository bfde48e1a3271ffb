//go:build linux || darwin

package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/wasisock/wasisock/internal/porttest"
)

// TestReread changes the configuration of a server.
func TestReread(t *testing.T) {
	peer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	_, port, _ := net.SplitHostPort(peer.Addr().String())
	at := "127.0.0.1:" + porttest.Free(t)
	config := file(t, "c.yaml", "")
	write := func(format string, args ...any) {
		t.Helper()
		text := fmt.Sprintf("guest: %s\nargs: [serve, '%s']\nlisten: ['%[2]s']\n"+format, append([]any{program(t), at}, args...)...)
		if err := os.WriteFile(config, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("env: [WORD=one]\nallow: ['dial tcp 127.0.0.9:%[3]s']\n", port)
	s := serveAt(t, at, nil, []string{"--config", config})
	dial(t, at).Close()
	has := func(word string, refused bool) {
		t.Helper()
		if got := s.get("/env?WORD"); got != word+"\n" {
			t.Errorf("the environment has %q, want %q", got, word)
		}
		if got := s.get("/dial?" + peer.Addr().String()); got != fmt.Sprintln(refused) {
			t.Errorf("dialling is refused: %q", got)
		}
	}
	has("one", true)

	write("env: [WORD=two]\nallow: ['dial tcp 127.0.0.1:%[3]s']\ndns: 127.0.0.1\n", port)
	s.signal(syscall.SIGHUP)
	s.until(1, "the new one serves, and the old one ends")
	s.until(1, "wasisock: c.yaml: changed for the new guest: allow, env\nwasisock: c.yaml: needs another start of wasisock: dns\n")
	has("two", false)

	write("env: [WORD=three]\nalow: []\n")
	s.signal(syscall.SIGHUP)
	s.until(1, "wasisock: "+config+`:5: unknown key "alow" (did you mean allow?)`+"\nwasisock: program.wasm: the new one is not used; the old one goes on\n")
	has("two", false)

	write("env: [WORD=three]\nallow: ['dial tcp 127.0.0.1:%[3]s', 'dial tcp *:1']\n", port)
	s.signal(syscall.SIGHUP)
	s.until(2, "the new one serves, and the old one ends")
	if s.until(1, "changed for the new guest: env\n"); runtime.GOOS == "linux" { // which confines itself
		s.until(1, "needs another start of wasisock: allow\n")
	}
	has("three", false)

	write("env: [WORD=three]\n")
	s.signal(syscall.SIGHUP)
	s.until(3, "the new one serves, and the old one ends")
	has("three", true)
	if said := s.out.String(); !strings.Contains(said, "c.yaml: changed for the new guest: allow\n") {
		t.Error(said)
	}
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}
