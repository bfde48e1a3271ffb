package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestCommandLine(t *testing.T) {
	const defaults = `GET nil body=false q=false 30s 67108864 100 [http://127.0.0.1:80 http://127.0.0.1:80]`
	for _, tt := range []struct {
		args []string
		want string // an error if it begins with "!"
	}{
		{nil, defaults},
		{[]string{"a", "b"}, strings.Replace(defaults, "[http://127.0.0.1:80 http://127.0.0.1:80]", "[a b]", 1)},
		{[]string{"-d", ""}, strings.Replace(defaults, "GET nil", `POST ""`, 1)},
		{[]string{"-d", "x", "-X", "PUT"}, strings.Replace(defaults, "GET nil", `PUT "x"`, 1)},
		{[]string{"-body", "-q", "-timeout", "1m", "-max-size", "0", "-parallel", "1", "a"}, `GET nil body=true q=true 1m0s 0 1 [a]`},
		{[]string{"-help"}, "!flag: help requested"},
		{[]string{"-x"}, "!flag provided but not defined: -x"},
		{[]string{"a", "-q"}, "!-q comes after a URL; options come first"},
		{[]string{"-X", "GET /"}, `!-X "GET /" is not a method`},
		{[]string{"-X", "G\nT"}, `!-X "G\nT" is not a method`},
		{[]string{"-X", "CONNECT"}, "!-X CONNECT asks for a tunnel, not for an answer"},
		{[]string{"-timeout", "0"}, "!-timeout 0s is not more than 0"},
		{[]string{"-timeout", "-1s"}, "!-timeout -1s is not more than 0"},
		{[]string{"-max-size", "-1"}, "!-max-size -1 is less than 0"},
		{[]string{"-parallel", "0"}, "!-parallel 0 is less than 1"},
	} {
		o, err := parse(tt.args)
		body := "nil"
		if o.data != nil {
			body = fmt.Sprintf("%q", o.data)
		}
		got := fmt.Sprintf("%s %s body=%v q=%v %v %d %d %v", o.method, body, o.body, o.quiet, o.timeout, o.maxSize, o.parallel, o.urls)
		if err != nil {
			got = "!" + err.Error()
		}
		if got != tt.want {
			t.Errorf("%q:\n got %s\nwant %s", tt.args, got, tt.want)
		}
	}
}

func TestTargets(t *testing.T) {
	const rest = "User-Agent: wasisock\r\nAccept: */*\r\nConnection: close\r\n"
	for _, tt := range []struct{ url, want string }{ // an error if it begins with "!"
		{"http://127.0.0.1:1234", "127.0.0.1 1234 GET / HTTP/1.1\r\nHost: 127.0.0.1:1234\r\n"},
		{"127.0.0.1:1234/x", "127.0.0.1 1234 GET /x HTTP/1.1\r\nHost: 127.0.0.1:1234\r\n"},
		{"localhost", "localhost 80 GET / HTTP/1.1\r\nHost: localhost\r\n"},
		{"HTTP://Example.com/a?b=c d#e", "Example.com 80 GET /a?b=c%20d HTTP/1.1\r\nHost: Example.com\r\n"},
		{"http://[::1]:8080/a%2fb", "::1 8080 GET /a%2fb HTTP/1.1\r\nHost: [::1]:8080\r\n"},
		{"http://h?x", "h 80 GET /?x HTTP/1.1\r\nHost: h\r\n"},
		{"http://h:/", "h 80 GET / HTTP/1.1\r\nHost: h:\r\n"},
		{"https://h/", "!https is not spoken here, only http"},
		{"ftp://h/", "!ftp is not spoken here, only http"},
		{"http://me:secret@h/", "!a user name in a URL is not supported"},
		{"http:///x", "!bad URL: no host"},
		{"", "!bad URL: no host"},
		{"http://h:0/", "!bad URL: port 0 is not one of 1 to 65535"},
		{"http://h:65536/", "!bad URL: port 65536 is not one of 1 to 65535"},
		{"http://h:x/", `!bad URL: invalid port ":x" after host`},
		{"http://h/\r\nEvil: 1", "!bad URL: net/url: invalid control character in URL"},
		{"http://[::1/", "!bad URL: missing ']' in host"},
	} {
		target := newTarget(tt.url, "GET", nil)
		got := fmt.Sprintf("%s %d %s", target.host, target.port, target.request)
		want := tt.want + rest + "\r\n"
		if target.err != nil {
			got, want = "!"+target.err.Error(), tt.want
		}
		if got != want {
			t.Errorf("%q:\n got %q\nwant %q", tt.url, got, want)
		}
	}
	const form = "POST / HTTP/1.1\r\nHost: h\r\n" + rest + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n\r\nä"
	if got := newTarget("h", "POST", []byte("ä")).request; string(got) != form {
		t.Errorf("with a body: got %q, want %q", got, form)
	}
}

func TestEachHostIsResolvedOnce(t *testing.T) {
	targets := []target{newTarget("http://a/1", "GET", nil), newTarget("https://c/", "GET", nil),
		newTarget("http://b/", "GET", nil), newTarget("http://a:81/2", "GET", nil), newTarget("http://b/", "GET", nil)}
	var asked []string
	resolve(targets, func(host string) ([]netip.Addr, error) {
		asked = append(asked, host)
		if host == "b" {
			return nil, errors.New("no such host")
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	})
	if got := strings.Join(asked, " "); got != "a b" {
		t.Errorf("asked for %q, want a and b", got)
	}
	for i, want := range []string{"<nil>", "https is not spoken here, only http", "no such host", "<nil>", "no such host"} {
		if got := fmt.Sprint(targets[i].err); got != want || (targets[i].err == nil) != (len(targets[i].addrs) == 1) {
			t.Errorf("%s: %d addresses and error %s, want %s", targets[i].url, len(targets[i].addrs), got, want)
		}
	}
}

func TestReasonsAreShortAndInLowerCase(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&os.SyscallError{Syscall: "sock_connect", Err: errors.New("Host is unreachable")}, "host is unreachable"},
		{fmt.Errorf("x: %w", &os.SyscallError{Syscall: "sock_recv", Err: syscall.ECONNREFUSED}), "connection refused"},
		{errors.New("EAI_FAIL"), "EAI_FAIL"},
		{errors.New("E"), "E"},
		{errors.New(""), ""},
	} {
		if got := reason(tt.err); got != tt.want {
			t.Errorf("reason of %v is %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestWhatIsPrintedControlsNoTerminal(t *testing.T) {
	if got, want := printable("a\tb\x1b[2J\u009b\r\n\xffä"), "a\tb\ufffd[2J\ufffd\ufffd\ufffd\ufffdä"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnAddressOfSeveralGetsItsShareOfTheTime(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		addrs, next  int
		limit, share time.Duration
	}{
		{1, 0, 30 * time.Second, 30 * time.Second},
		{3, 0, 30 * time.Second, 10 * time.Second},
		{3, 2, 30 * time.Second, 30 * time.Second},
		{3, 0, 3 * time.Second, minAttempt},
		{3, 0, time.Second, time.Second},
	} {
		f := &fetch{target: &target{addrs: make([]netip.Addr, tt.addrs)}, next: tt.next, deadline: now.Add(tt.limit)}
		f.setGiveUp(now)
		if got := f.due().Sub(now); got != tt.share {
			t.Errorf("address %d of %d within %v: %v, want %v", tt.next+1, tt.addrs, tt.limit, got, tt.share)
		}
	}
}
