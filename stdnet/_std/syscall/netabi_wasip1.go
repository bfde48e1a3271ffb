//go:build wasip1

package syscall

import (
	"internal/sockabi"
	"unsafe"
)

// The imports, in the order of sockabi's table.

//go:wasmimport wasi_snapshot_preview1 sock_open_v2
//go:noescape
func sock_open(af, kind int32, fd *int32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_bind_v2
//go:noescape
func sock_bind(fd int32, addr *sockabi.Address, port uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_listen_v2
//go:noescape
func sock_listen(fd, backlog int32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_accept_v2
//go:noescape
func sock_accept(fd int32, flags uint32, newfd *int32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_connect_v2
//go:noescape
func sock_connect(fd int32, addr *sockabi.Address, port uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_recv_from_v2
//go:noescape
func sock_recv_from(fd int32, iovs *sockabi.IOVec, iovslen uint32, addr *sockabi.Address, flags uint32, port *[4]byte, nread *uint32, roflags *uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_send_v2
//go:noescape
func sock_send(fd int32, iovs *sockabi.IOVec, iovslen, flags uint32, nwritten *uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_send_to_v2
//go:noescape
func sock_send_to(fd int32, iovs *sockabi.IOVec, iovslen uint32, addr *sockabi.Address, port, flags uint32, nwritten *uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_shutdown
//go:noescape
func sock_shutdown(fd int32, how uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_getsockopt
//go:noescape
func sock_getsockopt(fd, level, name int32, value unsafe.Pointer, size *uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_setsockopt
//go:noescape
func sock_setsockopt(fd, level, name int32, value unsafe.Pointer, size uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_getlocaladdr_v2
//go:noescape
func sock_getlocaladdr(fd int32, addr *sockabi.Address, port *uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_getpeeraddr_v2
//go:noescape
func sock_getpeeraddr(fd int32, addr *sockabi.Address, port *uint32) Errno
