// Command library is a guest whose functions the host calls: one connection lives from
// call to call.
package main

import (
	"net/netip"
	"os"
	"syscall"

	"github.com/wasisock/wasisock/guest/socket"
)

var conn *socket.Conn

//go:wasmexport connect
func connect(port int32) int32 {
	to := socket.Addr{AddrPort: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))}
	var err error
	conn, err = socket.Dial(to, func(s *socket.Socket) error { return syscall.SetNonblock(s.FD(), false) })
	if err != nil {
		return -1
	}
	return 0
}

// ask sends a byte, and is the one that is answered.
//
//go:wasmexport ask
func ask(question int32) int32 {
	b := []byte{byte(question)}
	if _, err := conn.Write(b); err != nil {
		return -1
	}
	if _, err := conn.Read(b); err != nil {
		return -2
	}
	return int32(b[0])
}

//go:wasmexport half
func half(f float64) float64 { return f / 2 }

//go:wasmexport leave
func leave(code int32) { os.Exit(int(code)) }

//go:wasmexport fail
func fail() { panic("the guest's own") }

func main() {}
