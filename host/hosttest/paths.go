package hosttest

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
)

// aboutPaths tests paths of UNIX sockets.
var aboutPaths = []sentence{
	{
		says:    "a UNIX socket in a directory of the guest's is a file there",
		promise: promiseFiles,
		test:    pathsInside,
	},
	{
		says:    "no path of a UNIX socket leads out of a directory",
		promise: promiseFiles,
		test:    pathsOutside,
	},
	{
		says:    "a denied UNIX socket is denied by every path that leads there",
		promise: promiseAddress,
		test:    pathsDenied,
	},
	{
		says:    "a rule allows the path of a UNIX socket as it is written",
		promise: promiseAddress,
		test:    pathsAllowed,
	},
	{
		says:    "the files of UNIX sockets that a guest leaves are removed when it ends",
		promise: promiseNothing,
		test:    pathsLeft,
	},
}

// What operations return that the policy or a path refuses.
const (
	denied  = "Permission denied"
	invalid = "Invalid argument"
)

// A tree is a directory of the host, with a name short enough for UNIX sockets.
type tree string

func newTree(t *testing.T, dirs ...string) tree {
	t.Helper()
	root, err := os.MkdirTemp("", "wasisock")
	if err == nil {
		t.Cleanup(func() { os.RemoveAll(root) })
		root, err = filepath.EvalSymlinks(root)
	}
	for _, dir := range dirs {
		if err == nil {
			err = os.Mkdir(filepath.Join(root, dir), 0o777)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return tree(root)
}

func (d tree) at(name string) string { return filepath.Join(string(d), name) }

func (d tree) link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, d.at(name)); err != nil {
		t.Fatal(err)
	}
}

