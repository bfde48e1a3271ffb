package main

import (
	"strings"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// The vocabulary of waiting.

const (
	// patience is how long to wait for what must happen.
	patience = 20 * time.Second

	// moment is how long to wait for what must not happen.
	moment = 200 * time.Millisecond
)

func readable(fd uint32) sockabi.Subscription {
	return sockabi.Subscription{Userdata: uint64(fd), Tag: sockabi.EVENTTYPE_FD_READ, Target: fd}
}

func writable(fd uint32) sockabi.Subscription {
	return sockabi.Subscription{Userdata: uint64(fd), Tag: sockabi.EVENTTYPE_FD_WRITE, Target: fd}
}

// after is a clock that ends a poll.
func after(d time.Duration) sockabi.Subscription {
	return sockabi.Subscription{Tag: sockabi.EVENTTYPE_CLOCK, Target: sockabi.CLOCK_MONOTONIC, Timeout: uint64(d)}
}

// polled is the result of a call: its errno, and its valid events.
func polled(function string, subs ...sockabi.Subscription) ([]sockabi.Event, sockabi.Errno) {
	in := room(sockabi.SubscriptionSize * len(subs))
	out := room(sockabi.EventSize * len(subs))
	for i, s := range subs {
		*the[sockabi.Subscription](start(in) + uint32(i)*sockabi.SubscriptionSize) = s
	}
	n := place(uint32(0))
	e := call(function, start(in), start(out), uint32(len(subs)), at(n))
	events := make([]sockabi.Event, 0, len(subs))
	for i := range min(int(*n), len(subs)) {
		events = append(events, *the[sockabi.Event](start(out) + uint32(i)*sockabi.EventSize))
	}
	return events, e
}

// poll waits for the subscriptions and d at most, and is the events of
// descriptors among them.
func (t *T) poll(d time.Duration, subs ...sockabi.Subscription) []sockabi.Event {
	events, e := polled("poll_oneoff", append([]sockabi.Subscription{after(d)}, subs...)...)
	t.OK("poll_oneoff", e)
	if len(events) > 0 && events[0].Type == sockabi.EVENTTYPE_CLOCK {
		events = events[1:]
	}
	return events
}

// wait waits until one of the subscriptions has happened, without an error of
// the poll itself.
func (t *T) wait(subs ...sockabi.Subscription) []sockabi.Event {
	events := t.poll(patience, subs...)
	if len(events) == 0 {
		t.Fatalf("nothing happened for %v", patience)
	}
	for _, event := range events {
		t.OK("an event of poll_oneoff", event.Errno)
	}
	return events
}

// kinds are the events in a transcript's words: "read", "write hangup" or
// "read EBADF".
func kinds(events []sockabi.Event) []string {
	words := make([]string, 0, len(events))
	for _, event := range events {
		word := "of no type"
		if event.Type <= sockabi.EVENTTYPE_FD_WRITE {
			word = [...]string{"clock", "read", "write"}[event.Type]
		}
		if event.Errno != sockabi.ESUCCESS {
			word += " " + name(event.Errno)
		} else if event.Type != sockabi.EVENTTYPE_CLOCK && event.Flags&sockabi.EVENTRW_HANGUP != 0 {
			word += " hangup"
		}
		words = append(words, word)
	}
	return words
}

// inWords is kinds in one line.
func inWords(kinds []string) string {
	if len(kinds) == 0 {
		return "nothing"
	}
	return strings.Join(kinds, ", ")
}

// Happens writes what of the subscriptions is ready now or soon, or nothing.
func (t *T) Happens(what string, d time.Duration, subs ...sockabi.Subscription) {
	t.Logf("%s: %s", what, inWords(kinds(t.poll(d, subs...))))
}
