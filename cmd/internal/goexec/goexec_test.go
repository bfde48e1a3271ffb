//go:build linux || darwin

package goexec

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
)

func TestExitCodes(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.wasm")
	if err := os.WriteFile(empty, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		args   []string
		allow  string // of the environment
		code   int
		stderr string
	}{
		{"no guest", nil, "", 125, "usage: command [--allow RULE]"},
		{"a wrong rule", []string{empty}, "dial tcp 127.1:80", 125, "WASISOCK_ALLOW: rule \"dial tcp 127.1:80\": "},
		{"no module", []string{empty}, " dial tcp *:80 ,\n\n, resolve * ,", 126, "it is empty"},
		{"no file", []string{empty + "x"}, "", 127, "no such file"},
		{"a wrong flag", []string{"--net", empty}, "", 125, "-net"},
		{"a wrong rule of a flag", []string{"--allow", "dial tcp 127.1:80", empty}, "", 125, "is neither an address nor a name"},
		{"flags", []string{"--allow", "resolve *", "--allow-all", empty}, "", 126, "it is empty"},
	} {
		t.Setenv("WASISOCK_ALLOW", test.allow)
		var out, stderr bytes.Buffer
		code := Main("command", test.args, nil, &out, &stderr)
		if code != test.code || !strings.Contains(stderr.String(), test.stderr) || out.Len() > 0 {
			t.Errorf("%s: %d, %q, %q; want %d, %q", test.name, code, &out, &stderr, test.code, test.stderr)
		}
	}
}

func TestLoopbackRules(t *testing.T) {
	for _, temp := range []string{"/tmp", "/tmp/", "/with space/and'more,", "/", "relative"} {
		policy, err := host.ParsePolicy(Loopback(temp)...)
		if err != nil {
			t.Errorf("%s: %v", temp, err)
			continue
		}
		path, err := filepath.Abs(filepath.Join(temp, "dir", "socket"))
		if err != nil {
			t.Fatal(err)
		}
		if err := policy(host.Request{Op: host.OpListen, Network: "unix", Path: path}); err != nil {
			t.Error(err)
		}
		if policy(host.Request{Op: host.OpListen, Network: "unix", Path: "elsewhere"}) == nil {
			t.Errorf("%s: a path elsewhere is allowed", temp)
		}
		for addr, allowed := range map[string]bool{"[::]:0": true, "0.0.0.0:0": true, "[::]:80": false, "127.0.0.1:80": true, "192.0.2.1:0": false} {
			err := policy(host.Request{Op: host.OpListen, Network: "tcp", Addr: netip.MustParseAddrPort(addr)})
			if allowed != (err == nil) {
				t.Errorf("listening at %s: %v", addr, err)
			}
		}
		if err := policy(host.Request{Op: host.OpResolve, Host: "localhost"}); err != nil {
			t.Error(err)
		}
	}
}
