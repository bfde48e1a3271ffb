//go:build !v1

package main

import (
	"github.com/wasisock/wasisock/sockabi"
)

var opening = []sentence{
	{"a socket opens in every family and type", func(t *T) {
		for _, function := range []string{"sock_open", "sock_open_v2"} {
			for _, c := range []struct {
				name        string
				family, typ uint32
			}{
				{"IPv4 stream", sockabi.AF_INET4, sockabi.SOCK_STREAM},
				{"IPv4 datagram", sockabi.AF_INET4, sockabi.SOCK_DGRAM},
				{"IPv6 stream", sockabi.AF_INET6, sockabi.SOCK_STREAM},
				{"IPv6 datagram", sockabi.AF_INET6, sockabi.SOCK_DGRAM},
				{"UNIX stream", sockabi.AF_UNIX, sockabi.SOCK_STREAM},
				{"UNIX datagram", sockabi.AF_UNIX, sockabi.SOCK_DGRAM},
			} {
				fd := place(^uint32(0))
				t.Is(function+" "+c.name, call(function, c.family, c.typ, at(fd)), sockabi.ESUCCESS)
				if *fd > 1<<31-1 {
					t.Fatalf("the descriptor is not a 31-bit number")
				}
				t.close(*fd)
			}
		}
	}},
	{"opening refuses other families and types", func(t *T) {
		for _, function := range []string{"sock_open", "sock_open_v2"} {
			for _, c := range []struct {
				name        string
				family, typ uint32
			}{
				{"no family", sockabi.AF_UNSPEC, sockabi.SOCK_STREAM},
				{"family 4", 4, sockabi.SOCK_STREAM},
				{"family -1", ^uint32(0), sockabi.SOCK_STREAM},
				{"any type", sockabi.AF_INET4, sockabi.SOCK_ANY},
				{"type 3", sockabi.AF_INET4, 3},
				{"type -1", sockabi.AF_INET4, ^uint32(0)},
			} {
				fd := place(^uint32(0))
				t.Is(function+" "+c.name, call(function, c.family, c.typ, at(fd)), sockabi.EINVAL)
				if *fd != ^uint32(0) {
					t.Fatalf("it wrote a descriptor all the same")
				}
			}
		}
	}},
	{"an opened socket blocks", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		stat := place(sockabi.FDStat{})
		t.OK("fd_fdstat_get", call("fd_fdstat_get", fd, at(stat)))
		t.Log("flags:", stat.Flags)
	}},
	{"descriptors are not shared and not reused while open", func(t *T) {
		seen := map[uint32]bool{}
		for range 100 {
			fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
			if seen[fd] || fd < 3 {
				t.Fatalf("a number was given twice, or is that of a standard stream")
			}
			seen[fd] = true
		}
		t.Log("100 sockets, 100 numbers")
	}},
}
