package main

import "github.com/wasisock/wasisock/sockabi"

// What happens when descriptors run out, for guests of either version.

// firstWait waits for the first time while no descriptor is left, and again
// when one is. It is shown twice: by the guest of version 1, which package poll
// is not part of, and by the other, which it is.
func firstWait(t *T) {
	last := t.useUp()
	events, e := polled("poll_oneoff", after(moment))
	t.Log("while none is left:", name(e), kinds(events))
	t.close(last)
	events, e = polled("poll_oneoff", after(moment))
	t.Log("when one is:", name(e), kinds(events))
}

// openingError opens a socket.
func openingError() sockabi.Errno {
	_, e := open(sockabi.AF_INET4, sockabi.SOCK_DGRAM)
	return e
}

// useUp opens sockets until none opens, and is the last that did.
func (t *T) useUp() (last uint32) {
	for range 1000 {
		fd, e := open(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		if e != sockabi.ESUCCESS {
			return last
		}
		last = fd
	}
	t.Fatalf("a limit was to be met")
	return
}
