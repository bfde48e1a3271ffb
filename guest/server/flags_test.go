package main

import (
	"strings"
	"testing"
	"time"
)

func TestFlagsSayHowToServe(t *testing.T) {
	defaults, err := parseFlags(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := defaults.addr.String(); got != "127.0.0.1:1234" || defaults.dual || defaults.quiet {
		t.Errorf("the book's server is at 127.0.0.1:1234, not %s, %+v", got, defaults)
	}
	o, err := parseFlags([]string{"-addr", ":0", "--max-conns=7", "-max-header", "256", "--max-body", "0",
		"-max-memory=0", "-idle-timeout=1h", "-header-timeout", "1ms", "-write-timeout=0", "-quiet"})
	want := limits{7, 256, 0, 0, time.Hour, time.Millisecond, 0}
	if err != nil || o.limits != want || !o.dual || o.addr.String() != "[::]:0" || !o.quiet {
		t.Errorf("got %+v, %v", o, err)
	}
}

func TestAMistakenFlagIsNamed(t *testing.T) {
	for _, row := range []struct{ args, want string }{
		{"x", `unknown argument "x"`},
		{"addr", `unknown argument "addr"`},
		{"-x", `unknown argument "-x"`},
		{"-", `unknown argument "-"`},
		{"---quiet", `unknown argument "---quiet"`},
		{"-addr", "-addr needs a value"},
		{"-addr localhost:80", `-addr "localhost:80": not an IP address and port`},
		{"-addr 1.2.3.4", `-addr "1.2.3.4": not an IP`},
		{"-addr 1.2.3.4:65536", `-addr "1.2.3.4:65536": not an IP`},
		{"-addr [fe80::1%eth0]:1", "not an IP"},
		{"-addr :", "not an IP"},
		{"-max-conns=0", "-max-conns \"0\": not a number from 1 to 1048576"},
		{"-max-conns=x", "not a number"},
		{"-max-header=255", "not a number from 256"},
		{"-max-body=-1", "not a number from 0"},
		{"-max-header=1048577", "not a number from 256 to 1048576"},
		{"-max-body=1073741825", "not a number from 0 to 1073741824"},
		{"-max-memory=2147483648", "not a number from 0 to 2147483647"},
		{"-max-memory=99999999999999999999", "not a number"},
		{"-idle-timeout=5", "not a time"},
		{"-idle-timeout=-5s", "not a time"},
		{"-quiet=x", "-quiet"},
	} {
		if _, err := parseFlags(strings.Fields(row.args)); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %q", row.args, err, row.want)
		}
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	for _, args := range [][]string{{"-h"}, {"-help"}, {"--help"}, {"-quiet", "--help", "-x"}} {
		var stdout, stderr strings.Builder
		if code := run(args, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
			t.Errorf("%q: exit code %d, stderr %q", args, code, stderr.String())
		}
		for _, f := range flags {
			if !strings.Contains(stdout.String(), "\n  -"+f.name+" ") {
				t.Errorf("%q: -%s is missing in\n%s", args, f.name, stdout.String())
			}
		}
	}
}

func TestAMistakeIsExitCode2AndAFailureIs1(t *testing.T) {
	for _, row := range []struct {
		args, stderr string
		code         int
	}{
		{"-x", "server: unknown argument \"-x\"; -help prints all flags\n", 2},
		{"-addr 192.0.2.1:0", "server: listen 192.0.2.1:0: ", 1}, // no host has this address
	} {
		var stdout, stderr strings.Builder
		if code := run(strings.Fields(row.args), &stdout, &stderr); code != row.code || !strings.HasPrefix(stderr.String(), row.stderr) {
			t.Errorf("%s: exit code %d, stderr %q", row.args, code, stderr.String())
		}
	}
}
