//go:build !v1

package main

import (
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// clock is a subscription to a clock in all its fields.
func clock(id uint32, timeout uint64, flags uint16) sockabi.Subscription {
	return sockabi.Subscription{Tag: sockabi.EVENTTYPE_CLOCK, Target: id, Timeout: timeout, Flags: flags}
}

// tagged gives a subscription another token.
func tagged(s sockabi.Subscription, userdata uint64) sockabi.Subscription {
	s.Userdata = userdata
	return s
}

// Polled calls poll_oneoff or epoll_oneoff and writes which events it gave, in
// their order, by their tokens.
func (t *T) Polled(function string, subs ...sockabi.Subscription) {
	events, e := polled(function, subs...)
	t.OK(function, e)
	words := kinds(events)
	for i, event := range events {
		words[i] = string(rune('a'+event.Userdata)) + " " + words[i]
	}
	t.Log(inWords(words))
}

// took writes whether do lasted at least d, and not much longer.
func (t *T) took(d time.Duration, do func()) {
	began := time.Now()
	do()
	switch took := time.Since(began); {
	case took < d:
		t.Log("too early")
	case took > d+patience/2:
		t.Log("too late")
	default:
		t.Log("in time")
	}
}

var polling = []sentence{
	{"events come in the order of their subscriptions, those that did not happen left out", func(t *T) {
		a, addrA := t.udp(loopback4)
		b, _ := t.udp(loopback4)
		_, e := sendTo(b, "x", addrA)
		t.OK("sock_send_to_v2", e)
		t.wait(readable(a))
		t.Polled("poll_oneoff",
			tagged(readable(b), 0), tagged(writable(b), 1), tagged(after(0), 2), tagged(readable(a), 3), tagged(after(time.Hour), 4), tagged(writable(a), 5))
	}},
	{"an event has its subscription's token, whatever it is", func(t *T) {
		a, _ := t.udp(loopback4)
		for _, token := range []uint64{0, 1, 1 << 32, 1<<64 - 1} {
			events, e := polled("poll_oneoff", tagged(writable(a), token))
			t.OK("poll_oneoff", e)
			t.Log(len(events), events[0].Userdata == token)
		}
	}},
	{"both directions of one descriptor are two events", func(t *T) {
		client, server := t.pair(loopback4)
		t.sendAll(client, "x")
		t.wait(readable(server))
		t.Polled("poll_oneoff", tagged(readable(server), 0), tagged(writable(server), 1))
		t.Polled("poll_oneoff", tagged(writable(server), 1), tagged(readable(server), 0))
	}},
	{"the same direction of one descriptor twice is EEXIST the second time", func(t *T) {
		a, _ := t.udp(loopback4)
		t.Polled("poll_oneoff", tagged(writable(a), 0), tagged(writable(a), 1), tagged(readable(a), 2), tagged(readable(a), 3))
	}},
	{"what is ready stays ready until it is drained", func(t *T) {
		client, server := t.pair(loopback4)
		t.sendAll(client, "xy")
		t.wait(readable(server))
		for range 3 {
			t.Polled("poll_oneoff", tagged(readable(server), 0), tagged(after(patience), 1))
		}
		t.Log(t.received(server, 1))
		t.Polled("poll_oneoff", tagged(readable(server), 0), tagged(after(patience), 1))
		t.Log(t.received(server, 1))
		t.Polled("poll_oneoff", tagged(readable(server), 0), tagged(after(moment), 1))
	}},
	{"nothing is readable until something comes", func(t *T) {
		client, server := t.pair(loopback4)
		t.Happens("before", moment, readable(server))
		t.sendAll(client, "x")
		t.Happens("after", patience, readable(server))
	}},
	{"a listener is readable when a connection waits, and not before or after", func(t *T) {
		l := t.listener(loopback4)
		t.Happens("before", moment, readable(l))
		t.dial(t.local(l))
		t.Happens("while", patience, readable(l))
		t.accepted(l)
		t.Happens("after", moment, readable(l))
	}},
	{"a listener is never writable", func(t *T) {
		l := t.listener(loopback4)
		t.dial(t.local(l))
		t.wait(readable(l))
		t.Happens("writing", moment, writable(l))
	}},
	{"an unread reset is a hang-up in both directions", func(t *T) {
		client, server := t.pair(loopback4)
		t.reset(server)
		t.wait(readable(client))
		t.Happens("both", patience, readable(client), writable(client))
		t.Happens("reading", patience, readable(client))
		t.Happens("writing", patience, writable(client))
	}},
	{"a read event counts 1 byte for data and none for a listener", func(t *T) {
		client, server := t.pair(loopback4)
		t.sendAll(client, "hello")
		t.Log("data:", t.wait(readable(server))[0].NBytes)
		t.close(client)
		t.received(server, 16)
		t.Log("end:", t.wait(readable(server))[0].NBytes)
		l := t.listener(loopback4)
		t.dial(t.local(l))
		t.Log("listener:", t.wait(readable(l))[0].NBytes)
	}},
	{"a write event counts what fits in the send buffer", func(t *T) {
		a, _ := t.udp(loopback4)
		size, e := option(a, sockabi.SOL_SOCKET, sockabi.SO_SNDBUF)
		t.OK("sock_getsockopt", e)
		t.Log("all of it:", t.wait(writable(a))[0].NBytes == uint64(size))
	}},
	{"a closed descriptor is EBADF, and the call waits for something else", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		t.close(fd)
		t.took(moment, func() {
			t.Polled("poll_oneoff", tagged(readable(fd), 0), tagged(writable(fd), 1), tagged(after(moment), 2))
		})
	}},
	{"a number that never was a descriptor is EBADF", func(t *T) {
		for _, fd := range []uint32{99, 1 << 20, 1<<31 - 1, 1 << 31, ^uint32(0)} {
			t.Polled("poll_oneoff", tagged(readable(fd), 0), tagged(after(0), 1))
		}
	}},
	{"a regular file is EPERM, and the call waits for something else", func(t *T) {
		file := t.regularFile()
		t.took(moment, func() {
			t.Polled("poll_oneoff", tagged(readable(file), 0), tagged(writable(file), 1), tagged(after(moment), 2))
		})
	}},
	{"an error of one descriptor leaves the others alone", func(t *T) {
		a, _ := t.udp(loopback4)
		closed := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		t.close(closed)
		t.Polled("poll_oneoff", tagged(readable(closed), 0), tagged(writable(a), 1), tagged(readable(t.regularFile()), 2))
		t.Polled("poll_oneoff", tagged(writable(a), 1))
	}},
	{"an unknown kind of subscription is EINVAL", func(t *T) {
		a, _ := t.udp(loopback4)
		for _, tag := range []uint8{3, 4, 255} {
			events, e := polled("poll_oneoff", sockabi.Subscription{Userdata: 7, Tag: tag, Target: a}, after(0))
			t.OK("poll_oneoff", e)
			t.Log(len(events), name(events[0].Errno), events[0].Userdata, events[0].Type)
		}
	}},
	{"a descriptor that was closed between two calls gives nothing to its successor", func(t *T) {
		a, addrA := t.udp(loopback4)
		_, e := sendTo(a, "x", addrA)
		t.OK("sock_send_to_v2", e)
		t.wait(readable(a))
		t.close(a)
		b, _ := t.udp(loopback4)
		t.Polled("poll_oneoff", tagged(readable(b), 0), tagged(after(moment), 1))
		t.Polled("poll_oneoff", tagged(readable(b), 0), tagged(writable(b), 1))
	}},
	{"500 descriptors are waited for at once", func(t *T) {
		var subs []sockabi.Subscription
		target, to := t.udp(loopback4)
		for i := range 500 {
			fd := target
			if i != 123 {
				fd, _ = t.udp(loopback4)
			}
			subs = append(subs, tagged(readable(fd), uint64(i)))
		}
		t.Log("before:", len(t.poll(moment, subs...)))
		_, e := sendTo(target, "x", to)
		t.OK("sock_send_to_v2", e)
		events := t.wait(subs...)
		t.Log("after:", len(events), "of number", events[0].Userdata)
		for i := range subs {
			subs[i].Tag = sockabi.EVENTTYPE_FD_WRITE
		}
		t.Log("writing:", len(t.wait(subs...)))
	}},
	{"waiting to write for a peer that stopped sending ends early, with no event", func(t *T) {
		client, server := t.pair(loopback4)
		t.fill(client)
		t.OK("sock_shutdown", call("sock_shutdown", server, sockabi.SHUT_WR))
		t.wait(readable(client))
		for range 2 {
			events, e := polled("poll_oneoff", writable(client), after(time.Second))
			t.OK("poll_oneoff", e)
			t.Log("events:", inWords(kinds(events)))
		}
		t.Happens("reading too", patience, readable(client), writable(client))
	}},
	{"standard output is writable", func(t *T) {
		t.Happens("stdout", patience, writable(1))
	}},
}

