//go:build !v1

package main

import (
	"fmt"
	"strings"

	"github.com/wasisock/wasisock/sockabi"
)

// intOptions are the options whose value is an int32.
var intOptions = []struct {
	name   string
	number uint32
}{
	{"REUSEADDR", sockabi.SO_REUSEADDR},
	{"TYPE", sockabi.SO_TYPE},
	{"ERROR", sockabi.SO_ERROR},
	{"DONTROUTE", sockabi.SO_DONTROUTE},
	{"BROADCAST", sockabi.SO_BROADCAST},
	{"SNDBUF", sockabi.SO_SNDBUF},
	{"RCVBUF", sockabi.SO_RCVBUF},
	{"KEEPALIVE", sockabi.SO_KEEPALIVE},
	{"OOBINLINE", sockabi.SO_OOBINLINE},
	{"RCVLOWAT", sockabi.SO_RCVLOWAT},
	{"ACCEPTCONN", sockabi.SO_ACCEPTCONN},
}

// rawOption is sock_getsockopt with a buffer of n bytes: the value, its size
// as rewritten, and whether the rest of the buffer stayed.
func rawOption(fd, level, option uint32, n int) (string, uint32, sockabi.Errno) {
	value, size := room(n+8), place(uint32(n))
	e := call("sock_getsockopt", fd, level, option, start(value), at(size))
	if *size > uint32(n) || string(value[*size:]) != strings.Repeat("?", len(value)-int(*size)) && e == sockabi.ESUCCESS {
		return "too much", *size, e
	}
	return string(value[:*size]), *size, e
}

