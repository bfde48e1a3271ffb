package sockabi

import (
	"structs"
	"unsafe"
)

// Every struct here lies in guest memory, little-endian, at these exact
// offsets; the assertions at the end of this file fail the build otherwise.
// Pointers are 32-bit offsets into the guest's memory 0, never Go pointers.
// Source: thirdparty/wasi/api.hpp of WasmEdge at commit 0502c560 (0.17.1).

// Sizes of the structs, in bytes.
const (
	IOVecSize        = 8
	AddressSize      = 8
	AddrStorageSize  = 128
	FDStatSize       = 24
	AddrInfoSize     = 28
	SockAddrSize     = 12
	SubscriptionSize = 48
	EventSize        = 32
	LingerSize       = 8
	TimevalSize      = 16
)

// Limits of the extension.
const (
	// MaxIOVecs is the most buffers that one call takes; more is EINVAL.
	MaxIOVecs = 1024

	// MaxUnixPath is the longest path of a UNIX socket in bytes: 108 bytes of
	// sun_path less its terminating NUL.
	MaxUnixPath = 107

	// MaxName and MaxService are the longest name and the longest service that
	// sock_getaddrinfo of wasisock looks up, in bytes. A longer name is EAI_NONAME,
	// and a longer service EAI_SERVICE.
	MaxName    = 255
	MaxService = 32

	// SockAddrInet4Size and SockAddrInet6Size are how many bytes
	// sock_getaddrinfo writes to SockAddr.Data, whatever DataLen says.
	SockAddrInet4Size = 14
	SockAddrInet6Size = 26
)

// An IOVec is one buffer of a vectored read or write (WASI iovec, ciovec).
type IOVec struct {
	_   structs.HostLayout
	Buf uint32 // pointer
	Len uint32 // bytes
}

// An Address points to the bytes of a socket address. The functions
// take a pointer to it, never the bytes themselves. The port always travels
// beside it, in a parameter of its own.
type Address struct {
	_   structs.HostLayout
	Buf uint32 // pointer: 4 bytes of IPv4, 16 bytes of IPv6, or an AddrStorage
	Len uint32 // 4, 16 or AddrStorageSize; the last under _v2 names only
}

// An AddrStorage is an address with its family: 4 bytes of IPv4, 16 bytes of
// IPv6 or up to MaxUnixPath bytes of a UNIX path, NUL-padded, at the start of
// Data. The rest of Data is ignored on the way in and untouched on the way out.
// There is no port and no IPv6 zone in it.
type AddrStorage struct {
	_      structs.HostLayout
	Family uint16 // AF_INET4, AF_INET6 or AF_UNIX
	Data   [126]byte
}

// An FDStat holds what fd_fdstat_get returns about a descriptor. WasmEdge answers
// FILETYPE_SOCKET_STREAM for every socket, datagram sockets included: only
// SO_TYPE distinguishes them.
type FDStat struct {
	_                structs.HostLayout
	Filetype         uint8
	_                uint8
	Flags            uint16 // FDFLAG_*
	_                [4]byte
	RightsBase       uint64 // RIGHT_*
	RightsInheriting uint64
}

// An AddrInfo is one node of the list that sock_getaddrinfo fills. The guest
// allocates every node, its SockAddr and its data, and links the nodes before
// the call; Next is not rewritten, so the count that the call returns says how
// many nodes are valid.
type AddrInfo struct {
	_            structs.HostLayout
	Flags        uint16 // AI_*
	Family       uint8  // AF_*
	SockType     uint8  // SOCK_*; never SOCK_ANY in hints, see package comment
	Protocol     uint8  // IPPROTO_*
	_            [3]byte
	AddrLen      uint32 // the native sockaddr's size, 16 or 28: of no use to a guest
	Addr         uint32 // pointer to a SockAddr
	CanonName    uint32 // pointer; give 256 bytes and more: WasmEdge does not check
	CanonNameLen uint32
	Next         uint32 // pointer to an AddrInfo, or 0
}

// A SockAddr is the address in an AddrInfo. For AF_INET4 the host writes
// SockAddrInet4Size bytes to Data: the port in network order, the address, and
// 8 zero bytes. For AF_INET6 it writes SockAddrInet6Size: the port in network
// order, 4 bytes of flow information, the address at offset 6, and 4 bytes of
// scope id at offset 22. It does so whatever DataLen said, so give 26 always.
type SockAddr struct {
	_       structs.HostLayout
	Family  uint8 // AF_*; the host writes this one byte
	_       [3]byte
	DataLen uint32
	Data    uint32 // pointer
}

