package main

import (
	"fmt"
	"os"
	"syscall"

	"github.com/wasisock/wasisock/guest/poll"
	"github.com/wasisock/wasisock/sockabi"
)

// signalled handles SIGTERM, ignores SIGHUP, and prints what comes.
func signalled() {
	const term = 1 << sockabi.SIGTERM
	subs := []sockabi.Subscription{
		{Tag: sockabi.EVENTTYPE_SIGNAL, Timeout: term, Precision: 1 << sockabi.SIGHUP},
		{Tag: sockabi.EVENTTYPE_CLOCK, Target: sockabi.CLOCK_MONOTONIC},
	}
	events := make([]sockabi.Event, len(subs))
	var n uint32
	pollOneoff(&subs[0], &events[0], 2, &n) // which says so
	ready()
	pollOneoff(&subs[0], &events[0], 1, &n)
	fmt.Println(n, events[0].Type == sockabi.EVENTTYPE_SIGNAL, events[0].NBytes == term)
	os.Exit(9)
}

// signalledPoll waits for SIGTERM with package poll, and prints what comes.
func signalledPoll() {
	var p poll.Poll
	if err := p.Notify(7, syscall.SIGTERM); err != nil {
		panic(err)
	}
	ready()
	events := make([]poll.Event, 2)
	n, err := p.Wait(events, -1)
	fmt.Println(n, err, events[0] == poll.Event{Token: 7, Signal: syscall.SIGTERM})
	os.Exit(9)
}
