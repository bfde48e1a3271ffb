package main

// The imports, in the order of sockabi.Functions, every argument an uint32:
// what a sentence passes must be able to be wrong. The names whose signature
// chooses the version are in import_v1_wasip1.go and import_v2_wasip1.go.

//go:wasmimport wasi_snapshot_preview1 sock_open
func sockOpen(af, typ, fd uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_open_v2
func sockOpenV2(af, typ, fd uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_bind
func sockBind(fd, addr, port uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_bind_v2
func sockBindV2(fd, addr, port uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_listen
func sockListen(fd, backlog uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_listen_v2
func sockListenV2(fd, backlog uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_accept_v2
func sockAcceptV2(fd, flags, newfd uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_connect
func sockConnect(fd, addr, port uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_connect_v2
func sockConnectV2(fd, addr, port uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_recv
func sockRecv(fd, iovs, iovslen, flags, nread, roflags uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_recv_v2
func sockRecvV2(fd, iovs, iovslen, flags, nread, roflags uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_recv_from_v2
func sockRecvFromV2(fd, iovs, iovslen, addr, flags, port, nread, roflags uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_send
func sockSend(fd, iovs, iovslen, flags, nwritten uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_send_v2
func sockSendV2(fd, iovs, iovslen, flags, nwritten uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_send_to
func sockSendTo(fd, iovs, iovslen, addr, port, flags, nwritten uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_send_to_v2
func sockSendToV2(fd, iovs, iovslen, addr, port, flags, nwritten uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_shutdown
func sockShutdown(fd, how uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_getsockopt
func sockGetsockopt(fd, level, name, value, size uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_setsockopt
func sockSetsockopt(fd, level, name, value, size uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_getlocaladdr_v2
func sockGetlocaladdrV2(fd, addr, port uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_getpeeraddr_v2
func sockGetpeeraddrV2(fd, addr, port uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_getaddrinfo
func sockGetaddrinfo(node, nodelen, service, servicelen, hints, res, max, count uint32) uint32

//go:wasmimport wasi_snapshot_preview1 poll_oneoff
func pollOneoff(subs, events, nsubs, nevents uint32) uint32

//go:wasmimport wasi_snapshot_preview1 epoll_oneoff
func epollOneoff(subs, events, nsubs, nevents uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_read
func fdRead(fd, iovs, iovslen, nread uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_write
func fdWrite(fd, iovs, iovslen, nwritten uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_close
func fdClose(fd uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_fdstat_get
func fdFdstatGet(fd, stat uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_fdstat_set_flags
func fdFdstatSetFlags(fd, flags uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_filestat_get
func fdFilestatGet(fd, stat uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_renumber
func fdRenumber(fd, to uint32) uint32

// fd_seek stands for the functions that only files have. Its offset is an i64.
//
//go:wasmimport wasi_snapshot_preview1 fd_seek
func fdSeek(fd uint32, offset uint64, whence, size uint32) uint32

// imports are the functions by their names. Each takes as many arguments as
// its row in sockabi.Functions has.
var imports = map[string]func(a []uint32) uint32{
	"sock_open":            func(a []uint32) uint32 { return sockOpen(a[0], a[1], a[2]) },
	"sock_open_v2":         func(a []uint32) uint32 { return sockOpenV2(a[0], a[1], a[2]) },
	"sock_bind":            func(a []uint32) uint32 { return sockBind(a[0], a[1], a[2]) },
	"sock_bind_v2":         func(a []uint32) uint32 { return sockBindV2(a[0], a[1], a[2]) },
	"sock_listen":          func(a []uint32) uint32 { return sockListen(a[0], a[1]) },
	"sock_listen_v2":       func(a []uint32) uint32 { return sockListenV2(a[0], a[1]) },
	"sock_accept":          accept,
	"sock_accept_v2":       func(a []uint32) uint32 { return sockAcceptV2(a[0], a[1], a[2]) },
	"sock_connect":         func(a []uint32) uint32 { return sockConnect(a[0], a[1], a[2]) },
	"sock_connect_v2":      func(a []uint32) uint32 { return sockConnectV2(a[0], a[1], a[2]) },
	"sock_recv":            func(a []uint32) uint32 { return sockRecv(a[0], a[1], a[2], a[3], a[4], a[5]) },
	"sock_recv_v2":         func(a []uint32) uint32 { return sockRecvV2(a[0], a[1], a[2], a[3], a[4], a[5]) },
	"sock_recv_from":       recvFrom,
	"sock_recv_from_v2":    func(a []uint32) uint32 { return sockRecvFromV2(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]) },
	"sock_send":            func(a []uint32) uint32 { return sockSend(a[0], a[1], a[2], a[3], a[4]) },
	"sock_send_v2":         func(a []uint32) uint32 { return sockSendV2(a[0], a[1], a[2], a[3], a[4]) },
	"sock_send_to":         func(a []uint32) uint32 { return sockSendTo(a[0], a[1], a[2], a[3], a[4], a[5], a[6]) },
	"sock_send_to_v2":      func(a []uint32) uint32 { return sockSendToV2(a[0], a[1], a[2], a[3], a[4], a[5], a[6]) },
	"sock_shutdown":        func(a []uint32) uint32 { return sockShutdown(a[0], a[1]) },
	"sock_getsockopt":      func(a []uint32) uint32 { return sockGetsockopt(a[0], a[1], a[2], a[3], a[4]) },
	"sock_setsockopt":      func(a []uint32) uint32 { return sockSetsockopt(a[0], a[1], a[2], a[3], a[4]) },
	"sock_getlocaladdr":    getlocaladdr,
	"sock_getlocaladdr_v2": func(a []uint32) uint32 { return sockGetlocaladdrV2(a[0], a[1], a[2]) },
	"sock_getpeeraddr":     getpeeraddr,
	"sock_getpeeraddr_v2":  func(a []uint32) uint32 { return sockGetpeeraddrV2(a[0], a[1], a[2]) },
	"sock_getaddrinfo":     func(a []uint32) uint32 { return sockGetaddrinfo(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]) },
	"poll_oneoff":          func(a []uint32) uint32 { return pollOneoff(a[0], a[1], a[2], a[3]) },
	"epoll_oneoff":         func(a []uint32) uint32 { return epollOneoff(a[0], a[1], a[2], a[3]) },
	"fd_read":              func(a []uint32) uint32 { return fdRead(a[0], a[1], a[2], a[3]) },
	"fd_write":             func(a []uint32) uint32 { return fdWrite(a[0], a[1], a[2], a[3]) },
	"fd_close":             func(a []uint32) uint32 { return fdClose(a[0]) },
	"fd_fdstat_get":        func(a []uint32) uint32 { return fdFdstatGet(a[0], a[1]) },
	"fd_fdstat_set_flags":  func(a []uint32) uint32 { return fdFdstatSetFlags(a[0], a[1]) },
	"fd_filestat_get":      func(a []uint32) uint32 { return fdFilestatGet(a[0], a[1]) },
	"fd_renumber":          func(a []uint32) uint32 { return fdRenumber(a[0], a[1]) },
}
