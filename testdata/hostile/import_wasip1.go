package main

//go:wasmimport wasi_snapshot_preview1 sock_open
func sockOpen(family, kind, fd uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_bind
func sockBind(fd, addr, port uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_listen
func sockListen(fd, backlog uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_accept
func sockAccept(fd, flags, newfd uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_connect
func sockConnect(fd, addr, port uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_recv
func sockRecv(fd, iovs, iovslen, flags, nread, roflags uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_send
func sockSend(fd, iovs, iovslen, flags, nwritten uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_shutdown
func sockShutdown(fd, how uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_setsockopt
func sockSetsockopt(fd, level, name, value, size uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_getlocaladdr
func sockGetlocaladdr(fd, addr, port uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_getaddrinfo
func sockGetaddrinfo(node, nodelen, service, servicelen, hints, res, max, count uint32) uint32

//go:wasmimport wasi_snapshot_preview1 poll_oneoff
func pollOneoff(subs, events, nsubs, nevents uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_close
func fdClose(fd uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_fdstat_set_flags
func fdFdstatSetFlags(fd, flags uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_renumber
func fdRenumber(fd, to uint32) uint32

// imports is every import by its name: what a guest passes must be able to be wrong.
var imports = map[string]func(a []uint32) uint32{
	"sock_open":           func(a []uint32) uint32 { return sockOpen(a[0], a[1], a[2]) },
	"sock_bind":           func(a []uint32) uint32 { return sockBind(a[0], a[1], a[2]) },
	"sock_listen":         func(a []uint32) uint32 { return sockListen(a[0], a[1]) },
	"sock_accept":         func(a []uint32) uint32 { return sockAccept(a[0], a[1], a[2]) },
	"sock_connect":        func(a []uint32) uint32 { return sockConnect(a[0], a[1], a[2]) },
	"sock_recv":           func(a []uint32) uint32 { return sockRecv(a[0], a[1], a[2], a[3], a[4], a[5]) },
	"sock_send":           func(a []uint32) uint32 { return sockSend(a[0], a[1], a[2], a[3], a[4]) },
	"sock_shutdown":       func(a []uint32) uint32 { return sockShutdown(a[0], a[1]) },
	"sock_setsockopt":     func(a []uint32) uint32 { return sockSetsockopt(a[0], a[1], a[2], a[3], a[4]) },
	"sock_getlocaladdr":   func(a []uint32) uint32 { return sockGetlocaladdr(a[0], a[1], a[2]) },
	"sock_getaddrinfo":    func(a []uint32) uint32 { return sockGetaddrinfo(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]) },
	"poll_oneoff":         func(a []uint32) uint32 { return pollOneoff(a[0], a[1], a[2], a[3]) },
	"fd_close":            func(a []uint32) uint32 { return fdClose(a[0]) },
	"fd_fdstat_set_flags": func(a []uint32) uint32 { return fdFdstatSetFlags(a[0], a[1]) },
	"fd_renumber":         func(a []uint32) uint32 { return fdRenumber(a[0], a[1]) },
}
