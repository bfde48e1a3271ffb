//go:build linux || darwin

package wazero

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
)

// listening starts a guest and waits until it listens.
func listening(t *testing.T, cmd *host.Cmd) string {
	t.Helper()
	told := make(chan net.Addr, 2)
	cmd.OnListen = func(a net.Addr) { told <- a }
	if err := cmd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return (<-told).String()
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestShutdown(t *testing.T) {
	m := compiled(t, cached())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, given := range []bool{false, true} {
		for _, subcommand := range []string{"poll", "accept"} {
			cmd := commandOf(t, m, subcommand)
			if given {
				cmd = commandOf(t, m, subcommand, l.Addr().String())
				cmd.Policy, cmd.Listeners = nil, []net.Listener{l}
			}
			if at := listening(t, cmd); given && at != l.Addr().String() {
				t.Errorf("it listens at %s", at)
			}
			if err := cmd.Shutdown(within(t, 30*time.Second)); err != nil {
				t.Errorf("%s: %v", subcommand, err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s: %v", subcommand, err)
			}
		}
	}
}

// TestShutdownHasAnEnd: a guest that has a request in work learns of it when time is
// nearly over, and is stopped when it is.
func TestShutdownHasAnEnd(t *testing.T) {
	m := compiled(t, cached())
	cmd := commandOf(t, m, "echo")
	at := listening(t, cmd)
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "a")
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Shutdown(within(t, 10*time.Second)); err != nil { // it reads the end of the connection
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}

	cmd = commandOf(t, m, "sleep")
	if err := cmd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Shutdown(within(t, 50*time.Millisecond)); err != context.DeadlineExceeded {
		t.Error(err)
	}
	if err := cmd.Wait(); err != host.ErrStopped {
		t.Error(err)
	}
	if err := host.Command(m).Shutdown(t.Context()); err == nil {
		t.Error("what was not started is shut down")
	}
}
