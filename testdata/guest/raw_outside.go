//go:build !v1

package main

import (
	"os"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// What shows only when something is done to the process from outside, or seen
// of it there.
var fromOutside = []sentence{
	{"the exit status of the guest is that of the process", func(*T) { os.Exit(42) }},
	{"UNIX sockets that are not allowed do not open", func(t *T) {
		fd, e := open(sockabi.AF_UNIX, sockabi.SOCK_STREAM)
		t.Log("opening:", name(e))
		if e == sockabi.ESUCCESS {
			t.Log("binding:", name(bindUnix(fd, t.path("s"))))
			t.Log("connecting:", name(connectUnix(fd, t.path("s"))))
		}
	}},
	{"no descriptor left is EMFILE, until one is closed", func(t *T) {
		t.Happens("a wait before", 0, writable(1))
		l := t.listener(loopback4)
		client := t.dial(t.local(l))
		t.wait(readable(l))
		last := t.useUp()
		t.Is("opening", openingError(), sockabi.EMFILE)
		fd := place(uint32(0))
		t.Is("accepting", call("sock_accept_v2", l, 0, at(fd)), sockabi.EMFILE)
		t.close(last)
		t.Is("accepting then", call("sock_accept_v2", l, 0, at(fd)), sockabi.ESUCCESS)
		t.Log("its peer:", t.peer(*fd) == t.local(client))
		t.Is("opening again", openingError(), sockabi.EMFILE)
	}},
	{"a stop of the process during a wait", func(t *T) {
		a, to := t.udp(loopback4)
		// The clock is there so that the sentence ends; it ends the wait only where
		// the stop does not.
		t.Log("waiting")
		t.Polled("poll_oneoff", tagged(readable(a), 0), tagged(after(5*time.Second), 1))
		t.Log("the waits after it")
		t.Polled("poll_oneoff", tagged(readable(a), 0), tagged(after(moment), 1))
		t.Polled("poll_oneoff", tagged(readable(a), 0), tagged(after(moment), 1))
		_, e := sendTo(a, "x", to)
		t.OK("sock_send_to_v2", e)
		t.Polled("poll_oneoff", tagged(readable(a), 0), tagged(after(patience), 1))
	}},
	{"a wait uses no processor time", func(t *T) {
		var subs []sockabi.Subscription
		for range 20 {
			fd, _ := t.udp(loopback4)
			subs = append(subs, readable(fd))
		}
		t.Log("waiting")
		t.Log(len(t.poll(2*time.Second, subs...)))
		t.Log("waited")
	}},
}
