//go:build linux || darwin

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
)

func TestWhatFlagsGiveAGuest(t *testing.T) {
	t.Setenv("WASISOCK_TEST_SET", "a=b")
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "file"), []byte("text"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing", []string{"GUEST", "env"}, "[]\n"},
		{"variables", []string{"--env", "B=2=3", "--env", "WASISOCK_TEST_SET", "--env", "C=", "GUEST", "env"}, `["B=2=3" "C=" "WASISOCK_TEST_SET=a=b"]` + "\n"},
		{"a directory", []string{"--dir", directory + ":/", "GUEST", "files", "read /file", "write /new x"}, "read /file: text\nwrite /new x: \n"},
		{"a directory that is read", []string{"--dir", directory + ":/data:ro", "GUEST", "files", "read /data/file", "write /data/file x"},
			"read /data/file: text\nwrite /data/file x: Read-only file system\n"},
		{"arguments", []string{"GUEST", "args", "--", "--allow-all"}, "\"args\" \"--\" \"--allow-all\"]\n"},
	} {
		code, stdout, stderr := start(t, append([]string{"run"}, test.args...)...)
		if code != 0 || stderr != "" || !strings.HasSuffix(stdout, test.want) {
			t.Errorf("%s: %d, %q, %q; want %q", test.name, code, stdout, stderr, test.want)
		}
	}
}

func TestRefusalsAreToldOnceWithTheRuleThatAllows(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := l.Addr().String()
	rule := "dial tcp " + at
	told := fmt.Sprintf("wasisock: refused: %s; allow it with --allow '%s'\n", rule, rule)
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte("allow:\n- "+rule+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	dialTwice := []string{"GUEST", "dial", at, at}
	for _, test := range []struct {
		flags  []string
		stdout string
		stderr string
	}{
		{nil, "refused\nrefused\n", told},
		{[]string{"--allow", "listen tcp 127.0.0.1:*"}, "refused\nrefused\n", told},
		{[]string{"--allow", rule}, "<nil>\n<nil>\n", ""},
		{[]string{"--policy", policy}, "<nil>\n<nil>\n", ""},
		{[]string{"--policy", policy, "--deny", "all"}, "refused\nrefused\n", fmt.Sprintf("wasisock: refused: %s; 'deny all' denies it\n", rule)},
		{[]string{"--allow-all"}, "<nil>\n<nil>\n", ""},
		{[]string{"--allow-all", "--deny", "dial tcp 127.0.0.0/8:*"}, "refused\nrefused\n",
			fmt.Sprintf("wasisock: refused: %s; 'deny dial tcp 127.0.0.0/8:*' denies it\n", rule)},
		{[]string{"--learn"}, "<nil>\n<nil>\n", fmt.Sprintf("wasisock: this run needed\n  --allow '%s'\n", rule)},
		{[]string{"--learn", "--deny", rule}, "refused\nrefused\n",
			fmt.Sprintf("wasisock: refused: %s; 'deny %[1]s' denies it\nwasisock: this run used no network\n", rule)},
	} {
		args := append(append([]string{"run"}, test.flags...), dialTwice...)
		code, stdout, stderr := start(t, args...)
		if code != 0 || stdout != test.stdout || stderr != test.stderr {
			t.Errorf("%q: %d, %q, %q; want %q, %q", test.flags, code, stdout, stderr, test.stdout, test.stderr)
		}
	}
}

func TestRefusalsHaveAnEnd(t *testing.T) {
	args := []string{"run", "GUEST", "dial"}
	for port := range 200 {
		args = append(args, fmt.Sprintf("127.0.0.1:%d", port+1))
	}
	code, _, stderr := start(t, args...)
	if n := strings.Count(stderr, "\n"); code != 0 || n != 21 || !strings.HasSuffix(stderr, "wasisock: refused: 180 more uses of the network, which are not shown; --trace shows each\n") {
		t.Errorf("%d, %d lines", code, n)
	}
}

func TestMaxSockets(t *testing.T) {
	code, _, stderr := start(t, "run", "--max-sockets", "3", "--allow-all", "GUEST", "work")
	if code != 98 || !strings.Contains(stderr, "ulimit -n") {
		t.Errorf("%d, %s", code, stderr)
	}
}

func TestTimeIsLimited(t *testing.T) {
	for _, test := range []struct{ flags, subcommand, want string }{
		{"--timeout=50ms", "sleep", "Limits.WallTime is 50ms"},
		{"--cpu-time=50ms --interruptible", "spin", "Limits.CPUTime is 50ms"},
	} {
		if strings.Contains(test.flags, "cpu") && runtime.GOOS != "linux" {
			continue
		}
		args := append([]string{"run"}, strings.Fields(test.flags)...)
		code, _, stderr := start(t, append(args, "GUEST", test.subcommand)...)
		if code != 124 || !strings.Contains(stderr, "wasisock: the guest was ended at its limit: "+test.want) {
			t.Errorf("%s: %d, %q", test.flags, code, stderr)
		}
	}
}

func TestParseDir(t *testing.T) {
	for _, test := range []struct {
		text string
		want host.Dir
	}{
		{".:/", host.Dir{Host: ".", Guest: "/"}},
		{"/a/b:/c/d", host.Dir{Host: "/a/b", Guest: "/c/d"}},
		{"/a:/b:ro", host.Dir{Host: "/a", Guest: "/b", ReadOnly: true}},
		{"/a:b:/c", host.Dir{Host: "/a:b", Guest: "/c"}},
		{"ro:/ro:ro", host.Dir{Host: "ro", Guest: "/ro", ReadOnly: true}},
	} {
		if got, err := parseDir(test.text); got != test.want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", test.text, got, err, test.want)
		}
	}
	for _, text := range []string{"", ":", "/a", ":/a", "/a:", "/a:b", "/a:ro", ":ro", "/a:/b:rw"} {
		if got, err := parseDir(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

// TestMaxConnections tests that a reached limit is reported once, with its flag.
func TestMaxConnections(t *testing.T) {
	code, stdout, stderr := start(t, "run", "--max-connections", "2", "--allow-all", "GUEST", "crowd")
	if code != 0 || stdout != "true true true false true <nil>\n" || strings.Count(stderr, "raise --max-connections\n") != 1 {
		t.Errorf("%d, %s, %s", code, stdout, stderr)
	}
}
