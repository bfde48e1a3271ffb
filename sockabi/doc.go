// Package sockabi states the WasmEdge socket extension of WASI, once: every
// function, struct and number, for the guests that import it and the hosts that
// provide it. It calls nothing and imports nothing but structs and unsafe.
//
// The extension has no specification. This page describes what WasmEdge 0.14.1
// (commit 4f26a728) and 0.17.1 (commit 0502c560) do on Linux, from probing the
// binaries; layouts and numbers are those of thirdparty/wasi/api.hpp, the
// behaviour that of lib/host/wasi/wasimodule.cpp and wasifunc.cpp there. The two
// versions agree except where a paragraph names one.
//
// # General rules
//
// Every function lives in the import module wasi_snapshot_preview1. Every
// parameter is an i32 and so is the single result, an [Errno]. Integers in guest
// memory are little-endian. Only three things are in network order: the bytes of
// an IP address, the port inside a [SockAddr]'s data, and the port that
// sock_recv_from writes, which is a slip that became the ABI.
//
// The guest allocates everything, results included. The host never allocates
// guest memory and keeps no pointer after the call. A pointer outside memory is
// EFAULT. From 0.16 on a misaligned pointer is EADDRNOTAVAIL, and releases after
// 0.17.1 trap: align descriptors, sizes, u32 ports, iovecs, addresses and option
// lengths to 4, the u16 port of sock_recv_from and received flags to 2,
// subscriptions, events and [FDStat] to 8.
//
// # Versions
//
// An import is linked to the plain name first. Only if the guest's signature
// differs, and only for sock_open, bind, connect, listen, accept, recv,
// recv_from, send, send_to, getlocaladdr and getpeeraddr, is it linked to the
// name with _v2 instead. The choice is per import. So the signature decides for
// sock_accept (2 parameters or 3), sock_recv_from (7 or 8) and the two address
// getters (4 or 3), whereas the other names have one signature for both versions
// and mean version 1 when plain. 0.14.1 links any wrong signature of those names
// to _v2; 0.17 refuses to instantiate.
//
// Version 2 brought UNIX sockets and with them [AddrStorage], 128 bytes long. The
// plain sock_bind, sock_connect and sock_send_to take addresses of 4 or 16 bytes
// and answer EINVAL to 128; the _v2 names take 4, 16 or 128, and so does
// sock_recv_from with 8 parameters. The version 2 getters take 128 and nothing
// else; those of version 1 take 4 or 16, and answer ENOMEM to an IPv6 address
// that meets 4 bytes. A guest does best to import the _v2 names.
//
// # Descriptors
//
// sock_open(af, type, fd*) makes a blocking socket. A socket's number is a random
// 31-bit integer on WasmEdge: index nothing by it. Running out is EMFILE, by the
// process's own limit. fd_read, fd_write, fd_close, fd_fdstat_get and
// fd_fdstat_set_flags work on sockets; fd_filestat_get is ENOTCAPABLE. A sock_
// function answers ENOTSOCK for a file and EBADF for no descriptor.
//
// AF_UNIX needs wasmedge --allow-af-unix and is ENOSYS without. A UNIX path is
// the host's: no preopened directory confines it. A first byte of 0 makes an
// abstract name, NUL-padded to 107 bytes up to 0.17.1.
//
// Never write to a socket with fd_write: WasmEdge does not ignore SIGPIPE, and
// dies of it when the peer has gone. sock_send returns EPIPE.
//
// # Not blocking
//
// fd_fdstat_set_flags(fd, [FDFLAG_NONBLOCK]) makes a socket non-blocking; it
// replaces the whole set of flags. The flags of sock_accept do not: up to 0.17.1
// they are applied to the listener. Pass 0, then set the new descriptor's flags,
// which are not inherited. What would block is EAGAIN. A send that does not fit
// writes what fits and succeeds; the next is EAGAIN.
//
// # Connecting
//
// A non-blocking sock_connect returns EINPROGRESS, on loopback too. While it
// lasts, connecting again is EALREADY and sending EAGAIN. Then the descriptor
// becomes writable, with [EVENTRW_HANGUP] if it failed, and [SO_ERROR] returns why;
// reading it clears it, after which the descriptor stays ready forever and reports
// nothing more. Keep what you read. A socket that has not begun to connect is
// readable and writable, with a hang-up. Ports above 65535 lose their high bits
// in silence: check them in the guest. An IPv4 address on an IPv6 socket is
// EINVAL, an IPv6 address on an IPv4 socket EAFNOSUPPORT.
//
// # Sending and receiving
//
// At most [MaxIOVecs] buffers go into one call; more is EINVAL, as are flags that
// are not listed here. sock_recv returns 0 bytes at the end of a stream. A
// datagram longer than the buffers is cut and flagged [RO_DATA_TRUNCATED]; one
// too long to send is EMSGSIZE; sending without an address on an unconnected
// socket is EDESTADDRREQ, to a broadcast address without SO_BROADCAST EACCES.
//
// sock_recv_from with 8 parameters writes the sender's port as 2 bytes in network
// order, while the address getters write theirs as 4 bytes, little-endian. Where
// a datagram has no address, from an unnamed UNIX socket, and on streams, the
// family written is not initialised: take any family but the three as none.
// Other hosts write the port differently; [SO_PORTORDER] reports it on wasisock's, and
// on any other a datagram that a guest sends to itself over loopback shows it.
//
// # Addresses of a socket
//
// sock_getlocaladdr and sock_getpeeraddr write the address and its port. Version
// 1 says in type* whether it is 4 or 6. Version 2 sets [AddrStorage].Family; an
// unnamed UNIX end has an empty path, and the port beside a UNIX address means
// nothing. The peer of a socket that is not connected, or no longer, is ENOTCONN.
// An IPv4 peer of a [::] socket is an IPv4-mapped IPv6 address.
//
// # Ending
//
// sock_shutdown(fd, how) ends one direction or both; ENOTCONN where there is no
// connection. On a listener it succeeds, and accepting is EINVAL afterwards.
//
// # Options
//
// sock_getsockopt(fd, level, name, value*, size*) takes a pointer to the value's
// size, which it rewrites; sock_setsockopt(fd, level, name, value*, size) takes
// the size itself. The level is [SOL_SOCKET]; another level, or a name that is
// not listed, is EINVAL, and setting what is read-only ENOPROTOOPT. Values are
// the kernel's own, save SO_ERROR, an [Errno], and SO_TYPE. There is no
// TCP_NODELAY, no keep-alive timing and no IPV6_V6ONLY: for these wasisock's host
// has options of its own, which WasmEdge answers with EINVAL.
//
// # Waiting
//
// poll_oneoff(subs*, events*, nsubs, nevents*) waits until at least one of the
// subscriptions has happened, and reports all that have. It is level-triggered:
// what is ready stays ready until drained. epoll_oneoff behaves the same, despite
// its name. WasmEdge makes one epoll_ctl call per subscription each time, about a
// microsecond each, so a call costs in proportion to what it watches.
//
//   - A listener is readable when a connection waits. A peer that stopped sending
//     makes the connection readable, without a hang-up, and the read returns 0.
//   - Both directions of one descriptor are two subscriptions and two events. The
//     same direction twice is EEXIST in the second event.
//   - A closed descriptor is EBADF in its event, and a regular file EPERM, but
//     the call waits on until something else happens.
//   - Zero subscriptions succeed and spoil the poller: every descriptor of the
//     call before then reports ENOENT for good. Never do it.
//   - A signal to the process, such as SIGSTOP and SIGCONT, ends the call with
//     EINTR in every event, and the next with EEXIST in all of them; the one after
//     that is right again.
//   - Two states end a call at once with no event, however often it is repeated: a
//     subscription to write alone while the peer has half-closed and the send
//     buffer is full, and one to read alone on a connected datagram socket that
//     holds an ICMP error.
//   - The first call of a process creates the poller. If no descriptor is free at
//     that moment, every later call fails: make one cheap call at the start.
//   - A clock's timeout of 0, or a time that has passed, happens at once; 1<<62 and
//     more is never. Clocks other than real-time and monotonic are EINVAL.
//
// # Names
//
// sock_getaddrinfo(node*, nodelen, service*, servicelen, hints*, res**, max,
// count*) resolves with the host's libc, and blocks the whole guest while it
// does. The guest links max nodes of [AddrInfo], each with a [SockAddr] and its
// data, and passes a pointer to the pointer to the first. Results beyond max are
// dropped in silence. [SOCK_ANY] in the hints aborts WasmEdge: ask for a stream
// or datagrams. WasmEdge writes data and canonical names without looking at the
// room there is: give 26 and 256 bytes. Errors are the EAI_ numbers, such as
// EAI_NONAME for a name that does not exist.
//
// # wasisock's additions
//
// Those [Options] that are Ours, such as TCP_NODELAY and IPV6_V6ONLY, are wasisock's.
// Its host answers them; WasmEdge says EINVAL.
//
// Binaries built with stealthrocket/net v0.2.1 run there too, though not on
// WasmEdge: the plain names take addresses of 128 bytes as well, and a size* of 4
// in sock_getsockopt of SO_ERROR and SO_TYPE is the size itself where address 4
// holds 0. On WasmEdge the former is EINVAL and the latter aborts it: no guest that
// works there needs either.
package sockabi
