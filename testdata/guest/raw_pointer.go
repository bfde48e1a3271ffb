package main

import (
	"slices"
	"strings"

	"github.com/wasisock/wasisock/sockabi"
)

// pointee is the size and alignment of what a parameter points to.
func pointee(f sockabi.Function, param string) (size, align uint32) {
	switch param {
	case "roflags*":
		return 2, 2
	case "port*":
		if strings.Contains(f.Args, "nread*") {
			return 2, 2
		}
	case "iovs*", "addr*":
		return 8, 4
	case "subs*":
		return sockabi.SubscriptionSize, 8
	case "events*":
		return sockabi.EventSize, 8
	case "hints*":
		return sockabi.AddrInfoSize, 4
	case "stat*":
		if f.Name == "fd_filestat_get" {
			return 64, 8
		}
		return sockabi.FDStatSize, 8
	case "node*", "service*", "value*":
		return 2, 1
	}
	return 4, 4
}

// misaligned is every pointer of every function, one byte off.
func misaligned(t *T) {
	for _, f := range pointerFunctions() {
		if f.Name != "fd_filestat_get" { // a sentence of its own, because wazero's is
			misalignedOf(t, f)
		}
	}
}

// misalignedOf is every pointer of one function, one byte off.
func misalignedOf(t *T, f sockabi.Function) {
	var said []string
	for _, i := range t.example(f, 0).pointers() {
		x := t.example(f, t.ready(f.Name))
		if _, align := pointee(f, x.params[i]); align == 1 {
			continue
		}
		moveUp(x, i)
		said = append(said, x.params[i]+" "+name(x.do()))
	}
	if len(said) > 0 {
		t.Logf("%s: %s", f.Name, strings.Join(said, ", "))
	}
}

// moveUp moves what argument i points to up by one byte, so that it is right
// but for its place.
func moveUp(x *example, i int) {
	size, _ := pointee(x.function, x.params[i])
	moved := room(int(size) + 1)[1:]
	copy(moved, bytesAt(x.args[i], size))
	x.args[i] = start(moved)
}

// pointerFunctions are the functions with pointers that this guest is about.
func pointerFunctions() []sockabi.Function {
	var all []sockabi.Function
	for _, f := range ownFunctions() {
		if two := plain(f.Name) == f.Name && strings.Contains(" sock_accept sock_recv_from sock_getlocaladdr sock_getpeeraddr ", " "+f.Name+" "); version == 1 && !two {
			continue
		}
		if strings.Contains(f.Args, "*") {
			all = append(all, f)
		}
	}
	return all
}

// outside calls f with each pointer outside of memory, in every way, and then
// as it should be: nothing has happened in between.
func outside(t *T, f sockabi.Function) {
	tries := t.tries(f)
	for _, i := range tries.good.pointers() {
		size, align := pointee(f, tries.good.params[i])
		tries.pointer(tries.good.params[i], size, align, func(x *example, to uint32) { x.args[i] = to })
	}
	if tries.good.iovs.size != 0 {
		tries.pointer("iovs*, buffer", 5, 1, func(x *example, to uint32) { the[sockabi.IOVec](x.iovs.from).Buf = to })
		t.Log("iovs*, 4 GB:", name(tries.one("iovs*", func(x *example, _ uint32) { the[sockabi.IOVec](x.iovs.from).Len = ^uint32(0) })))
	}
	if tries.good.address.size != 0 {
		tries.pointer("addr*, bytes", 4, 1, func(x *example, to uint32) { the[sockabi.Address](x.address.from).Buf = to })
	}
	t.Is("the right call", tries.one("the right call", func(*example, uint32) {}), sockabi.ESUCCESS)
}

// outsideList is outside for the list that sock_getaddrinfo fills.
func outsideList(t *T) {
	tries := t.tries(sockabi.Function{Name: "sock_getaddrinfo", Args: "node* nodelen service* servicelen hints* res** max count*"})
	node := func(x *example) *sockabi.AddrInfo { return the[sockabi.AddrInfo](x.node.from) }
	tries.pointer("node", sockabi.AddrInfoSize, 4, func(x *example, to uint32) { *the[uint32](x.args[5]) = to })
	tries.pointer("address", sockabi.SockAddrSize, 4, func(x *example, to uint32) { node(x).Addr = to })
	tries.pointer("data", sockabi.SockAddrInet6Size, 1, func(x *example, to uint32) {
		the[sockabi.SockAddr](node(x).Addr).Data = to
	})
	tries.pointer("name", 8, 1, func(x *example, to uint32) { node(x).CanonName, node(x).CanonNameLen = to, 8 })
	t.Is("the right call", tries.one("the right call", func(*example, uint32) {}), sockabi.ESUCCESS)
}

