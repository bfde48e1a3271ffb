//go:build linux || darwin

package sockets

import (
	"testing"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/sockabi"
)

// TestEveryOptionIsServed tests that each option of sockabi has one of the operating system behind
// it, or is answered without one.
func TestEveryOptionIsServed(t *testing.T) {
	own := map[string]bool{"SO_TYPE": true, "SO_PORTORDER": true, "SO_BINDTODEVICE": true}
	for _, table := range sockabi.Options() {
		o, ok := OptionOf(table.Level, table.Number)
		if !ok || o.Option != table || (o.code == code{}) != own[o.Name] {
			t.Errorf("%s is %+v; add its constant of the operating system to codes in option.go", table.Name, o)
		}
	}
	if _, ok := OptionOf(sockabi.SOL_TCP, 99); ok || len(codes) != len(sockabi.Options())-len(own) {
		t.Errorf("%d options of the operating system for %d", len(codes), len(sockabi.Options()))
	}
}

// TestWhatConnectionsInherit sets each option of a host's listener, and checks that a connection
// inherits those that it must, and no others.
func TestWhatConnectionsInherit(t *testing.T) {
	g := open(t, Config{Policy: host.AllowAll})
	g.hostListeners = []*hostListener{{fd: -1, released: true}}
	s := must(g.Open(sockabi.AF_INET6, sockabi.SOCK_STREAM))(t)
	for _, o := range sockabi.Options() {
		g.setOption(s, Option{Option: o}, func(*Socket) error { return nil })
	}
	want := 0
	for _, o := range sockabi.Options() {
		if o.Inherited {
			want++
		}
	}
	if len(s.presets) != want {
		t.Errorf("%d options are kept for connections, want %d: %+v", len(s.presets), want, s.presets)
	}
}
