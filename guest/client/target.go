package main

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// A target is one URL to fetch.
type target struct {
	url   string // as it is printed
	host  string // a name or an address, without brackets
	port  uint16
	addrs []netip.Addr // of host

	request []byte // head and body
	err     error  // why it cannot be fetched; nothing above but url holds then
}

// newTarget makes the request for a URL; "http://" may be left out. It resolves
// no name. A body makes it a form, as curl -d does.
func newTarget(text, method string, body []byte) target {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	t := target{url: printable(text)}
	u, err := url.Parse(text)
	if err != nil {
		if bad, ok := err.(*url.Error); ok {
			err = bad.Err
		}
		t.err = fmt.Errorf("bad URL: %w", err)
		return t
	}
	t.host = u.Hostname()
	port := u.Port()
	if port == "" {
		port = "80"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case u.Scheme == "https":
		t.err = fmt.Errorf("https is not spoken here, only http")
	case u.Scheme != "http":
		t.err = fmt.Errorf("%s is not spoken here, only http", printable(u.Scheme))
	case u.User != nil:
		t.err = fmt.Errorf("a user name in a URL is not supported")
	case t.host == "":
		t.err = fmt.Errorf("bad URL: no host")
	case err != nil || n == 0:
		t.err = fmt.Errorf("bad URL: port %s is not one of 1 to 65535", port)
	}
	t.port = uint16(n)

	var b strings.Builder
	path := strings.ReplaceAll(u.RequestURI(), " ", "%20")
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: wasisock\r\nAccept: */*\r\nConnection: close\r\n", method, path, u.Host)
	if body != nil {
		fmt.Fprintf(&b, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	t.request = []byte(b.String())
	return t
}

// resolve asks lookup for the addresses of every target, once per host.
func resolve(targets []target, lookup func(host string) ([]netip.Addr, error)) {
	type answer struct {
		addrs []netip.Addr
		err   error
	}
	known := map[string]answer{}
	for i := range targets {
		t := &targets[i]
		if t.err != nil {
			continue
		}
		a, ok := known[t.host]
		if !ok {
			a.addrs, a.err = lookup(t.host)
			known[t.host] = a
		}
		t.addrs, t.err = a.addrs, a.err
	}
}

// printable is s without what would control a terminal or break a line.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c == '\t' || strconv.IsPrint(c) {
			return c
		}
		return '\ufffd'
	}, s)
}
