package main

import (
	"fmt"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

//go:wasmimport wasi_snapshot_preview1 poll_oneoff
//go:noescape
func pollOneoff(subs *sockabi.Subscription, events *sockabi.Event, n uint32, count *uint32) uint32

// pollStdin does with stdin what each argument says, and prints what comes of it.
func pollStdin(args []string) {
	for _, arg := range args {
		switch arg {
		case "look":
			polled(20 * time.Millisecond)
		case "wait":
			polled(time.Minute)
		case "read":
			buf := make([]byte, 64)
			n, err := syscall.Read(0, buf)
			fmt.Printf("%q %v\n", buf[:max(n, 0)], err)
		case "close":
			fmt.Println(syscall.Close(0))
		case "open": // something else, which gets its number
			fd, err := syscall.Open("/file", syscall.O_RDONLY, 0)
			fmt.Println(fd, err)
		}
	}
}

// polled waits until stdin can be read, or that long.
func polled(timeout time.Duration) {
	subs := [2]sockabi.Subscription{
		{Tag: sockabi.EVENTTYPE_FD_READ},
		{Target: sockabi.CLOCK_MONOTONIC, Timeout: uint64(timeout)},
	}
	var events [2]sockabi.Event
	var n uint32
	if errno := pollOneoff(&subs[0], &events[0], 2, &n); errno != 0 {
		fmt.Println(errno)
	}
	for _, e := range events[:n] {
		text := []string{"time", "ready"}[e.Type]
		if e.Errno != 0 {
			text = e.Errno.Name()
		} else if e.Flags == sockabi.EVENTRW_HANGUP {
			text = "hangup"
		}
		fmt.Println(text)
	}
}
