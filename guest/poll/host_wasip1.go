package poll

import (
	"syscall"
	"time"
	"unsafe"

	"github.com/wasisock/wasisock/sockabi"
)

//go:wasmimport wasi_snapshot_preview1 poll_oneoff
//go:noescape
func poll_oneoff(subs *sockabi.Subscription, events *sockabi.Event, nsubs uint32, nevents *uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_fdstat_get
//go:noescape
func fd_fdstat_get(fd int32, stat *sockabi.FDStat) uint32

//go:wasmimport wasi_snapshot_preview1 sock_getsockopt
//go:noescape
func sock_getsockopt(fd, level, name int32, value *int32, size *uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_recv_v2
//go:noescape
func sock_recv(fd int32, iovs *sockabi.IOVec, iovslen, flags uint32, nread *uint32, roflags *uint32) uint32

//go:wasmimport wasi_snapshot_preview1 clock_time_get
//go:noescape
func clock_time_get(id uint32, precision uint64, time *uint64) uint32

type wasiHost struct{}

var wasi host = wasiHost{}

// WasmEdge makes its poller at the first poll of the process, and if no descriptor
// is free at that moment keeps a dead one forever. So poll before the program opens
// any.
func init() {
	sub := sockabi.Subscription{Tag: sockabi.EVENTTYPE_CLOCK, Target: sockabi.CLOCK_MONOTONIC}
	var event sockabi.Event
	var n uint32
	poll_oneoff(&sub, &event, 1, &n)
}

func (wasiHost) oneoff(subs []sockabi.Subscription, events []sockabi.Event) (int, sockabi.Errno) {
	var n uint32
	e := poll_oneoff(&subs[0], &events[0], uint32(len(subs)), &n)
	return int(n), sockabi.Errno(e)
}

func (wasiHost) fdstat(fd int32, stat *sockabi.FDStat) sockabi.Errno {
	return sockabi.Errno(fd_fdstat_get(fd, stat))
}

func (wasiHost) option(fd, name int32) (int32, sockabi.Errno) {
	var value int32
	size := uint32(4)
	e := sock_getsockopt(fd, sockabi.SOL_SOCKET, name, &value, &size)
	return value, sockabi.Errno(e)
}

// peeked is where a byte goes that is looked at.
var peeked struct {
	iov            sockabi.IOVec
	nread, roflags uint32
	data           uint32
}

func (wasiHost) peek(fd int32) sockabi.Errno {
	peeked.iov = sockabi.IOVec{Buf: uint32(uintptr(unsafe.Pointer(&peeked.data))), Len: 1}
	return sockabi.Errno(sock_recv(fd, &peeked.iov, 1, sockabi.RI_PEEK, &peeked.nread, &peeked.roflags))
}

func (wasiHost) now() time.Duration {
	var t uint64
	clock_time_get(sockabi.CLOCK_MONOTONIC, 1, &t)
	return time.Duration(t)
}

// errno: on wasip1 the numbers of package syscall are the host's.
func errno(e sockabi.Errno) syscall.Errno { return syscall.Errno(e) }
