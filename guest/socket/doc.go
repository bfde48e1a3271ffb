// Package socket provides non-blocking TCP, UDP and UNIX sockets for wasip1, on hosts with the
// WasmEdge socket extension.
//
// Every call but [Lookup] returns at once. A call that would block fails with syscall.EAGAIN,
// so a program needs a way to wait, such as package poll. The package starts no goroutine,
// keeps no list of sockets, and does not close a Socket that is garbage.
//
// # Errors
//
// An operation that would block or is in progress returns a bare syscall.Errno, without an
// allocation; see [WouldBlock]. Any other failure of the host is an *os.SyscallError that names
// the WASI function and holds a syscall.Errno for errors.Is and errors.As. Every call on a
// closed socket, and on the zero value of each type, fails with EBADF. EACCES, which errors.Is
// equates with fs.ErrPermission, means that the host's policy refuses. EMFILE and ENFILE mean
// that no descriptor is free.
//
// On other systems the package compiles, and each call that needs a host fails with
// errors.ErrUnsupported.
//
// # Addresses
//
// An IPv4-mapped IPv6 address given to Dial, Listen, ListenPacket or DialPacket is the IPv4
// address it holds. A socket at [::] serves IPv4 too, unless [V6Only] is set, and RemoteAddr
// and ReadFrom return its IPv4 peers as mapped addresses, as the host does: call Unmap before
// you compare them with an IPv4 address. WriteTo and Bind on an IPv6 socket accept either form.
//
// An address with an IPv6 zone fails with EINVAL, because the ABI has no field for it.
//
// A UNIX path is a path of the host's file system, whatever directories the guest has. Close
// does not remove the file. WasmEdge has UNIX sockets with its option --allow-af-unix only;
// without it they fail with ENOSYS.
//
// # Memory and goroutines
//
// Reading and writing allocate nothing, except for an error and for an address with a UNIX
// path. They keep no buffer after the call.
//
// Goroutines may share a socket, because wasip1 has one thread; Truncated then refers to the
// last read of all.
package socket
