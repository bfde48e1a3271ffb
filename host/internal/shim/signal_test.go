//go:build linux || darwin

package shim

import (
	"testing"
	"time"

	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

func signalRow(handled, ignored uint64) sockabi.Subscription {
	return sockabi.Subscription{Userdata: 0x51, Tag: sockabi.EVENTTYPE_SIGNAL, Timeout: handled, Precision: ignored}
}

// TestSignal tests that a signal that the guest handles ends a poll that subscribes to signals, now
// or later, and no other poll. Ignored signals are accepted, and others are not.
func TestSignal(t *testing.T) {
	leakCheck(t)
	g := newTester(t, sockets.Config{})
	const term, hup = uint64(1) << sockabi.SIGTERM, uint64(1) << sockabi.SIGHUP
	if g.Signal(sockabi.SIGTERM) {
		t.Error("a guest handles a signal before it said so")
	}
	g.expectPoll("clock:1", signalRow(term, hup), timer(0))
	for number, want := range map[int]bool{sockabi.SIGHUP: true, sockabi.SIGINT: false, 0: false, -1: false, 64 + sockabi.SIGTERM: false} {
		if got := g.Signal(number); got != want {
			t.Errorf("signal %d: %v", number, got)
		}
	}
	g.expectPoll("clock:1", signalRow(term, hup), timer(time.Millisecond))

	signalled := func(want uint64, subs ...sockabi.Subscription) {
		t.Helper()
		events := g.poll(subs...)
		if len(events) != 1 || events[0].Type != sockabi.EVENTTYPE_SIGNAL || events[0].Errno != 0 || events[0].NBytes != want {
			t.Errorf("%+v; want signals %x", events, want)
		}
	}
	time.AfterFunc(20*time.Millisecond, func() { g.Signal(sockabi.SIGTERM) })
	signalled(term, signalRow(term, hup), timer(time.Hour))

	g.Signal(sockabi.SIGTERM)
	g.Signal(sockabi.SIGTERM)
	g.expectPoll("clock:0", timer(20*time.Millisecond)) // without the row
	signalled(term, signalRow(term, hup))
	g.expectPoll("clock:1", signalRow(term, hup), timer(0))

	g.Signal(sockabi.SIGTERM)
	g.expectPoll("clock:1", signalRow(hup, 0), timer(time.Millisecond)) // no longer wanted
	g.Signal(sockabi.SIGHUP)
	events := g.poll(signalRow(hup, 0), signalRow(term, 0))
	if len(events) != 2 || events[0].NBytes != hup || events[1].Errno != sockabi.EEXIST {
		t.Errorf("two rows of signals: %+v", events)
	}
}
