package sockabi

// Module is the wasm import module of every function here.
const Module = "wasi_snapshot_preview1"

// A Function is one import that a guest can have. Every parameter is an i32,
// and so is the one result, an Errno; so a name and a number of parameters are
// the whole signature.
type Function struct {
	Name string

	// Args names the parameters in order, separated by single spaces. A pointer
	// into guest memory ends in '*'.
	Args string
}

// NumParams is how many i32 parameters f takes.
func (f Function) NumParams() int {
	n := 1
	for i := 0; i < len(f.Args); i++ {
		if f.Args[i] == ' ' {
			n++
		}
	}
	return n
}

// String is f in the form "sock_shutdown(fd how)".
func (f Function) String() string { return f.Name + "(" + f.Args + ")" }

// Functions is the whole import table, in a slice of the caller's own: the
// socket functions and poll_oneoff, and those of WASI preview 1 that take a
// descriptor and so can meet a socket. A name stands twice where WasmEdge
// chooses between two versions by the guest's signature.
func Functions() []Function { return append([]Function(nil), functions[:]...) }

var functions = [...]Function{
	{"sock_open", "af type fd*"},
	{"sock_open_v2", "af type fd*"},
	{"sock_bind", "fd addr* port"},
	{"sock_bind_v2", "fd addr* port"},
	{"sock_listen", "fd backlog"},
	{"sock_listen_v2", "fd backlog"},
	{"sock_accept", "fd newfd*"},
	{"sock_accept", "fd flags newfd*"},
	{"sock_accept_v2", "fd flags newfd*"},
	{"sock_connect", "fd addr* port"},
	{"sock_connect_v2", "fd addr* port"},
	{"sock_recv", "fd iovs* iovslen flags nread* roflags*"},
	{"sock_recv_v2", "fd iovs* iovslen flags nread* roflags*"},
	{"sock_recv_from", "fd iovs* iovslen addr* flags nread* roflags*"},
	{"sock_recv_from", "fd iovs* iovslen addr* flags port* nread* roflags*"},
	{"sock_recv_from_v2", "fd iovs* iovslen addr* flags port* nread* roflags*"},
	{"sock_send", "fd iovs* iovslen flags nwritten*"},
	{"sock_send_v2", "fd iovs* iovslen flags nwritten*"},
	{"sock_send_to", "fd iovs* iovslen addr* port flags nwritten*"},
	{"sock_send_to_v2", "fd iovs* iovslen addr* port flags nwritten*"},
	{"sock_shutdown", "fd how"},
	{"sock_getsockopt", "fd level name value* size*"},
	{"sock_setsockopt", "fd level name value* size"},
	{"sock_getlocaladdr", "fd addr* type* port*"},
	{"sock_getlocaladdr", "fd addr* port*"},
	{"sock_getlocaladdr_v2", "fd addr* port*"},
	{"sock_getpeeraddr", "fd addr* type* port*"},
	{"sock_getpeeraddr", "fd addr* port*"},
	{"sock_getpeeraddr_v2", "fd addr* port*"},
	{"sock_getaddrinfo", "node* nodelen service* servicelen hints* res** max count*"},
	{"poll_oneoff", "subs* events* nsubs nevents*"},
	{"epoll_oneoff", "subs* events* nsubs nevents*"},

	{"fd_read", "fd iovs* iovslen nread*"},
	{"fd_write", "fd iovs* iovslen nwritten*"},
	{"fd_close", "fd"},
	{"fd_fdstat_get", "fd stat*"},
	{"fd_fdstat_set_flags", "fd flags"},
	{"fd_filestat_get", "fd stat*"},
	{"fd_renumber", "fd to"},
}