// serve listens at a path until the end of the test.
func (d tree) serve(t *testing.T, name string) {
	t.Helper()
	l, err := net.Listen("unix", d.at(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
}

// paths runs operations one after another in one guest. Each is followed by what it
// returns.
func (b *bench) paths(t *testing.T, dirs []host.Dir, rules []string, ops ...[2]string) {
	t.Helper()
	cmd := command(t, "files")
	cmd.Dirs, cmd.Policy = dirs, policy(t, rules...)
	var want strings.Builder
	for _, op := range ops {
		cmd.Args = append(cmd.Args, op[0])
		want.WriteString(op[0] + ": " + op[1] + "\n")
	}
	got, wanted := strings.Split(b.output(t, cmd), "\n"), strings.Split(want.String(), "\n")
	for i := range wanted {
		if i >= len(got) || got[i] != wanted[i] {
			t.Errorf("got  %q\nwant %q", got[min(i, len(got)-1)], wanted[i])
		}
	}
}

func pathsInside(t *testing.T, b *bench) {
	d := newTree(t, "rw", "ro")
	d.serve(t, "ro/theirs")
	dirs := []host.Dir{{Host: d.at("rw"), Guest: "/data"}, {Host: d.at("ro"), Guest: "/data/ro", ReadOnly: true}}
	b.paths(t, dirs, []string{"listen unix " + d.at("rw/*"), "listen unix " + d.at("ro/*"), "dial unix " + d.at("rw/*"), "dial unix " + d.at("ro/theirs")},
		[2]string{"serve /data/s", "/data/s"},
		[2]string{"call /data/s", "/data/s"},
		[2]string{"call /data/../data//s", "/data/s"},
		[2]string{"lstat /data/s", ""},
		[2]string{"close", ""},
		[2]string{"call /data/s", "Connection refused"},
		[2]string{"serve /data/s", "Address already in use"},
		[2]string{"remove /data/s", ""},
		[2]string{"serve /data/s", "/data/s"},
		[2]string{"mkdir /data/d", ""},
		[2]string{"symlink /data/e d", ""},
		[2]string{"serve /data/e/s", "/data/d/s"},
		[2]string{"symlink /data/f e/s", ""},
		[2]string{"call /data/f", "/data/d/s"},
		[2]string{"serve /data/f", "Address already in use"},
		[2]string{"call /data/ro/theirs", "/data/ro/theirs"},
		[2]string{"serve /data/ro/mine", readOnly},
		[2]string{"call /data/none/s", "No such file or directory"},
	)
}

func pathsOutside(t *testing.T, b *bench) {
	d := newTree(t, "rw", "secret")
	d.serve(t, "secret/s")
	d.link(t, "../secret", "rw/relative")
	d.link(t, d.at("secret"), "rw/absolute")
	d.link(t, "../secret/s", "rw/s")
	dirs := []host.Dir{{Host: d.at("rw"), Guest: "/data"}}
	b.paths(t, dirs, []string{"listen unix *", "dial unix *"},
		[2]string{"call /data/relative/s", refused},
		[2]string{"call /data/absolute/s", refused},
		[2]string{"call /data/s", refused},
		[2]string{"serve /data/relative/mine", refused},
		[2]string{"serve /data/absolute/mine", refused},
		[2]string{"call data/s", invalid},
		[2]string{"serve ./mine", invalid},
	)
	if entries, err := os.ReadDir(d.at("secret")); len(entries) != 1 || err != nil {
		t.Errorf("the guest left something outside: %v, %v", entries, err)
	}
}

func pathsDenied(t *testing.T, b *bench) {
	d := newTree(t, "run", "run/deep", "dir")
	for _, name := range []string{"run/a", "run/deep/b", "dir/c"} {
		d.serve(t, name)
	}
	d.link(t, "run", "link")
	d.link(t, d.at("run/a"), "alias")
	d.link(t, d.at("run/deep"), "dir/deep")
	if err := os.Link(d.at("run/a"), d.at("hard")); err != nil {
		t.Fatal(err)
	}
	dirs := []host.Dir{{Host: d.at("dir"), Guest: "/data"}}
	ops := [][2]string{
		{"call /data/c", "/data/c"},
		{"call " + d.at("run/deep/b"), denied},
	}
	for _, name := range []string{"run/a", "link/a", "alias", "hard"} {
		for _, p := range []string{d.at(name), d.at("dir") + "/../" + name, d.at("") + "//" + name, d.at("link") + "/deep/../../" + name} {
			ops = append(ops, [2]string{"call " + p, denied})
		}
	}
	if _, err := os.Stat("/proc/self/root/"); err == nil {
		ops = append(ops, [2]string{"call /proc/self/root" + d.at("run/a"), denied})
	}
	for _, directory := range []string{d.at("dir/deep"), d.at("link/deep"), d.at("run") + "/./deep", "/data/deep"} {
		ops = append(ops, [2]string{"call " + directory + "/b", denied})
	}
	b.paths(t, dirs, []string{"dial unix *", "deny dial unix " + d.at("run/a"), "deny dial unix " + d.at("run/deep/*")}, ops...)
	b.paths(t, nil, []string{"dial unix *", "deny dial unix " + d.at("link/deep/*"), "deny dial unix " + d.at("alias")},
		[2]string{"call " + d.at("dir/deep/b"), denied},
		[2]string{"call " + d.at("run/deep/b"), denied},
		[2]string{"call " + d.at("run/a"), denied},
		[2]string{"call " + d.at("dir/c"), d.at("dir/c")},
	)
	b.paths(t, nil, []string{"listen unix *", "deny listen unix " + d.at("run/new")},
		[2]string{"serve " + d.at("link/new"), denied},
		[2]string{"serve " + d.at("dir/deep") + "/../new", denied},
		[2]string{"serve " + d.at("link/other"), d.at("run/other")},
	)
}

func pathsAllowed(t *testing.T, b *bench) {
	d := newTree(t, "run")
	d.serve(t, "run/a")
	d.link(t, "run", "link")
	b.paths(t, nil, []string{"dial unix " + d.at("link/a")},
		[2]string{"call " + d.at("link/a"), d.at("run/a")},
		[2]string{"call " + d.at("run/a"), denied},
		[2]string{"call " + d.at("run/none"), denied}, // and not that nothing is there
	)
	b.paths(t, nil, []string{"dial unix " + d.at("run/a")},
		[2]string{"call " + d.at("run/a"), d.at("run/a")},
		[2]string{"call " + d.at("link/a"), denied},
	)
}

func pathsLeft(t *testing.T, b *bench) {
	d := newTree(t, "dir")
	d.link(t, "dir", "link")
	for range 2 {
		b.paths(t, nil, []string{"listen unix " + d.at("link/*")},
			[2]string{"serve " + d.at("link/open"), d.at("dir/open")},
			[2]string{"serve " + d.at("link/closed"), d.at("dir/closed")},
			[2]string{"close", ""})
	}
	// What is another's by then stays.
	b.paths(t, []host.Dir{{Host: d.at("dir"), Guest: "/data"}}, []string{"listen unix *"},
		[2]string{"serve /data/s", "/data/s"},
		[2]string{"remove /data/s", ""},
		[2]string{"write /data/s text", ""})
	if entries, err := os.ReadDir(d.at("dir")); len(entries) != 1 || err != nil {
		t.Errorf("%v, %v; want s alone", entries, err)
	}
}
