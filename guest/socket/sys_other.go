//go:build !wasip1

package socket

import (
	"net/netip"
	"syscall"
	"unsafe"

	"github.com/wasisock/wasisock/sockabi"
)

// Elsewhere than on wasip1 no call reaches a host.

const whyENOSYS = "package socket works on GOOS=wasip1 only"

func sysOpen(uint16, int32) (int32, syscall.Errno)                 { return -1, syscall.ENOSYS }
func sysSetNonblock(int32) syscall.Errno                           { return syscall.ENOSYS }
func sysClose(int32) syscall.Errno                                 { return syscall.ENOSYS }
func sysBind(int32, *sockabi.AddrStorage, uint16) syscall.Errno    { return syscall.ENOSYS }
func sysListen(int32, int32) syscall.Errno                         { return syscall.ENOSYS }
func sysAccept(int32) (int32, syscall.Errno)                       { return -1, syscall.ENOSYS }
func sysConnect(int32, *sockabi.AddrStorage, uint16) syscall.Errno { return syscall.ENOSYS }
func sysRecv(int32, [][]byte) (int, bool, syscall.Errno)           { return 0, false, syscall.ENOSYS }
func sysRecvFrom(int32, [][]byte) (received, syscall.Errno)        { return received{}, syscall.ENOSYS }
func sysSend(int32, [][]byte, bool) (int, syscall.Errno)           { return 0, syscall.ENOSYS }
func sysShutdown(int32, uint32) syscall.Errno                      { return syscall.ENOSYS }
func sysLookup(string) ([]netip.Addr, syscall.Errno)               { return nil, syscall.ENOSYS }
func sysLocalAddr(int32) (sockabi.AddrStorage, uint16, syscall.Errno) {
	return sockabi.AddrStorage{}, 0, syscall.ENOSYS
}
func sysPeerAddr(int32) (sockabi.AddrStorage, uint16, syscall.Errno) {
	return sockabi.AddrStorage{}, 0, syscall.ENOSYS
}
func sysSendTo(int32, [][]byte, *sockabi.AddrStorage, uint16) (int, syscall.Errno) {
	return 0, syscall.ENOSYS
}
func sysGetOption(int32, int32, int32, unsafe.Pointer, *uint32) syscall.Errno { return syscall.ENOSYS }
func sysSetOption(int32, int32, int32, unsafe.Pointer, uint32) syscall.Errno  { return syscall.ENOSYS }
