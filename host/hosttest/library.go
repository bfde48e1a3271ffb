package hosttest

import (
	"context"
	"errors"
	"math"
	"net"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
)

// aboutLibraries is how a host calls the functions of a guest. It is part of the group
// about the life of guests.
var aboutLibraries = []sentence{
	{
		says:  "a library keeps its connection from call to call",
		needs: CompilesQuickly,
		test:  libraryConnection,
	},
	{
		says:  "Call passes numbers, and ends with the guest that exits or traps",
		needs: CompilesQuickly,
		test:  libraryCalls,
	},
	{
		says:  "a call that waits keeps neither its caller nor the guest from their end",
		needs: CompilesQuickly,
		test:  libraryWaits,
	},
	{
		says:  "only libraries can be called",
		needs: CompilesQuickly,
		test:  librariesOnly,
	},
}

// called starts a guest of testdata/library.
func (b *bench) called(t *testing.T) *host.Cmd {
	t.Helper()
	cmd := commandOf(t, b.shared(t, guestLibrary, Config{Library: true}))
	if err := cmd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func libraryConnection(t *testing.T, b *bench) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b := make([]byte, 1)
		for {
			if _, err := c.Read(b); err != nil {
				return
			}
			b[0]++
			c.Write(b)
		}
	}()
	cmd := b.called(t)
	results, err := cmd.Call(t.Context(), "connect", uint64(l.Addr().(*net.TCPAddr).Port))
	if err != nil || len(results) != 1 || results[0] != 0 {
		t.Fatal(results, err)
	}
	for question := uint64(1); question < 10; question++ {
		if results, err := cmd.Call(t.Context(), "ask", question); err != nil || results[0] != question+1 {
			t.Errorf("asked %d: %v, %v", question, results, err)
		}
	}
	if s := cmd.Stats(); s.Dialled != 1 || s.Sockets != 1 {
		t.Errorf("%+v", s)
	}
	cmd.Stop()
	if err := cmd.Wait(); err != host.ErrStopped {
		t.Error(err)
	}
	if _, err := cmd.Call(t.Context(), "ask", 1); err != host.ErrEnded {
		t.Errorf("after its end: %v", err)
	}
}

func libraryCalls(t *testing.T, b *bench) {
	cmd := b.called(t)
	results, err := cmd.Call(t.Context(), "half", math.Float64bits(5))
	if err != nil || len(results) != 1 || math.Float64frombits(results[0]) != 2.5 {
		t.Error(results, err)
	}
	for _, test := range []struct {
		name string
		args []uint64
		want string
	}{
		{"none", nil, `exports no function "none"`},
		{"_initialize", nil, `exports no function "_initialize"`},
		{"half", nil, "the guest's half is (f64) f64, and cannot take 0 arguments"},
	} {
		if _, err := cmd.Call(t.Context(), test.name, test.args...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s%v: %v, want %s", test.name, test.args, err, test.want)
		}
	}
	if _, err := cmd.Call(t.Context(), "leave", 3); err != host.ErrEnded {
		t.Error(err)
	}
	var exit *host.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode != 3 {
		t.Error(err)
	}

	cmd = b.called(t)
	if _, err := cmd.Call(t.Context(), "fail"); err != host.ErrEnded {
		t.Error(err)
	}
	var trap *host.TrapError
	if err := cmd.Wait(); !errors.As(err, &trap) {
		t.Error(err)
	}
}

func libraryWaits(t *testing.T, b *bench) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := b.called(t)
	if _, err := cmd.Call(t.Context(), "connect", uint64(l.Addr().(*net.TCPAddr).Port)); err != nil {
		t.Fatal(err)
	}
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := cmd.Call(ctx, "ask", 1)
		first <- err
	}()
	if _, err := peer.Read(make([]byte, 1)); err != nil { // it has begun
		t.Fatal(err)
	}
	cancel()
	if err := <-first; err != context.Canceled {
		t.Error(err)
	}
	second := make(chan error)
	go func() {
		_, err := cmd.Call(t.Context(), "half", 0) // waits for its turn
		second <- err
	}()
	if _, err := cmd.Call(ctx, "half", 0); err != context.Canceled {
		t.Error(err)
	}
	peer.Write([]byte{1})
	if err := <-second; err != nil {
		t.Error(err)
	}
	go cmd.Call(t.Context(), "ask", 1)
	peer.Read(make([]byte, 1))
	cmd.Stop()
	if err := cmd.Wait(); err != host.ErrStopped {
		t.Error(err)
	}
}

func librariesOnly(t *testing.T, b *bench) {
	cfg := Config{}
	cfg.Library = true
	if _, err := b.compile(t.Context(), b.program(t), cfg); err == nil || !strings.Contains(err.Error(), "it exports no _initialize, so it is not a library") {
		t.Error(err)
	}
	m := b.compiled(t, Config{})
	cmd := commandOf(t, m, "exit", "0")
	if _, err := cmd.Call(t.Context(), "half", 0); err == nil || !strings.Contains(err.Error(), "call Start before") {
		t.Error(err)
	}
	if err := cmd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.Call(t.Context(), "half", 0); err == nil || !strings.Contains(err.Error(), "it is a program") {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
