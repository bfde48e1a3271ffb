package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/wasisock/wasisock/cmd/internal/supervisor"
	"github.com/wasisock/wasisock/host"
)

// listenFlag holds the addresses of the flags --listen and --publish, which may be repeated.
type listenFlag []listenAddr

type listenAddr struct {
	flag, text, network, addr string
	port                      uint16 // the guest's port, of --publish; 0 for --listen
	opened                    string // the listener's address, set by open
}

func (f *listenFlag) Set(v string) error {
	network, addr, _ := strings.Cut(v, ":")
	if _, err := netip.ParseAddrPort(v); err == nil || network == "" {
		network, addr = "tcp", v
	}
	switch {
	case network == "unix" && addr != "":
	case network == "fd":
		if n, err := strconv.ParseUint(addr, 10, 31); err != nil || n < 3 {
			return fmt.Errorf("%q is not a descriptor; write fd:3, or a higher number", v)
		}
	case network == "tcp":
		text := addr
		if strings.HasPrefix(addr, ":") { // all addresses
			text = "[::]" + addr
		}
		at, err := netip.ParseAddrPort(text)
		if err != nil {
			return fmt.Errorf("%q is not an address and port; write 127.0.0.1:8080, or :8080 for all addresses", v)
		}
		if at.Port() == 0 {
			return fmt.Errorf("%q has no port; write the one that the guest listens at, as in 127.0.0.1:8080", v)
		}
		network = tcpOf(at)
	default:
		return fmt.Errorf("%q is neither ADDRESS:PORT, unix:PATH nor fd:NUMBER; write 127.0.0.1:8080, :8080 or unix:/run/guest.sock", v)
	}
	*f = append(*f, listenAddr{flag: "--listen", text: v, network: network, addr: addr})
	return nil
}

// tcpOf returns the network in which to listen at an address. In "tcp", 0.0.0.0 would be all
// addresses of IPv6 too.
func tcpOf(at netip.AddrPort) string {
	if at.Addr().Is4() {
		return "tcp4"
	}
	return "tcp"
}

// publish adds the address [ADDRESS:]PORT:GUESTPORT or fd:NUMBER:GUESTPORT.
func (f *listenFlag) publish(v string) error {
	i := strings.LastIndexByte(v, ':')
	addr, guest := v[:max(i, 0)], v[i+1:]
	port, perr := strconv.ParseUint(guest, 10, 16)
	if number, ok := strings.CutPrefix(addr, "fd:"); ok && perr == nil && port != 0 {
		if err := f.Set(addr); err != nil {
			return err
		}
		(*f)[len(*f)-1] = listenAddr{flag: "--publish", text: v, network: "fd", addr: number, port: uint16(port)}
		return nil
	}
	if !strings.Contains(addr, ":") { // all addresses
		addr = "[::]:" + addr
	}
	at, err := netip.ParseAddrPort(addr)
	if i < 0 || err != nil || perr != nil || at.Port() == 0 || port == 0 {
		return fmt.Errorf("%q is not PORT:GUESTPORT, perhaps with an address in front; write 80:8080, 127.0.0.1:80:8080 or fd:3:8080", v)
	}
	*f = append(*f, listenAddr{flag: "--publish", text: v, network: tcpOf(at), addr: addr, port: uint16(port)})
	return nil
}

// advise returns a remedy for a guest that asks to listen at the port of a listener, but at
// another address. For other requests it returns "".
func (f *listenFlag) advise(r host.Request) string {
	if r.Op != host.OpListen || r.Network != "tcp" {
		return ""
	}
	for _, a := range *f {
		addr, err := netip.ParseAddrPort(a.opened)
		if err != nil || a.port != 0 || addr.Port() != r.Addr.Port() {
			continue
		}
		published := fmt.Sprintf("%s:%d", a.opened, addr.Port())
		if a.network == "fd" {
			published = fmt.Sprintf("fd:%s:%d", a.addr, addr.Port())
		}
		return fmt.Sprintf("--listen %s is for a guest that listens at that very address: write --publish %s in its place", a.text, published)
	}
	return ""
}

// needsListen returns an error if an option that needs shared listeners is given without any.
func needsListen(c *supervisor.Command, listeners listenFlag) error {
	switch {
	case len(listeners) > 0:
	case c.Instances > 1:
		return errors.New("--instances needs --listen; name the address where all of them listen, as in --listen tcp:127.0.0.1:8080")
	case c.Watch:
		return errors.New("--watch needs --listen; name the address where the guest listens, and so does the next, as in --listen tcp:127.0.0.1:8080")
	}
	return nil
}

// open listens at every address, or at none and returns an error. With late, TCP listeners
// accept no connections until whenReady is called.
func (f listenFlag) open(late bool) (listeners []net.Listener, whenReady func(), err error) {
	var held []*net.TCPListener
	for i, a := range f {
		l, err := a.open(late)
		if err != nil {
			closeAll(listeners)
			return nil, nil, fmt.Errorf("%s %s: %s", a.flag, a.text, a.why(err))
		}
		f[i].opened = l.Addr().String()
		if l, ok := l.(*net.TCPListener); ok && late {
			held = append(held, l)
		}
		if a.port != 0 {
			l = host.Published{Listener: l, Port: a.port}
		}
		listeners = append(listeners, l)
	}
	return listeners, func() {
		for _, l := range held {
			letAnswer(l) // fails for a listener of fd:N, which was not held
		}
	}, nil
}

// places returns the addresses of the listeners, each with the guest's port if that differs.
func (f listenFlag) places() (all []string) {
	for _, a := range f {
		place := a.opened
		if a.network == "unix" {
			place = "unix:" + place
		}
		if a.port != 0 {
			place += fmt.Sprintf(" (the guest's port %d)", a.port)
		}
		all = append(all, place)
	}
	return all
}

// own returns the listeners that wasisock itself opened: all except those of fd:N.
func (f listenFlag) own(opened []net.Listener) (own []net.Listener) {
	for i, l := range opened {
		if f[i].network != "fd" {
			own = append(own, l)
		}
	}
	return own
}

func (a listenAddr) open(late bool) (net.Listener, error) {
	if a.network != "fd" {
		var config net.ListenConfig
		if late && a.network != "unix" {
			config.Control = holdOff
		}
		return config.Listen(context.Background(), a.network, a.addr)
	}
	n, _ := strconv.Atoi(a.addr)
	f := os.NewFile(uintptr(n), a.text)
	l, err := net.FileListener(f)
	if err != nil { // f may belong to Go's runtime, so it stays open
		return nil, errors.New("it is not a socket that listens; let whoever starts wasisock open it, such as systemd")
	}
	return l, f.Close()
}

func (a listenAddr) why(err error) string {
	var errno syscall.Errno
	errors.As(err, &errno)
	switch {
	case errno == syscall.EADDRINUSE && a.network == "unix":
		return "the file is there already; end what listens at it, or remove it"
	case errno == syscall.EADDRINUSE:
		return "the address is in use; end what listens there, or name another"
	case errno == syscall.EACCES && a.network != "unix":
		return "this user may not listen there; name a port above 1023"
	case errno == syscall.EADDRNOTAVAIL:
		return "this machine does not have the address; name one of its own"
	case errno == 0:
		return err.Error()
	}
	return errno.Error() + "; name another address"
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		l.Close()
	}
}
