package options

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/wasisock/wasisock/host"
)

// DNS returns a cli.Flag's Set that chooses who looks up names for the guest: host, passthrough,
// or the address of a nameserver. It sets port to the port of the nameservers that this process
// asks.
func DNS(guest *host.Cmd, port *uint16) func(string) error {
	const domain = 53
	*port = domain
	return func(v string) error {
		guest.Resolver, guest.NoNameserver, *port = nil, false, domain
		switch v {
		case "host":
			return nil
		case "passthrough":
			guest.NoNameserver = true
			return nil
		}
		server, err := netip.ParseAddrPort(v)
		if err != nil {
			addr, err := netip.ParseAddr(v)
			if err != nil {
				return fmt.Errorf("%q is not a nameserver; write host, passthrough, or an address such as 9.9.9.9, 127.0.0.1:5353 or [::1]:53", v)
			}
			server = netip.AddrPortFrom(addr, domain)
		}
		*port = server.Port()
		guest.Resolver = &net.Resolver{
			PreferGo: true,
			Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, server.String())
			},
		}
		return nil
	}
}
