package hosttest

import (
	"bytes"
	"cmp"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
)

// aboutNames is how guests look up names beside the transcripts.
var aboutNames = []sentence{
	{
		says:    "a guest reads the host's /etc/resolv.conf and cannot change it",
		promise: promiseHosts,
		test:    resolvConf,
	},
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
