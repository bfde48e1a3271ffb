//go:build linux || darwin

package hostfault_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	. "github.com/wasisock/wasisock/host/hostfault"
	"github.com/wasisock/wasisock/host/hosttrace"
	"github.com/wasisock/wasisock/host/wazero"
	"github.com/wasisock/wasisock/internal/guestbuild"
	"github.com/wasisock/wasisock/internal/outputtest"
)

// server is the poll server of guest/server.
func server(t *testing.T) host.Module {
	t.Helper()
	wasm := guestbuild.Wasm(t, "../../guest/server")
	m, err := wazero.Compile(t.Context(), wasm, wazero.Config{CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestAServerUnderFaults holds that a guest which copes serves all requests of which the
// connection lasted, unchanged, and that the same seed gives the same.
func TestAServerUnderFaults(t *testing.T) {
	m := server(t)
	faults := Faults{Seed: 3, ShortRead: 0.3, ShortWrite: 0.3, Again: 0.3, Reset: 0.1, Delay: 0.1, DelayTime: time.Millisecond}
	transcript, injected := serve(t, m, faults)
	t.Log(transcript, injected)
	for _, want := range []string{"answered", "reset"} {
		if !strings.Contains(transcript, want) {
			t.Errorf("no request was %s: %s", want, transcript)
		}
	}
	for _, want := range []string{"short", "eagain", "reset", "1ms late"} {
		if !strings.Contains(injected, "fault: "+want) {
			t.Errorf("there was no fault %q: %s", want, injected)
		}
	}
	if again, alike := serve(t, m, faults); again != transcript || alike != injected {
		t.Errorf("the same seed gives\n%s\n%s\nand then\n%s\n%s", transcript, injected, again, alike)
	}
	faults.Seed++
	if other, _ := serve(t, m, faults); other == transcript {
		t.Errorf("another seed gives the same: %s", other)
	}
}

var fault = regexp.MustCompile(`^(\w+).*= (.*\(fault: .*\))`)

// serve asks a server for some things, one after the other, and returns the outcome of
// each, and which faults there were.
func serve(t *testing.T, m host.Module, faults Faults) (transcript, injected string) {
	t.Helper()
	listening := make(chan net.Addr, 1)
	var trace outputtest.Buffer
	cmd := host.Command(m, "server", "-addr", "127.0.0.1:0")
	cmd.Policy, cmd.Faults, cmd.Trace = host.AllowAll, faults, hosttrace.Text(&trace).Trace
	cmd.OnListen = func(a net.Addr) { listening <- a }
	if err := cmd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	addr := <-listening
	var b strings.Builder
	for i := range 40 {
		b.WriteString(outcome(t, addr, fmt.Sprintf("name=%d&text=%s", i, strings.Repeat("x", 80*i))) + " ")
	}
	cmd.Stop()
	if err := cmd.Wait(); err != host.ErrStopped {
		t.Errorf("the server ended: %v", err)
	}
	var all []string
	for line := range strings.Lines(trace.String()) {
		if found := fault.FindStringSubmatch(line); found != nil {
			all = append(all, found[1]+" "+found[2])
		}
	}
	slices.Sort(all) // a connection may end after the next began
	return b.String(), strings.Join(all, "\n")
}

// outcome is "answered" or "reset". Anything else fails the test.
func outcome(t *testing.T, addr net.Addr, body string) string {
	t.Helper()
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Post("http://"+addr.String(), "application/x-www-form-urlencoded", strings.NewReader(body))
	var text []byte
	if err == nil {
		text, err = io.ReadAll(answer.Body)
		answer.Body.Close()
	}
	switch {
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE):
		return "reset"
	case err != nil || string(text) != "echo: "+body:
		t.Errorf("%q, %v", text, err)
	}
	return "answered"
}
