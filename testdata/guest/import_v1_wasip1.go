//go:build v1

package main

//go:wasmimport wasi_snapshot_preview1 sock_accept
func sockAccept(fd, newfd uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_recv_from
func sockRecvFrom(fd, iovs, iovslen, addr, flags, nread, roflags uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_getlocaladdr
func sockGetlocaladdr(fd, addr, typ, port uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_getpeeraddr
func sockGetpeeraddr(fd, addr, typ, port uint32) uint32

// version is that of the plain names whose signature chooses it.
const version = 1

func accept(a []uint32) uint32       { return sockAccept(a[0], a[1]) }
func getlocaladdr(a []uint32) uint32 { return sockGetlocaladdr(a[0], a[1], a[2], a[3]) }
func getpeeraddr(a []uint32) uint32  { return sockGetpeeraddr(a[0], a[1], a[2], a[3]) }

func recvFrom(a []uint32) uint32 {
	return sockRecvFrom(a[0], a[1], a[2], a[3], a[4], a[5], a[6])
}
