package sockabi

// The numbers of the extension. Source: thirdparty/wasi/api.hpp of WasmEdge
// at commit 0502c560 (0.17.1); commit 4f26a728 (0.14.1) has the same.

// Address families. Go's own syscall.AF_* for wasip1 are other numbers.
const (
	AF_UNSPEC = 0
	AF_INET4  = 1
	AF_INET6  = 2
	AF_UNIX   = 3
)

// Socket types. Go's own syscall.SOCK_* for wasip1 are other numbers.
// sock_open answers EINVAL to SOCK_ANY; there is no raw or seqpacket socket.
const (
	SOCK_ANY    = 0
	SOCK_DGRAM  = 1
	SOCK_STREAM = 2
)

// Protocols, in the hints and results of sock_getaddrinfo.
const (
	IPPROTO_IP  = 0
	IPPROTO_TCP = 1
	IPPROTO_UDP = 2
)

// What sock_shutdown ends. Neither bit acts as SHUT_RD; other bits are EINVAL.
const (
	SHUT_RD   = 1
	SHUT_WR   = 2
	SHUT_RDWR = SHUT_RD | SHUT_WR
)

// Descriptor flags, of fd_fdstat_set_flags and sock_accept.
const (
	FDFLAG_APPEND   = 1
	FDFLAG_DSYNC    = 2
	FDFLAG_NONBLOCK = 4
	FDFLAG_RSYNC    = 8
	FDFLAG_SYNC     = 16
)

// Flags of sock_recv and sock_recv_from, on the way in (RI) and out (RO).
// The flags of sock_send and sock_send_to must be 0.
const (
	RI_PEEK           = 1
	RI_WAITALL        = 2
	RO_DATA_TRUNCATED = 1
)

// Flags in AddrInfo.Flags, the hints of sock_getaddrinfo.
const (
	AI_PASSIVE     = 1
	AI_CANONNAME   = 2
	AI_NUMERICHOST = 4
	AI_NUMERICSERV = 8
	AI_V4MAPPED    = 16
	AI_ALL         = 32
	AI_ADDRCONFIG  = 64
)

// What a Subscription waits for and an Event reports.
const (
	EVENTTYPE_CLOCK    = 0
	EVENTTYPE_FD_READ  = 1
	EVENTTYPE_FD_WRITE = 2
)

// EVENTRW_HANGUP in Event.Flags: both directions of the connection are over,
// or connecting failed. A peer that only stopped sending is not a hang-up.
const EVENTRW_HANGUP = 1

// SUBCLOCK_ABSTIME in Subscription.Flags: Timeout is a time, not a duration.
const SUBCLOCK_ABSTIME = 1

// Clocks. poll_oneoff answers EINVAL, in the event, to the last two.
const (
	CLOCK_REALTIME   = 0
	CLOCK_MONOTONIC  = 1
	CLOCK_PROCESSCPU = 2
	CLOCK_THREADCPU  = 3
)

// Types of descriptors, in FDStat.Filetype.
const (
	FILETYPE_UNKNOWN          = 0
	FILETYPE_BLOCK_DEVICE     = 1
	FILETYPE_CHARACTER_DEVICE = 2
	FILETYPE_DIRECTORY        = 3
	FILETYPE_REGULAR_FILE     = 4
	FILETYPE_SOCKET_DGRAM     = 5
	FILETYPE_SOCKET_STREAM    = 6
	FILETYPE_SYMBOLIC_LINK    = 7
)

// Rights, in FDStat: those of WASI preview 1 that a socket carries, and
// WasmEdge's own from RIGHT_SOCK_OPEN on. The sock_* functions check none.
const (
	RIGHT_FD_READ                    = 1 << 1
	RIGHT_FD_FDSTAT_SET_FLAGS        = 1 << 3
	RIGHT_FD_WRITE                   = 1 << 6
	RIGHT_POLL_FD_READWRITE          = 1 << 27
	RIGHT_SOCK_SHUTDOWN              = 1 << 28
	RIGHT_SOCK_OPEN                  = 1 << 29
	RIGHT_SOCK_CLOSE                 = 1 << 30
	RIGHT_SOCK_BIND                  = 1 << 31
	RIGHT_SOCK_RECV                  = 1 << 32
	RIGHT_SOCK_RECV_FROM             = 1 << 33
	RIGHT_SOCK_SEND                  = 1 << 34
	RIGHT_SOCK_SEND_TO               = 1 << 35
	RIGHTS_OPENED             uint64 = 0xff800004a // of a socket from sock_open
	RIGHTS_ACCEPTED           uint64 = 0xf1800004a // of a socket from sock_accept
)
