// Command hostile is a guest that tries to do harm, in the way that its first
// argument names: to its host, or to another guest.
//
// It exits with 0 when the host answered everything as it should, and with 1 when
// it did not; standard error says which call it was. Whatever it has open then is
// left to the host. Modules that no compiler makes lie beside it as text.
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/wasisock/wasisock/sockabi"
)

var harms = map[string]func(arg uint32){
	"bomb":          bomb,
	"forget":        forget,
	"hang":          hang,
	"many":          many,
	"names":         names,
	"numbers":       numbers,
	"overlap":       overlap,
	"reuse":         reuse,
	"slow":          slow,
	"stale":         stale,
	"storm":         storm,
	"subscriptions": subscriptions,
	"thief":         thief,
}

func main() {
	var arg uint64
	if len(os.Args) > 2 {
		arg, _ = strconv.ParseUint(os.Args[2], 10, 32)
	}
	harms[os.Args[1]](uint32(arg))
}

// call calls an import by its name.
func call(name string, args ...uint32) sockabi.Errno { return sockabi.Errno(imports[name](args)) }

// want is call for one that must be answered with one of these.
func want(wanted []sockabi.Errno, name string, args ...uint32) sockabi.Errno {
	got := call(name, args...)
	for _, w := range wanted {
		if got == w {
			return got
		}
	}
	fail("%s%x = %s (%d), not one of %d", name, args, got.Name(), got, wanted)
	return got
}

func ok(name string, args ...uint32) { want(one(sockabi.ESUCCESS), name, args...) }

func one(errnos ...sockabi.Errno) []sockabi.Errno { return errnos }

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "hostile: "+format+"\n", args...)
	os.Exit(1)
}

const first = 1 << 20 // the number of a guest's first socket

// bomb opens what it can of each kind.
func bomb(limit uint32) {
	fd := put(0)
	for n := uint32(0); ; n++ {
		e := want(one(sockabi.ESUCCESS, sockabi.EMFILE), "sock_open", 1+n%3, 1+n/3%2, fd)
		if e == sockabi.EMFILE && n == limit {
			break
		} else if e == sockabi.EMFILE || n > limit {
			fail("socket %d of %d: %s", n, limit, e.Name())
		}
	}
	for range 1000 {
		want(one(sockabi.EMFILE), "sock_open", 1, 2, fd)
		ok("fd_close", first+limit/2)
		ok("sock_open", 1, 2, fd)
	}
}

// forget accepts connections and never looks at them again.
func forget(limit uint32) {
	l, port := listener()
	for n := uint32(1); ; n += 2 {
		fd := put(0)
		if n+1 > limit {
			want(one(sockabi.EMFILE), "sock_open", 1, 2, fd)
			return
		}
		ok("sock_open", 1, 2, fd)
		ok("sock_connect", load(fd), loopback(), port)
		if n+2 > limit {
			want(one(sockabi.EMFILE), "sock_accept", l, 0, fd)
			return
		}
		ok("sock_accept", l, 0, fd)
	}
}

// many waits for so many descriptors, twice each.
func many(n uint32) {
	fd, subs := put(0), make([]sockabi.Subscription, 0, 2*n+1)
	for range n {
		ok("sock_open", 1, sockabi.SOCK_DGRAM, fd)
		subs = append(subs, reading(load(fd)), writing(load(fd)))
	}
	for round := range 6 {
		if got := len(poll(append(subs, timer(0)))); got != int(n)+1 {
			fail("round %d: %d events of %d sockets", round, got, n)
		}
		for i := range subs { // others each time
			subs[i].Userdata++
		}
	}
}

// numbers passes numbers that nobody has.
func numbers(uint32) {
	fd := put(0)
	ok("sock_open", 1, 2, fd)
	for _, to := range []uint32{first + 1, first + 64, first + 65536, 0x3fffffff, 0x7fffffff, 0x80000000, 0xffffffff, 3, 1000} {
		want(one(sockabi.EBADF), "fd_renumber", load(fd), to)
		want(one(sockabi.EBADF), "fd_renumber", to, load(fd))
		want(one(sockabi.EBADF), "fd_renumber", 0, to)
		want(one(sockabi.EBADF), "fd_renumber", to, 0)
		want(one(sockabi.EBADF), "fd_close", to)
	}
	want(one(sockabi.ENOTSUP), "fd_renumber", load(fd), 1)
	want(one(sockabi.ENOTSUP), "fd_renumber", 1, load(fd))
}

// thief uses the numbers that other guests have, having no socket itself.
func thief(uint32) {
	out, port := room(128), put(0)
	for fd := uint32(first); fd < first+1000; fd++ {
		want(one(sockabi.EBADF), "fd_close", fd)
		want(one(sockabi.EBADF), "sock_shutdown", fd, sockabi.SHUT_RDWR)
		want(one(sockabi.EBADF), "fd_renumber", fd, first)
		want(one(sockabi.EBADF), "fd_fdstat_set_flags", fd, 0)
		want(one(sockabi.EBADF), "sock_getlocaladdr", fd, put(out, 128), port)
		want(one(sockabi.EBADF), "sock_send", fd, 0, 0, 0, port)
		want(one(sockabi.EBADF), "sock_accept", fd, 0, port)
		free(port)
	}
	for _, e := range poll([]sockabi.Subscription{reading(first), writing(first + 1), timer(0)})[:2] {
		if e.Errno != sockabi.EBADF {
			fail("waiting for what is another's: %s", e.Errno.Name())
		}
	}
}