// A Subscription is one thing that poll_oneoff waits for: a clock
// (EVENTTYPE_CLOCK) or a descriptor (EVENTTYPE_FD_READ, EVENTTYPE_FD_WRITE).
// It must lie on an 8-byte boundary.
type Subscription struct {
	_         structs.HostLayout
	Userdata  uint64 // comes back in the Event
	Tag       uint8  // EVENTTYPE_*
	_         [7]byte
	Target    uint32 // the descriptor, or CLOCK_*
	_         [4]byte
	Timeout   uint64 // clocks: nanoseconds
	Precision uint64 // clocks: nanoseconds; ignored by WasmEdge
	Flags     uint16 // clocks: SUBCLOCK_ABSTIME
	_         [6]byte
}

// An Event is the outcome of one Subscription. Events come in the order of
// their subscriptions, those that did not happen left out.
type Event struct {
	_        structs.HostLayout
	Userdata uint64
	Errno    Errno
	Type     uint8 // EVENTTYPE_*
	_        [5]byte
	NBytes   uint64 // FD_READ: 1 or 0 on WasmEdge, never a size; FD_WRITE: free send buffer
	Flags    uint16 // EVENTRW_HANGUP
	_        [6]byte
}

// A Linger is the value of SO_LINGER.
type Linger struct {
	_       structs.HostLayout
	OnOff   int32
	Seconds int32
}

// A Timeval is the value of SO_RCVTIMEO and SO_SNDTIMEO.
type Timeval struct {
	_            structs.HostLayout
	Seconds      int64
	Microseconds int64
}

// The assertions: a wrong size or offset is a type error.
var (
	_ [IOVecSize]byte        = [unsafe.Sizeof(IOVec{})]byte{}
	_ [AddressSize]byte      = [unsafe.Sizeof(Address{})]byte{}
	_ [AddrStorageSize]byte  = [unsafe.Sizeof(AddrStorage{})]byte{}
	_ [FDStatSize]byte       = [unsafe.Sizeof(FDStat{})]byte{}
	_ [AddrInfoSize]byte     = [unsafe.Sizeof(AddrInfo{})]byte{}
	_ [SockAddrSize]byte     = [unsafe.Sizeof(SockAddr{})]byte{}
	_ [SubscriptionSize]byte = [unsafe.Sizeof(Subscription{})]byte{}
	_ [EventSize]byte        = [unsafe.Sizeof(Event{})]byte{}
	_ [LingerSize]byte       = [unsafe.Sizeof(Linger{})]byte{}
	_ [TimevalSize]byte      = [unsafe.Sizeof(Timeval{})]byte{}

	_ [4]byte  = [unsafe.Offsetof(IOVec{}.Len)]byte{}
	_ [4]byte  = [unsafe.Offsetof(Address{}.Len)]byte{}
	_ [2]byte  = [unsafe.Offsetof(AddrStorage{}.Data)]byte{}
	_ [2]byte  = [unsafe.Offsetof(FDStat{}.Flags)]byte{}
	_ [8]byte  = [unsafe.Offsetof(FDStat{}.RightsBase)]byte{}
	_ [16]byte = [unsafe.Offsetof(FDStat{}.RightsInheriting)]byte{}

	_ [2]byte  = [unsafe.Offsetof(AddrInfo{}.Family)]byte{}
	_ [3]byte  = [unsafe.Offsetof(AddrInfo{}.SockType)]byte{}
	_ [4]byte  = [unsafe.Offsetof(AddrInfo{}.Protocol)]byte{}
	_ [8]byte  = [unsafe.Offsetof(AddrInfo{}.AddrLen)]byte{}
	_ [12]byte = [unsafe.Offsetof(AddrInfo{}.Addr)]byte{}
	_ [16]byte = [unsafe.Offsetof(AddrInfo{}.CanonName)]byte{}
	_ [20]byte = [unsafe.Offsetof(AddrInfo{}.CanonNameLen)]byte{}
	_ [24]byte = [unsafe.Offsetof(AddrInfo{}.Next)]byte{}
	_ [4]byte  = [unsafe.Offsetof(SockAddr{}.DataLen)]byte{}
	_ [8]byte  = [unsafe.Offsetof(SockAddr{}.Data)]byte{}

	_ [8]byte  = [unsafe.Offsetof(Subscription{}.Tag)]byte{}
	_ [16]byte = [unsafe.Offsetof(Subscription{}.Target)]byte{}
	_ [24]byte = [unsafe.Offsetof(Subscription{}.Timeout)]byte{}
	_ [32]byte = [unsafe.Offsetof(Subscription{}.Precision)]byte{}
	_ [40]byte = [unsafe.Offsetof(Subscription{}.Flags)]byte{}
	_ [8]byte  = [unsafe.Offsetof(Event{}.Errno)]byte{}
	_ [10]byte = [unsafe.Offsetof(Event{}.Type)]byte{}
	_ [16]byte = [unsafe.Offsetof(Event{}.NBytes)]byte{}
	_ [24]byte = [unsafe.Offsetof(Event{}.Flags)]byte{}
	_ [4]byte  = [unsafe.Offsetof(Linger{}.Seconds)]byte{}
	_ [8]byte  = [unsafe.Offsetof(Timeval{}.Microseconds)]byte{}
)
