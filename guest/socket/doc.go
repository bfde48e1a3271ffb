// Package socket is non-blocking sockets for wasip1: TCP, UDP and UNIX, on hosts
// with the WasmEdge socket extension.
//
// Every call returns at once, save [Lookup]. What cannot be done yet is
// syscall.EAGAIN, so a program needs something to wait with, such as package
// poll. A Socket and its descriptor stay as the program left them: nothing here
// starts a goroutine, keeps a list of sockets, or closes one that is forgotten.
//
// # Errors
//
// What would block or is under way is a bare syscall.Errno, for which nothing is
// allocated; see [WouldBlock]. Any other failure of the host is an
// *os.SyscallError that names the WASI function and holds a syscall.Errno for
// errors.Is and errors.As. A socket that is closed answers EBADF to everything,
// and so does the zero value of each type. EACCES, which errors.Is equates with
// fs.ErrPermission, is a refusal of the host's policy. EMFILE and ENFILE mean that no
// descriptor is free and say so.
//
// Elsewhere than on wasip1 the package compiles, and each call that would reach a
// host is an error that is errors.ErrUnsupported.
//
// # Addresses
//
// An IPv4-mapped IPv6 address given to Dial, Listen, ListenPacket or DialPacket
// is the IPv4 address it holds. A socket at [::] serves IPv4 too, unless [V6Only]
// is set, and it speaks of IPv4 peers as the host does, by mapped addresses, in
// RemoteAddr and ReadFrom: call Unmap on what must compare equal to an IPv4
// address. WriteTo and Bind on an IPv6 socket accept either form.
//
// An IPv6 zone is EINVAL, because the ABI has no place for it.
//
// A UNIX path belongs to the host's file system, whatever directories the guest
// was given, and is not removed by Close. Under WasmEdge UNIX sockets need its
// option --allow-af-unix and are ENOSYS without.
//
// # Memory and goroutines
//
// Reading and writing allocate nothing, except for an error to be told and for an
// address with a UNIX path, which is a new string. No buffer is kept after the
// call.
//
// Goroutines may share a socket, because wasip1 has one thread; Truncated is then
// about whichever read was the last.
package socket