// names asks for names in ways that no resolver foresees.
func names(uint32) {
	bad := one(sockabi.EFAULT, sockabi.EADDRNOTAVAIL, sockabi.EACCES, sockabi.EAI_NONAME, sockabi.EAI_MEMORY, sockabi.EAI_FAIL)
	data, count := room(32), put(0)
	addr := put(0, 32, data)
	info := put(0, 0, 0, addr, 0, 0, 0)
	store(info+24, info) // the list is a ring
	hints, res := put(2<<24, 0, 0, 0, 0, 0, 0), put(info)
	text, number := room(1<<20), put(0x2e373231, 0x2e302e30, '1') // 127.0.0.1
	for i := range uint32(1 << 18) {
		store(text+4*i, 0x61616161)
	}
	ask := func(wanted []sockabi.Errno, node, nodelen, max uint32) {
		want(wanted, "sock_getaddrinfo", node, nodelen, 0, 0, hints, res, max, count)
	}
	for _, n := range []uint32{0xffffffff, 0x80000000, 0xfffffff0} {
		ask(bad, text, n, 1)
		ask(bad, n, 16, 1)
		want(bad, "sock_getaddrinfo", number, 9, text, n, hints, res, 1, count)
		want(bad, "sock_getaddrinfo", number, 9, 0, 0, hints, n, 1, count)
		store(addr+4, n)
		ask(bad, number, 9, 1)
		store(addr+4, 32)
	}
	ask(bad, text, 1<<20, 1)
	ask(bad, text, 256, 0xffffffff)
	ask(one(sockabi.ESUCCESS), number, 9, 0xffffffff)
	if load(count) != 1 {
		fail("%d addresses of 127.0.0.1", load(count))
	}
	want(bad, "sock_getaddrinfo", number, 9, 0, 0, hints, put(0), 1, count)
}

// hang asks for a name about which its nameserver never answers.
func hang(uint32) {
	data, count := room(32), put(0)
	info := put(0, 0, 0, put(0, 32, data), 0, 0, 0)
	name := text("hang.test")
	call("sock_getaddrinfo", name, 9, 0, 0, put(2<<24, 0, 0, 0, 0, 0, 0), put(info), 1, count)
	fail("there is an answer")
}

// reuse opens and closes the same port, with connections.
func reuse(rounds uint32) {
	l, port := listener()
	for range rounds {
		a, b := put(0), put(0)
		ok("sock_open", 1, 2, a)
		ok("sock_connect", load(a), loopback(), port)
		ok("sock_accept", l, 0, b)
		ok("fd_close", load(b))
		ok("fd_close", load(a))
		ok("fd_close", l)
		l = listenAt(port)
	}
}

// stale waits with subscriptions of sockets that are closed and numbered anew
// between the waits, whose bytes are the same.
func stale(rounds uint32) {
	const n = 8
	fd := put(0)
	var subs []sockabi.Subscription
	for i := range uint32(n) {
		ok("sock_open", 1, 1, fd)
		subs = append(subs, reading(first+i), writing(first+i))
	}
	expect := func(round uint32, closed int) {
		got := 0
		for _, e := range poll(append(subs, timer(0))) {
			if e.Errno == sockabi.EBADF && e.Userdata&1 == 1 {
				got++
			}
		}
		if got != closed {
			fail("round %d: %d subscriptions of sockets that are closed, of %d", round, got, closed)
		}
	}
	for round := range rounds {
		expect(round, 0)
		for i := uint32(1); i < n; i += 2 {
			ok("fd_close", first+i)
		}
		expect(round, n) // n/2 sockets, to read and to write
		for i := uint32(1); i < n; i += 2 {
			ok("sock_open", 1, 1, fd)
		}
		expect(round, 0)
		ok("fd_renumber", first+1, first+3)
		ok("sock_open", 1, 1, fd)
	}
}

// subscriptions waits for more than there is memory for, in every way to count it.
func subscriptions(uint32) {
	subs, events, n := room(1<<16), room(1<<16), put(0)
	bad := one(sockabi.EFAULT, sockabi.EINVAL)
	for _, count := range []uint32{0, 1 << 31, 1<<31 + 1, 0xffffffff, 0x05555556, 0x08000001, 0x10000000, 0x15555556, 1 << 20} {
		want(bad, "poll_oneoff", subs, events, count, n)
	}
	for _, ptr := range []uint32{0xffffffd0, 0xfffffff8, 0x80000000} {
		want(bad, "poll_oneoff", ptr, events, 1, n)
		want(bad, "poll_oneoff", subs, ptr, 1, n)
		want(bad, "poll_oneoff", subs, events, 1, ptr)
	}
	ok("poll_oneoff", subs, subs, 1, subs) // a clock of zeros, and all in one place
}
