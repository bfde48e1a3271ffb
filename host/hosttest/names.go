package hosttest

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/wasisock/wasisock/host"
)

// aboutNames is how guests look up names beside the transcripts.
var aboutNames = []sentence{
	{
		says:    "a guest reads the host's /etc/resolv.conf and cannot change it",
		promise: promiseHosts,
		test:    resolvConf,
	},
	{
		says: "each look-up is reported, by sock_getaddrinfo and by the nameserver",
		test: lookupsReported,
	},
}

func lookupsReported(t *testing.T, b *bench) {
	names := zone{"a.example.com.": "93.184.216.34"}
	question := func(name string) string {
		q, err := (&dnsmessage.Message{Questions: []dnsmessage.Question{{
			Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET,
		}}}).Pack()
		if err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(q)
	}
	const nameserver = "169.254.1.53:53"
	found := "[93.184.216.34]"
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"lookup", "a.example.com", "b.example.com", "denied.example.com", "127.0.0.1"},
			"a.example.com  " + found + " \nb.example.com  [] EAI_NONAME\ndenied.example.com  [] EACCES\n"},
		{[]string{"ask", nameserver, question("a.example.com.")}, "a.example.com A " + found + " \n"},
		{[]string{"ask", nameserver, question("b.example.com.")}, "b.example.com A [] NXDOMAIN\n"},
		{[]string{"ask", nameserver, question("denied.example.com.")}, "denied.example.com A [] REFUSED\n"},
	} {
		var mu sync.Mutex
		var got strings.Builder
		cmd := command(t, test.args...)
		cmd.Policy, cmd.Resolver = policy(t, "resolve *.example.com", "deny resolve denied.example.com"), names.resolver()
		began := time.Now()
		cmd.OnLookup = func(l host.Lookup) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintln(&got, l.Name, l.Type, l.Addrs, l.Error)
			if l.Start.Before(began) || l.Duration <= 0 || time.Since(l.Start) < l.Duration {
				t.Errorf("%s began at %v and took %v, and all began at %v", l.Name, l.Start, l.Duration, began)
			}
		}
		b.output(t, cmd)
		mu.Lock()
		if got.String() != test.want {
			t.Errorf("%q: %q, want %q", test.args, &got, test.want)
		}
		mu.Unlock()
	}
}

// resolvConf does all that a guest can do to a file.
func resolvConf(t *testing.T, b *bench) {
	text, err := os.ReadFile(filepath.Join(source(t), "host/internal/wasi/etc/resolv.conf"))
	if err != nil {
		t.Fatal(err)
	}
	const own = "nameserver 192.0.2.53\n"
	for _, test := range []struct {
		guest, file string
		no          bool
		want        string
	}{
		{"/", "etc/resolv.conf", false, string(text)},
		{"/etc", "resolv.conf", false, string(text)},
		{"/", "etc/resolv.conf", true, own},
		{"/other", "etc/resolv.conf", false, own},
	} {
		dir := t.TempDir()
		mine := filepath.Join(dir, test.file)
		write(t, mine, own)
		write(t, filepath.Join(dir, "else"), "else\n")
		at := strings.TrimSuffix(test.guest, "/")
		name, other := at+"/"+test.file, at+"/else"
		steps := [][2]string{{"read " + name, test.want}, {"read " + other, "else\n"}, {"stat " + name, ""}, {"lstat " + name, ""}}
		if test.want != own {
			steps = append(steps, [][2]string{
				{"write " + name, readOnly}, {"truncate " + name, readOnly}, {"create " + name, ""}, {"remove " + name, readOnly},
				{"rename " + name + " " + other, readOnly}, {"rename " + other + " " + name, readOnly},
				{"link " + other + "2 " + name, readOnly}, {"symlink " + name + " else", "File exists"},
				{"readlink " + name, "Invalid argument"}, {"mkdir " + name, "File exists"}, {"chtimes " + name, readOnly},
				{"read " + name, test.want},
				{"root " + cmp.Or(at, "/"), ""}, {"root-write " + test.file + " text", readOnly}, {"root-remove " + test.file, readOnly},
				{"root-read " + test.file, test.want},
			}...)
		}
		cmd, want := command(t, "files"), ""
		for _, step := range steps {
			cmd.Args = append(cmd.Args, step[0])
			want += step[0] + ": " + step[1] + "\n"
		}
		var out bytes.Buffer
		cmd.Stdout = &out
		cmd.Dirs = []host.Dir{{Host: dir, Guest: test.guest}}
		cmd.NoNameserver = test.no
		cmd.Resolver = new(net.Resolver) // the text is the same on every machine
		if code, err := b.runProgram(t, t.Context(), Config{}, cmd); code != 0 || err != nil || out.String() != want {
			t.Errorf("%d, %v, %s\nwant %s", code, err, &out, want)
		}
		if left, err := os.ReadFile(mine); string(left) != own || err != nil {
			t.Errorf("the directory's own file is %q, %v", left, err)
		}
	}
}
