package main

import "github.com/wasisock/wasisock/sockabi"

// loopback is an Address of 127.0.0.1.
func loopback() uint32 { return put(put(0x0100007f), 4) }

// listener listens at a free port.
func listener() (fd, port uint32) {
	fd = listenAt(0)
	addr, at := put(room(128), 128), put(0)
	ok("sock_getlocaladdr", fd, addr, at)
	return fd, load(at)
}

func listenAt(port uint32) (fd uint32) {
	at := put(0)
	ok("sock_open", 1, 2, at)
	ok("sock_setsockopt", load(at), sockabi.SOL_SOCKET, sockabi.SO_REUSEADDR, put(1), 4)
	ok("sock_bind", load(at), loopback(), port)
	ok("sock_listen", load(at), 1<<31)
	return load(at)
}

// dial is a connection to a port of 127.0.0.1, which does not block.
func dial(port uint32) (fd uint32) {
	at := put(0)
	ok("sock_open", 1, 2, at)
	ok("sock_connect", load(at), loopback(), port)
	ok("fd_fdstat_set_flags", load(at), sockabi.FDFLAG_NONBLOCK)
	return load(at)
}

// storm connects to another guest, and is gone.
func storm(port uint32) {
	buf := room(64)
	for n := range uint32(400) {
		fd := dial(port)
		if n%2 == 0 {
			want(one(sockabi.ESUCCESS), "sock_send", fd, put(buf, 64), 1, 0, put(0))
		}
		if n%3 == 0 { // with a reset
			ok("sock_setsockopt", fd, sockabi.SOL_SOCKET, sockabi.SO_LINGER, put(1, 0), 8)
		}
		ok("fd_close", fd)
	}
	for range 100 {
		dial(port)
	}
}

// slow asks another guest, an HTTP server, for more and more, and reads no answer.
func slow(port uint32) {
	request := text("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n")
	head, body, sent := put(request, 51), put(room(60000), 60000), put(0)
	for range 20 {
		fd := dial(port)
		for range 200 {
			want(one(sockabi.ESUCCESS, sockabi.EAGAIN), "sock_send", fd, head, 1, 0, sent)
			want(one(sockabi.ESUCCESS, sockabi.EAGAIN), "sock_send", fd, body, 1, 0, sent)
		}
	}
	poll([]sockabi.Subscription{timer(1e9)})
}

// overlap receives into its own buffers' descriptions, and into its results.
func overlap(port uint32) {
	fd := dial(port)
	request := text("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	all := room(1 << 12)
	end := put(0xdeadbeef)
	for range 50 {
		sent := put(0)
		ok("sock_send", fd, put(request, 27), 1, 0, sent)
		poll([]sockabi.Subscription{reading(fd)})
		for i := range uint32(128) { // of each other, of this array, and of the results
			store(all+8*i, all+4*i)
			store(all+8*i+4, 512)
		}
		ok("sock_recv", fd, all, 128, 0, all+64, all+66)
		if load(end) != 0xdeadbeef {
			fail("the host wrote past its buffers")
		}
		free(sent)
	}
	store(all, all)
	store(all+4, 1<<12)
	want(one(sockabi.EAGAIN), "sock_recv", fd, all, 1, 0, all, all+4)
}
