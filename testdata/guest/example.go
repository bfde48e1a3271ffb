package main

import (
	"strings"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// An example is a call that succeeds, made from the names that
// sockabi.Functions gives to the parameters. Sentences about bad input change
// one argument of it.
type example struct {
	function sockabi.Function
	params   []string
	args     []uint32
	results  []span // all that the call may write

	address span // the sockabi.Address that addr* points to
	iovs    span // the sockabi.IOVec that iovs* points to
	node    span // the sockabi.AddrInfo that res* leads to
}

// do makes the call.
func (x *example) do() sockabi.Errno { return call(x.function.Name, x.args...) }

// pointers are the indexes of the pointers among the arguments.
func (x *example) pointers() []int {
	var at []int
	for i, p := range x.params {
		if strings.HasSuffix(p, "*") {
			at = append(at, i)
		}
	}
	return at
}

// plain is the name of version 1 of a function: without _v2.
func plain(name string) string { return strings.TrimSuffix(name, "_v2") }

// ownFunctions are the rows of sockabi.Functions that this guest imports: of
// two signatures under one name, the one of its version.
func ownFunctions() []sockabi.Function {
	var own []sockabi.Function
	for _, f := range sockabi.Functions() {
		if last := len(own) - 1; last >= 0 && own[last].Name == f.Name {
			if version == 2 {
				own[last] = f
			}
			continue
		}
		own = append(own, f)
	}
	return own
}

// ready makes a descriptor on which the function succeeds at once. Functions
// that take none get 0.
func (t *T) ready(function string) uint32 {
	switch plain(function) {
	case "sock_bind", "sock_getsockopt", "sock_setsockopt", "fd_fdstat_get", "fd_fdstat_set_flags":
		return t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
	case "sock_listen":
		return t.bound(loopback4, sockabi.SOCK_STREAM)
	case "sock_accept":
		l := t.listener(loopback4)
		t.dial(t.local(l))
		t.wait(readable(l))
		return l
	case "sock_connect", "sock_recv_from":
		a, to := t.udp(loopback4)
		_, e := sendTo(a, "hello", to)
		t.OK("sock_send_to_v2", e)
		t.wait(readable(a))
		return a
	case "sock_send_to":
		a, _ := t.udp(loopback4)
		return a
	case "sock_recv", "fd_read":
		client, server := t.pair(loopback4)
		t.sendAll(client, "hello")
		t.wait(readable(server))
		return server
	case "sock_send", "sock_shutdown", "sock_getlocaladdr", "sock_getpeeraddr", "fd_write":
		client, _ := t.pair(loopback4)
		return client
	case "fd_filestat_get":
		return t.regularFile()
	}
	return 0
}

// example is a call of f on fd.
func (t *T) example(f sockabi.Function, fd uint32) *example {
	x := &example{function: f, params: strings.Fields(f.Args)}
	result := func(s span) uint32 {
		x.results = append(x.results, s)
		return s.from
	}
	u32 := func() uint32 { return result(spanOf(place(uint32(0xeeeeeeee)))) }
	u16 := func() uint32 { return result(spanOf(place(uint16(0xeeee)))) }
	for i, param := range x.params {
		x.args = append(x.args, 0)
		arg := &x.args[i]
		switch param {
		case "fd":
			*arg = fd
		case "to":
			*arg = fd
		case "af":
			*arg = sockabi.AF_INET4
		case "type":
			*arg = sockabi.SOCK_STREAM
		case "port":
			if plain(f.Name) != "sock_bind" {
				*arg = 9
			}
		case "addr*":
			a := bare(loopback4)
			if plain(f.Name) == "sock_recv_from" || strings.HasPrefix(f.Name, "sock_get") {
				a = place(sockabi.Address{Buf: start(room(16)), Len: 16})
				if strings.HasSuffix(f.Name, "_v2") || version == 2 {
					a = full(loopback4)
				}
				result(span{a.Buf, a.Len})
			}
			x.address = spanOf(a)
			*arg = at(a)
		case "iovs*":
			buf := text("hello")
			if strings.Contains(f.Args, "nread*") {
				result(spanOfBytes(buf))
			}
			*arg, _ = vector(buf)
			x.iovs = span{*arg, sockabi.IOVecSize}
		case "iovslen", "nsubs", "max":
			*arg = 1
		case "fd*", "newfd*", "type*", "nread*", "nwritten*", "count*", "nevents*":
			*arg = u32()
		case "port*":
			if strings.Contains(f.Args, "nread*") {
				*arg = u16()
			} else {
				*arg = u32()
			}
		case "roflags*":
			*arg = u16()
		case "value*":
			*arg = result(spanOf(place(int32(1))))
		case "size*":
			*arg = result(spanOf(place(uint32(4))))
		case "size":
			*arg = 4
		case "stat*":
			if f.Name == "fd_filestat_get" {
				*arg = result(spanOfBytes(room(64)))
			} else {
				*arg = result(spanOf(place(sockabi.FDStat{})))
			}
		case "subs*":
			*arg = at(place(after(time.Nanosecond)))
		case "events*":
			*arg = result(spanOf(place(sockabi.Event{})))
		case "node*":
			*arg = start(text("127.0.0.1"))
		case "nodelen":
			*arg = uint32(len("127.0.0.1"))
		case "service*":
			*arg = start(text("80"))
		case "servicelen":
			*arg = uint32(len("80"))
		case "hints*":
			*arg = at(place(sockabi.AddrInfo{Flags: sockabi.AI_NUMERICHOST, Family: sockabi.AF_INET4, SockType: sockabi.SOCK_STREAM, Protocol: sockabi.IPPROTO_TCP}))
		case "res**":
			l := newList(1, sockabi.SockAddrInet6Size, 0)
			x.node = spanOf(l.nodes[0])
			result(x.node)
			result(spanOf(l.addrs[0]))
			result(spanOfBytes(l.data[0]))
			*arg = at(l.first)
		}
	}
	return x
}

// everyFunction calls all functions that take a descriptor, as they would
// succeed if fd were the right one, and writes what they say.
func everyFunction(t *T, prefix string, fd uint32) {
	for _, f := range ownFunctions() {
		if !strings.HasPrefix(f.Args, "fd") || strings.HasPrefix(f.Args, "fd*") || !strings.HasPrefix(f.Name, prefix) {
			continue
		}
		t.Logf("%s: %s", f.Name, name(t.example(f, fd).do()))
	}
}