var clocks = []sentence{
	{"a clock ends a wait in time", func(t *T) {
		for _, id := range []uint32{sockabi.CLOCK_REALTIME, sockabi.CLOCK_MONOTONIC} {
			t.took(moment, func() { t.Polled("poll_oneoff", clock(id, uint64(moment), 0)) })
		}
	}},
	{"a timeout of nothing is over at once", func(t *T) {
		a, _ := t.udp(loopback4)
		for _, id := range []uint32{sockabi.CLOCK_REALTIME, sockabi.CLOCK_MONOTONIC} {
			t.took(0, func() { t.Polled("poll_oneoff", clock(id, 0, 0), tagged(readable(a), 1)) })
		}
	}},
	{"a time of the day ends a wait in time", func(t *T) {
		t.took(moment, func() {
			t.Polled("poll_oneoff", clock(sockabi.CLOCK_REALTIME, uint64(time.Now().Add(moment).UnixNano()), sockabi.SUBCLOCK_ABSTIME))
		})
	}},
	{"a time that has passed is over at once", func(t *T) {
		for _, id := range []uint32{sockabi.CLOCK_REALTIME, sockabi.CLOCK_MONOTONIC} {
			for _, at := range []uint64{0, 1} {
				t.took(0, func() { t.Polled("poll_oneoff", clock(id, at, sockabi.SUBCLOCK_ABSTIME)) })
			}
		}
	}},
	{"a timeout of centuries never ends a wait", func(t *T) {
		a, _ := t.udp(loopback4)
		for _, id := range []uint32{sockabi.CLOCK_REALTIME, sockabi.CLOCK_MONOTONIC} {
			for _, timeout := range []uint64{1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
				t.Polled("poll_oneoff", tagged(clock(id, timeout, 0), 0), tagged(after(time.Millisecond), 1), tagged(readable(a), 2))
				t.Polled("poll_oneoff", tagged(clock(id, timeout, sockabi.SUBCLOCK_ABSTIME), 0), tagged(after(time.Millisecond), 1), tagged(readable(a), 2))
			}
		}
	}},
	{"the earliest of several clocks ends a wait", func(t *T) {
		t.took(moment, func() {
			t.Polled("poll_oneoff", tagged(after(time.Hour), 0), tagged(after(moment), 1), tagged(after(10*patience), 2))
		})
	}},
	{"all clocks that are over are told", func(t *T) {
		t.Polled("poll_oneoff", tagged(after(0), 0), tagged(after(time.Hour), 1), tagged(clock(sockabi.CLOCK_REALTIME, 1, sockabi.SUBCLOCK_ABSTIME), 2), tagged(after(0), 3))
	}},
	{"what is ready ends a wait before its clock", func(t *T) {
		a, _ := t.udp(loopback4)
		t.took(0, func() { t.Polled("poll_oneoff", tagged(after(time.Hour), 0), tagged(writable(a), 1)) })
	}},
	{"the precision of a clock changes nothing", func(t *T) {
		s := after(moment)
		s.Precision = uint64(time.Hour)
		t.took(moment, func() { t.Polled("poll_oneoff", s) })
	}},
	{"clocks of the processor and unknown clocks are EINVAL", func(t *T) {
		for _, id := range []uint32{sockabi.CLOCK_PROCESSCPU, sockabi.CLOCK_THREADCPU, 4, 255, ^uint32(0)} {
			t.Polled("poll_oneoff", tagged(clock(id, 0, 0), 0), tagged(after(0), 1))
		}
	}},
	{"unknown flags of a clock are EINVAL", func(t *T) {
		for _, flags := range []uint16{2, 3, 1 << 15} {
			t.Polled("poll_oneoff", tagged(clock(sockabi.CLOCK_MONOTONIC, 0, flags), 0), tagged(after(0), 1))
		}
	}},
	{"epoll_oneoff reports what is unread again and again, as poll_oneoff does", func(t *T) {
		client, server := t.pair(loopback4)
		t.sendAll(client, "xy")
		t.wait(readable(server))
		for range 3 {
			t.Polled("epoll_oneoff", tagged(readable(server), 0), tagged(after(patience), 1))
		}
		t.Log(t.received(server, 1))
		t.Polled("epoll_oneoff", tagged(readable(server), 0), tagged(after(patience), 1))
		t.Log(t.received(server, 1))
		t.Polled("epoll_oneoff", tagged(readable(server), 0), tagged(after(moment), 1))
	}},
	{"epoll_oneoff waits for clocks and both directions, and reports errors, as poll_oneoff does", func(t *T) {
		a, _ := t.udp(loopback4)
		closed := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		t.close(closed)
		t.took(moment, func() { t.Polled("epoll_oneoff", tagged(after(moment), 0), tagged(readable(a), 1)) })
		t.Polled("epoll_oneoff", tagged(readable(a), 0), tagged(writable(a), 1), tagged(writable(a), 2), tagged(readable(closed), 3), tagged(clock(9, 0, 0), 4))
	}},
	{"poll_oneoff and epoll_oneoff may take turns", func(t *T) {
		client, server := t.pair(loopback4)
		t.sendAll(client, "x")
		t.wait(readable(server))
		for range 2 {
			t.Polled("epoll_oneoff", tagged(readable(server), 0), tagged(after(patience), 1))
			t.Polled("poll_oneoff", tagged(readable(server), 0), tagged(after(patience), 1))
		}
	}},
	{"more subscriptions than memory holds are a fault", func(t *T) {
		for _, function := range []string{"poll_oneoff", "epoll_oneoff"} {
			for _, n := range []uint32{1 << 24, 1 << 25, 1<<26 + 1, ^uint32(0)} {
				t.Is(function, call(function, at(place(after(0))), at(place(sockabi.Event{})), n, at(place(uint32(0)))), sockabi.EFAULT)
			}
		}
	}},
	{"a number of subscriptions whose bytes are 2 to the power of 32 is a fault", func(t *T) {
		for _, function := range []string{"poll_oneoff", "epoll_oneoff"} {
			for _, n := range []uint32{1 << 27, 1 << 28, 1 << 31} {
				t.Is(function, call(function, at(place(after(0))), at(place(sockabi.Event{})), n, at(place(uint32(0)))), sockabi.EFAULT)
			}
		}
	}},
}