var options = []sentence{
	{"every option of a new socket has a value", func(t *T) {
		for _, typ := range []uint32{sockabi.SOCK_STREAM, sockabi.SOCK_DGRAM} {
			fd := t.socket(sockabi.AF_INET4, typ)
			for _, o := range intOptions {
				value, e := option(fd, sockabi.SOL_SOCKET, o.number)
				said := fmt.Sprint(value)
				if o.number == sockabi.SO_SNDBUF || o.number == sockabi.SO_RCVBUF {
					said = fmt.Sprint("positive ", value > 0)
				}
				t.Log(o.name, name(e), said)
			}
		}
	}},
	{"an option that is set is read as it was set", func(t *T) {
		for _, typ := range []uint32{sockabi.SOCK_STREAM, sockabi.SOCK_DGRAM} {
			fd := t.socket(sockabi.AF_INET4, typ)
			for _, o := range intOptions {
				switch o.number {
				case sockabi.SO_TYPE, sockabi.SO_ERROR, sockabi.SO_ACCEPTCONN, sockabi.SO_SNDBUF, sockabi.SO_RCVBUF, sockabi.SO_RCVLOWAT:
					continue
				}
				for _, value := range []int32{1, 0, 1} {
					e := setOption(fd, sockabi.SOL_SOCKET, o.number, value)
					got, _ := option(fd, sockabi.SOL_SOCKET, o.number)
					t.Log(o.name, value, name(e), got)
				}
			}
		}
	}},
	{"a flag that is set to 2 reads 1", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		for _, o := range []uint32{sockabi.SO_REUSEADDR, sockabi.SO_KEEPALIVE, sockabi.SO_OOBINLINE} {
			t.OK("sock_setsockopt", setOption(fd, sockabi.SOL_SOCKET, o, 2))
			t.Log(option(fd, sockabi.SOL_SOCKET, o))
		}
	}},
	{"buffer sizes read as twice what was set", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		for _, o := range []uint32{sockabi.SO_SNDBUF, sockabi.SO_RCVBUF} {
			t.Is("sock_setsockopt", setOption(fd, sockabi.SOL_SOCKET, o, 16384), sockabi.ESUCCESS)
			value, e := option(fd, sockabi.SOL_SOCKET, o)
			t.Log(value, name(e))
		}
	}},
	{"RCVLOWAT keeps a connection from being readable", func(t *T) {
		client, server := t.pair(loopback4)
		t.Is("sock_setsockopt", setOption(server, sockabi.SOL_SOCKET, sockabi.SO_RCVLOWAT, 6), sockabi.ESUCCESS)
		value, e := option(server, sockabi.SOL_SOCKET, sockabi.SO_RCVLOWAT)
		t.Log(value, name(e))
		t.sendAll(client, "hello")
		t.Happens("5 bytes", moment, readable(server))
		t.sendAll(client, "!")
		t.Happens("6 bytes", patience, readable(server))
	}},
	{"TYPE is the type that was opened", func(t *T) {
		for _, family := range []uint32{sockabi.AF_INET4, sockabi.AF_INET6, sockabi.AF_UNIX} {
			for _, typ := range []uint32{sockabi.SOCK_STREAM, sockabi.SOCK_DGRAM} {
				value, e := option(t.socket(family, typ), sockabi.SOL_SOCKET, sockabi.SO_TYPE)
				t.Log(family, typ, value, name(e))
			}
		}
	}},
	{"ACCEPTCONN recognizes a listener", func(t *T) {
		l := t.listener(loopback4)
		t.dial(t.local(l))
		for _, fd := range []uint32{l, t.accepted(l), t.bound(loopback4, sockabi.SOCK_STREAM)} {
			value, e := option(fd, sockabi.SOL_SOCKET, sockabi.SO_ACCEPTCONN)
			t.Log(value, name(e))
		}
	}},
	{"TYPE, ERROR and ACCEPTCONN cannot be set", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		for _, o := range []uint32{sockabi.SO_TYPE, sockabi.SO_ERROR, sockabi.SO_ACCEPTCONN} {
			t.Is("sock_setsockopt", setOption(fd, sockabi.SOL_SOCKET, o, 1), sockabi.ENOPROTOOPT)
		}
	}},
	{"other levels are refused", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		for _, level := range []uint32{1, 2, 5, 7, 17, 255, 0x7fffffff, 0xffff, ^uint32(0)} {
			_, e := option(fd, level, sockabi.SO_REUSEADDR)
			t.Is("sock_getsockopt", e, sockabi.EINVAL)
			t.Is("sock_setsockopt", setOption(fd, level, sockabi.SO_REUSEADDR, 1), sockabi.EINVAL)
		}
	}},
	{"other names are refused", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		for _, o := range []uint32{15, 16, 17, 46, 255, 0x7fffffff, 0xffff, ^uint32(0)} {
			_, e := option(fd, sockabi.SOL_SOCKET, o)
			t.Is("sock_getsockopt", e, sockabi.EINVAL)
			t.Is("sock_setsockopt", setOption(fd, sockabi.SOL_SOCKET, o, 1), sockabi.EINVAL)
		}
	}},
	{"the options of wasisock's host are unknown elsewhere", func(t *T) {
		for _, o := range []struct {
			name         string
			typ          uint32
			level, named uint32
			set          []int32
		}{
			{"TCP_NODELAY", sockabi.SOCK_STREAM, sockabi.SOL_TCP, sockabi.TCP_NODELAY, []int32{1, 0}},
			{"TCP_KEEPIDLE", sockabi.SOCK_STREAM, sockabi.SOL_TCP, sockabi.TCP_KEEPIDLE, []int32{30}},
			{"TCP_KEEPINTVL", sockabi.SOCK_STREAM, sockabi.SOL_TCP, sockabi.TCP_KEEPINTVL, []int32{5}},
			{"TCP_KEEPCNT", sockabi.SOCK_STREAM, sockabi.SOL_TCP, sockabi.TCP_KEEPCNT, []int32{3}},
			{"IPV6_V6ONLY", sockabi.SOCK_STREAM, sockabi.SOL_IPV6, sockabi.IPV6_V6ONLY, []int32{1, 0}},
			{"SO_REUSEPORT", sockabi.SOCK_DGRAM, sockabi.SOL_SOCKET, sockabi.SO_REUSEPORT, []int32{1, 0}},
			{"SO_PORTORDER", sockabi.SOCK_DGRAM, sockabi.SOL_SOCKET, sockabi.SO_PORTORDER, []int32{1}},
		} {
			fd := t.socket(sockabi.AF_INET6, o.typ)
			for _, value := range o.set {
				e := setOption(fd, o.level, o.named, value)
				got, e2 := option(fd, o.level, o.named)
				t.Log(o.name, value, name(e), got, name(e2))
			}
		}
	}},
	{"LINGER is two integers", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		for _, set := range []sockabi.Linger{{OnOff: 1, Seconds: 5}, {OnOff: 1}, {}} {
			t.Is("sock_setsockopt", call("sock_setsockopt", fd, sockabi.SOL_SOCKET, sockabi.SO_LINGER, at(place(set)), sockabi.LingerSize), sockabi.ESUCCESS)
			got, size := place(sockabi.Linger{}), place(uint32(sockabi.LingerSize))
			t.Is("sock_getsockopt", call("sock_getsockopt", fd, sockabi.SOL_SOCKET, sockabi.SO_LINGER, at(got), at(size)), sockabi.ESUCCESS)
			t.Log(got.OnOff, got.Seconds, *size)
		}
	}},
	{"timeouts are seconds and microseconds", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		for _, o := range []uint32{sockabi.SO_RCVTIMEO, sockabi.SO_SNDTIMEO} {
			for _, set := range []sockabi.Timeval{{}, {Seconds: 3}, {Seconds: 1, Microseconds: 500_000}} {
				t.Is("sock_setsockopt", call("sock_setsockopt", fd, sockabi.SOL_SOCKET, o, at(place(set)), sockabi.TimevalSize), sockabi.ESUCCESS)
				got, size := place(sockabi.Timeval{}), place(uint32(sockabi.TimevalSize))
				t.Is("sock_getsockopt", call("sock_getsockopt", fd, sockabi.SOL_SOCKET, o, at(got), at(size)), sockabi.ESUCCESS)
				t.Log(got.Seconds, got.Microseconds, *size)
			}
			t.Is("a million microseconds", call("sock_setsockopt", fd, sockabi.SOL_SOCKET, o, at(place(sockabi.Timeval{Microseconds: 1_000_000})), sockabi.TimevalSize), sockabi.EDOM)
		}
	}},
	{"BINDTODEVICE is a name", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_DGRAM)
		value, size, e := rawOption(fd, sockabi.SOL_SOCKET, sockabi.SO_BINDTODEVICE, 16)
		t.Logf("%s %q %d", name(e), value, size)
		device := text("lo")
		t.Log("lo:", name(call("sock_setsockopt", fd, sockabi.SOL_SOCKET, sockabi.SO_BINDTODEVICE, start(device), 2)))
		value, size, e = rawOption(fd, sockabi.SOL_SOCKET, sockabi.SO_BINDTODEVICE, 16)
		t.Logf("%s %q %d", name(e), value, size)
		none := text("no such device")
		t.Log("another:", name(call("sock_setsockopt", t.socket(sockabi.AF_INET4, sockabi.SOCK_DGRAM), sockabi.SOL_SOCKET, sockabi.SO_BINDTODEVICE, start(none), uint32(len(none)))))
	}},
	{"reading takes any size but writes no more than the value, and says how much", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		t.OK("sock_setsockopt", setOption(fd, sockabi.SOL_SOCKET, sockabi.SO_KEEPALIVE, 1))
		for _, n := range []int{0, 1, 2, 3, 4, 5, 8, 64} {
			value, size, e := rawOption(fd, sockabi.SOL_SOCKET, sockabi.SO_KEEPALIVE, n)
			t.Logf("KEEPALIVE into %d: %s %d %q", n, name(e), size, value)
		}
		for _, n := range []int{0, 4, 7, 8, 9, 64} {
			value, size, e := rawOption(fd, sockabi.SOL_SOCKET, sockabi.SO_LINGER, n)
			t.Logf("LINGER into %d: %s %d %q", n, name(e), size, value)
		}
		for _, n := range []int{0, 8, 15, 16, 17, 64} {
			value, size, e := rawOption(fd, sockabi.SOL_SOCKET, sockabi.SO_RCVTIMEO, n)
			t.Logf("RCVTIMEO into %d: %s %d %q", n, name(e), size, value)
		}
	}},
	{"setting takes the value's size or more", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		value := text("\x01" + strings.Repeat("\x00", 63))
		for _, o := range []struct {
			name   string
			number uint32
			sizes  []uint32
		}{
			{"KEEPALIVE", sockabi.SO_KEEPALIVE, []uint32{0, 1, 3, 4, 5, 8, 64}},
			{"LINGER", sockabi.SO_LINGER, []uint32{0, 4, 7, 8, 9, 64}},
			{"RCVTIMEO", sockabi.SO_RCVTIMEO, []uint32{0, 8, 15, 16, 17, 64}},
		} {
			for _, n := range o.sizes {
				t.Log(o.name, n, name(call("sock_setsockopt", fd, sockabi.SOL_SOCKET, o.number, start(value), n)))
			}
		}
	}},
	{"a value may lie at any address", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		value := text("?\x01\x00\x00\x00???")
		t.Is("sock_setsockopt", call("sock_setsockopt", fd, sockabi.SOL_SOCKET, sockabi.SO_KEEPALIVE, start(value[1:]), 4), sockabi.ESUCCESS)
		size := place(uint32(4))
		t.Is("sock_getsockopt", call("sock_getsockopt", fd, sockabi.SOL_SOCKET, sockabi.SO_KEEPALIVE, start(value[2:]), at(size)), sockabi.ESUCCESS)
		t.Logf("%q", value)
	}},
	{"an accepted socket has the options of its listener", func(t *T) {
		l := t.listener(loopback4)
		t.OK("sock_setsockopt", setOption(l, sockabi.SOL_SOCKET, sockabi.SO_KEEPALIVE, 1))
		t.dial(t.local(l))
		value, e := option(t.accepted(l), sockabi.SOL_SOCKET, sockabi.SO_KEEPALIVE)
		t.Log(value, name(e))
	}},
}
