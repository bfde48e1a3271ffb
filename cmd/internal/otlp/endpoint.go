package otlp

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"

	"github.com/wasisock/wasisock/host"
)

// ParseEndpoint returns the URL of a collector. The paths of OTLP, such as /v1/traces, follow its
// path. It returns an error for a URL that is not one of HTTP, and if the environment asks for
// another protocol than that of this package.
func ParseEndpoint(v string) (*url.URL, error) {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not an endpoint of OTLP over HTTP; write a URL such as http://127.0.0.1:4318 or https://otlp.example.com", v)
	}
	if _, err := portOf(u); err != nil {
		return nil, fmt.Errorf("%q has an invalid port; write a URL such as http://127.0.0.1:4318", v)
	}
	const protocol = "http/protobuf"
	for _, name := range []string{"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"} {
		if other := os.Getenv(name); other != "" && other != protocol {
			return nil, fmt.Errorf("%s is %q, and wasisock sends %s alone; unset it", name, other, protocol)
		}
	}
	return u, nil
}

func portOf(u *url.URL) (uint16, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return uint16(n), err
}

// Ports returns the TCP ports that this process dials to reach the collector: that of the
// collector or of the proxy that the environment names for it, and that of nameservers if the
// host has a name.
func Ports(endpoint *url.URL) (ports []host.PortRange) {
	next := endpoint
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: endpoint}); err == nil && proxy != nil {
		next = proxy
	}
	if port, err := portOf(next); err == nil {
		ports = append(ports, host.PortRange{Low: port, High: port})
	}
	if _, err := netip.ParseAddr(next.Hostname()); err != nil {
		const domain = 53
		ports = append(ports, host.PortRange{Low: domain, High: domain})
	}
	return ports
}