// tries are calls of one function, each wrong in one way.
type tries struct {
	t       *T
	good    *example
	fd      uint32 // on which a right call succeeds
	anySock uint32
}

func (t *T) tries(f sockabi.Function) *tries {
	fd := t.ready(f.Name)
	return &tries{t, t.example(f, fd), fd, t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)}
}

// one makes one call, after change, and holds that it writes results alone.
func (r *tries) one(what string, change func(x *example, end uint32)) sockabi.Errno {
	x := r.t.example(r.good.function, r.fd)
	change(x, memoryEnd(r.anySock))
	var e sockabi.Errno
	if changed(func() { e = x.do() }, x.results...) {
		r.t.Fatalf("%s: %s, and it wrote where it has no business", what, name(e))
	}
	if e == sockabi.ESUCCESS {
		r.fd = r.t.ready(r.good.function.Name)
	}
	return e
}

// pointer sets a pointer to every place outside of memory, and writes what the
// calls said: once if they all said the same.
func (r *tries) pointer(what string, size, align uint32, set func(x *example, to uint32)) {
	said := []sockabi.Errno{
		r.one(what, func(x *example, end uint32) { set(x, end) }),
		r.one(what, func(x *example, end uint32) { set(x, end-align*((size-1)/align)) }), // across the end, if it can be
		r.one(what, func(x *example, _ uint32) { set(x, -align) }),
		r.one(what, func(x *example, _ uint32) { set(x, 0xf0000000) }),
	}
	var words []string
	for _, e := range slices.Compact(said) {
		words = append(words, name(e))
	}
	r.t.Logf("%s: %s", what, strings.Join(words, ", "))
}

// overlapping calls f with every two of its result pointers on one place.
func overlapping(t *T) {
	for _, f := range pointerFunctions() {
		good := t.example(f, 0)
		for n, i := range good.pointers() {
			for _, j := range good.pointers()[n+1:] {
				x := t.example(f, t.ready(f.Name))
				if !overlaps(x.params[i]) || !overlaps(x.params[j]) {
					continue
				}
				shared := room(64)
				x.args[i], x.args[j] = start(shared), start(shared)
				x.results = append(x.results, spanOfBytes(shared))
				var e sockabi.Errno
				if changed(func() { e = x.do() }, x.results...) {
					t.Fatalf("%s: %s, and it wrote where it has no business", f.Name, name(e))
				}
				t.Logf("%s, %s and %s: %s", f.Name, x.params[i], x.params[j], name(e))
			}
		}
	}
}

// onTop receives and asks for addresses over the structs that say where to.
func onTop(t *T) {
	for _, f := range pointerFunctions() {
		x := t.example(f, t.ready(f.Name))
		switch {
		case strings.Contains(f.Args, "nread*"):
			the[sockabi.IOVec](x.iovs.from).Buf = x.iovs.from
			x.results = append(x.results, x.iovs)
		case strings.HasPrefix(f.Name, "sock_getlocal"), strings.HasPrefix(f.Name, "sock_getpeer"):
			a := the[sockabi.Address](x.address.from)
			a.Buf = start(room(int(a.Len)))
			x.results = append(x.results, span{a.Buf, a.Len})
			*the[sockabi.Address](a.Buf) = *a
			for i, param := range x.params {
				if param == "addr*" {
					x.args[i] = a.Buf
				}
			}
		default:
			continue
		}
		var e sockabi.Errno
		if changed(func() { e = x.do() }, x.results...) {
			t.Fatalf("%s: %s, and it wrote where it has no business", f.Name, name(e))
		}
		t.Logf("%s: %s", f.Name, name(e))
	}
}

// overlaps reports whether a parameter is a pointer to a result alone.
func overlaps(param string) bool {
	return strings.HasSuffix(param, "*") && !strings.Contains(" iovs* addr* subs* hints* res** node* service* value* size* ", " "+param+" ")
}

// pointers are the sentences of a guest of either version.
var pointers = func() []sentence {
	of := ""
	if version == 1 {
		of = ", in version 1"
	}
	all := []sentence{
		{"a misaligned pointer is not available" + of, misaligned},
		{"results may lie on top of each other" + of, overlapping},
		{"a buffer may lie on top of what describes it" + of, onTop},
	}
	for _, f := range pointerFunctions() {
		all = append(all, sentence{"a pointer of " + f.Name + " outside of memory is a fault" + of, func(t *T) { outside(t, f) }})
	}
	if version == 2 {
		all = append(all, sentence{"a misaligned pointer is not available for files either", func(t *T) {
			misalignedOf(t, sockabi.Function{Name: "fd_filestat_get", Args: "fd stat*"})
		}})
		all = append(all, sentence{"what sock_getaddrinfo fills outside of memory is a fault", outsideList})
	}
	return all
}()
