package main

import (
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/wasisock/wasisock/cmd/internal/confine"
	"github.com/wasisock/wasisock/cmd/internal/otlp/otlptest"
	"github.com/wasisock/wasisock/internal/porttest"
)

// nothing lists the flags that name no file and no address.
var nothing = []string{
	"restart", "instances", "grace", "env", "max-memory", "max-sockets", "max-files", "max-listeners", "max-connections", "read-rate", "write-rate",
	"lookup-rate", "timeout", "cpu-time", "aot", "rewrite", "interruptible", "compile-memory", "compile-timeout", "cache-size",
	"listen-fds", "trace", "trace-filter", "fault", "deny", "no-confine", "verbose", "print-config",
	"drain-delay", "live-after", "log-format", "log-level", "log-guest",
}

// shortDir returns a new directory whose path is short enough for UNIX sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "wasisock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// truncating starts a nameserver that gives answers only over TCP.
func truncating(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); c.Close() })
	answer := func(question []byte, truncated bool) []byte {
		var m dnsmessage.Message
		if m.Unpack(question) != nil {
			return nil
		}
		m.Response, m.Truncated, m.Additionals = true, truncated, nil
		for _, q := range m.Questions {
			if q.Type == dnsmessage.TypeA && !truncated {
				m.Answers = append(m.Answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1},
					Body:   &dnsmessage.AResource{A: [4]byte{192, 0, 2, 7}},
				})
			}
		}
		b, _ := m.Pack()
		return b
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			c.WriteTo(answer(buf[:n], true), from)
		}
	}()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				var size [2]byte
				for {
					if _, err := io.ReadFull(c, size[:]); err != nil {
						return
					}
					question := make([]byte, binary.BigEndian.Uint16(size[:]))
					if _, err := io.ReadFull(c, question); err != nil {
						return
					}
					b := answer(question, false)
					c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
				}
			}()
		}
	}()
	return l.Addr().String()
}

// TestEachFlagWorksConfined runs the command as users do: confined. A flag is in a row here, or
// in nothing, or in the test of reloading.
func TestEachFlagWorksConfined(t *testing.T) {
	dir := shortDir(t)
	for _, path := range []string{"rw/", "ro/", "sockets/", "named/", "etc/", "tmp/"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	there, err := net.Listen("unix", dir+"/ro/there")
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	abstract, err := net.Listen("unix", "@"+dir)
	if err != nil {
		t.Fatal(err)
	}
	defer abstract.Close()
	at, port := l.Addr().String(), porttest.Free(t)
	policy := file(t, "policy.yaml", "allow:\n- dial tcp "+at+"\n")
	text := file(t, "ro.txt", "text")
	if err := os.Rename(text, dir+"/ro/file"); err != nil {
		t.Fatal(err)
	}
	roots := writeRoots(t, dir+"/roots.pem")
	collector := otlptest.Start(t)
	dns := truncating(t)
	rest := func(name string, want int) func(*testing.T) {
		return func(t *testing.T) {
			if files, err := os.ReadDir(filepath.Join(dir, name)); len(files) < want || want == 0 && len(files) > 0 || err != nil {
				t.Errorf("%s: %v, %v", name, files, err)
			}
		}
	}
	written := func(name string) func(*testing.T) {
		return func(t *testing.T) {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	t.Setenv("TMPDIR", dir+"/tmp")
	if code, _, stderr := execute(t, "run", guest(t), "exit", "0"); code != 0 { // compile it for the rows
		t.Fatal(stderr)
	}
	var used []string
	for _, test := range []struct {
		flags []string
		args  []string // the guest's arguments
		want  string   // the guest's output
		after func(*testing.T)
	}{
		{nil, []string{"args"}, "args", rest("tmp", 0)},
		{[]string{"--dir", dir + "/rw:/", "--allow", "listen unix " + dir + "/rw/s"}, []string{
			"files", "write /f x", "create /g", "mkdir /d", "rename /f /d/f", "symlink /l d/f", "read /l", "truncate /g", "link /h /d/f", "remove /g",
			"serve /s", "close", "list /d", "chtimes /h",
		}, "write /f x: \ncreate /g: \nmkdir /d: \nrename /f /d/f: \nsymlink /l d/f: \nread /l: x\ntruncate /g: \nlink /h /d/f: \nremove /g: \nserve /s: /s\nclose: \nlist /d: /d,/d/f\nchtimes /h: \n", nil},
		{[]string{"--dir", dir + "/ro:/data:ro", "--allow", "dial unix " + dir + "/ro/*"}, []string{"files", "read /data/file", "list /data", "call /data/there", "call " + dir + "/ro/there"},
			"read /data/file: text\nlist /data: /data,/data/file,/data/there\ncall /data/there: /data/there\n", nil},
		{[]string{"--allow", "dial unix @" + dir}, []string{"files", "call @" + dir}, "call @" + dir + ": @" + dir + "\n", nil},
		{[]string{"--allow", "listen unix " + dir + "/sockets/*"}, []string{"files", "serve " + dir + "/sockets/s"}, "/sockets/s\n", rest("sockets", 0)},
		{[]string{"--allow", "listen unix " + dir + "/named/s"}, []string{"files", "serve " + dir + "/named/s"}, "/named/s\n", rest("named", 0)},
		{[]string{"--allow", "listen unix *"}, []string{"files", "serve " + dir + "/named/s"}, "/named/s\n", rest("named", 0)},
		{[]string{"--allow", "dial tcp " + at}, []string{"dial", at}, "<nil>\n", nil},
		{[]string{"--allow", "dial tcp 127.0.0.1:*", "--deny", "dial tcp *:1"}, []string{"dial", at}, "<nil>\n", nil},
		{[]string{"--allow", "listen tcp 127.0.0.1:" + port}, []string{"listen", "127.0.0.1:" + port}, "<nil>\n", nil},
		{[]string{"--allow", "listen tcp 127.0.0.1:0"}, []string{"listen", "127.0.0.1:0"}, "<nil>\n", nil},
		{[]string{"--allow", "listen tcp 127.0.0.1:*", "--allow", "dial tcp 127.0.0.1:*"}, []string{"work"}, "worked\n", nil},
		{[]string{"--policy", policy}, []string{"dial", at}, "<nil>\n", nil},
		{[]string{"--allow-all"}, []string{"work"}, "worked\n", nil},
		{[]string{"--allow-all"}, []string{"files", "call @" + dir, "serve " + dir + "/named/s"}, "/named/s\n", rest("named", 0)},
		{[]string{"--learn"}, []string{"dial", at}, "<nil>\n", nil},
		{[]string{"--dns", dns, "--allow", "resolve *"}, []string{"lookup", "app.wasisock.test"}, "app.wasisock.test 192.0.2.7\n", nil},
		{[]string{"--dns", "passthrough", "--dir", dir + "/etc:/etc", "--dns", "host", "--allow", "resolve *"}, []string{"lookup", "localhost"}, "localhost 127.0.0.1\n", nil},
		{[]string{"--tls-roots=" + roots}, []string{"files", "read /run/wasisock/tls-roots/roots.pem"}, "BEGIN CERTIFICATE", rest("tmp", 0)},
		{[]string{"--cache", dir + "/cache"}, []string{"exit", "0"}, "", rest("cache", 2)},
		{[]string{"--cache", "-"}, []string{"exit", "0"}, "", rest("tmp", 0)},
		{[]string{"--engine", "wazero", "--trace", "--trace-file", dir + "/trace"}, []string{"dial", at}, "refused\n", written("trace")},
		{[]string{"--cpu-profile", dir + "/profile"}, []string{"exit", "0"}, "", written("profile")},
		{[]string{"--listen", "unix:" + dir + "/named/l"}, []string{"exit", "0"}, "", rest("named", 0)},
		{[]string{"--pid-file", dir + "/named/pid"}, []string{"exit", "0"}, "", rest("named", 0)},
		{[]string{"--otlp-endpoint", strings.Replace(collector.URL, "127.0.0.1", "localhost", 1)}, []string{"exit", "0"}, "", func(t *testing.T) {
			if collector.Metric("wasisock_guests_running") == nil {
				t.Error("the collector has no metrics")
			}
		}},
		{[]string{"--listen", "unix:@" + dir + "/l"}, []string{"exit", "0"}, "", nil},
		{[]string{"--publish", "127.0.0.1:" + port + ":80", "--listen-when-ready"}, []string{"listen", "127.0.0.1:80"}, "<nil>\n", nil},
		{[]string{"--metrics", "127.0.0.1:0", "--pprof", "127.0.0.1:0", "--health", "127.0.0.1:0"}, []string{"exit", "0"}, "", nil}, // TestWhatIsServedConfined looks at them
	} {
		for _, f := range test.flags {
			if name, ok := strings.CutPrefix(f, "--"); ok {
				name, _, _ = strings.Cut(name, "=")
				used = append(used, name)
			}
		}
		code, stdout, stderr := execute(t, slices.Concat([]string{"run"}, test.flags, []string{guest(t)}, test.args)...)
		if code != 0 || !strings.Contains(stdout, test.want) {
			t.Errorf("%q %q: %d, %q, %q; want %q", test.flags, test.args, code, stdout, stderr, test.want)
		}
		if test.after != nil {
			t.Run(strings.Join(test.flags, " "), test.after)
		}
	}
	used = append(used, "watch", "config") // TestReloadingConfined, TestReread
	for _, flag := range newRunOptions().flags() {
		if !slices.Contains(used, flag.Name) && !slices.Contains(nothing, flag.Name) {
			t.Errorf("no test runs --%s confined; add what it needs to needs, and a row here, or add it to nothing", flag.Name)
		}
	}
}

// TestOTLPConfined sends over TLS. The system's certificates cannot be read any more then.
func TestOTLPConfined(t *testing.T) {
	c := otlptest.New(t)
	c.StartTLS()
	t.Setenv("SSL_CERT_DIR", t.TempDir())
	for _, known := range []bool{true, false} {
		roots := filepath.Join(shortDir(t), "roots.pem")
		cert := &pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw}
		if err := os.WriteFile(roots, pem.EncodeToMemory(cert), 0o666); err != nil {
			t.Fatal(err)
		}
		if !known {
			roots = os.DevNull
		}
		t.Setenv("SSL_CERT_FILE", roots)
		before := len(c.Headers())
		code, _, stderr := execute(t, "run", "--otlp-endpoint", c.URL, guest(t), "dial", "127.0.0.1:1")
		if code != 0 || known == strings.Contains(stderr, "cannot send") || known != (len(c.Headers()) > before) {
			t.Errorf("known %t: %d, %s", known, code, stderr)
		}
	}
	if spans := c.Spans(); len(spans) != 1 || spans[0].Name != "connect" {
		t.Errorf("%v", spans)
	}
}

// TestAModuleFromAPipe runs a module from a pipe, about which Landlock accepts no rule.
func TestAModuleFromAPipe(t *testing.T) {
	for _, name := range []string{"/dev/stdin", "/proc/self/fd/0"} {
		cmd := exec.Command(executable(t), "run", "--cache", "-", name)
		cmd.Stdin = strings.NewReader(trapping)
		if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 134 {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
}

// writeRoots writes a certificate to a file.
func writeRoots(t *testing.T, file string) string {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// privileged returns how many threads of a process can get new privileges, and how many it has.
func privileged(t *testing.T, pid int) (with, all int) {
	t.Helper()
	statuses, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range statuses {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		all++
		if !strings.Contains(string(text), "\nNoNewPrivs:\t1\n") {
			with++
		}
	}
	return with, all
}

// TestNoThreadHasNewPrivileges checks that no thread of a confined run can get new privileges, also
// if the command has built the guest or is built without C.
func TestNoThreadHasNewPrivileges(t *testing.T) {
	dir := tree(t)
	if err := os.WriteFile(filepath.Join(dir, "two", "two.go"), []byte("package main\n\nimport (\n\t\"os\"\n\t\"time\"\n)\n\nfunc main() { os.Stderr.WriteString(\"ready\\n\"); time.Sleep(time.Hour) }\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, program string
		args          []string
		confined      bool
	}{
		{"a guest", executable(t), []string{"--metrics", "127.0.0.1:0", guest(t), "sleep"}, true},
		{"a program without C", static(t), []string{"--metrics", "127.0.0.1:0", guest(t), "sleep"}, true},
		{"a package", executable(t), []string{"./two"}, true},
		{"--no-confine", executable(t), []string{"--no-confine", guest(t), "sleep"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command(test.program, append([]string{"run", "--cache", filepath.Join(scratch, "cache")}, test.args...)...)
			cmd.Dir = dir
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Wait()
			defer cmd.Process.Signal(syscall.SIGTERM)
			untilReady(t, stderr)
			with, all := privileged(t, cmd.Process.Pid)
			if want := map[bool]int{true: 0, false: all}[test.confined]; all < 4 || with != want {
				t.Errorf("%d of %d threads can have new privileges, want %d", with, all, want)
			}
		})
	}
}

// TestCompilingConfined checks that the process that compiles a file confines itself.
func TestCompilingConfined(t *testing.T) {
	cmd := exec.Command(executable(t), "compile", "-o", filepath.Join(t.TempDir(), "code"), guest(t))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Signal(syscall.SIGTERM)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		with, all := privileged(t, cmd.Process.Pid)
		if with == 0 && all >= 4 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d threads can have new privileges, want 0", with, all)
		}
	}
}

// TestWhatIsServedConfined reads the metrics and profiles of a confined process, which come from
// /proc.
func TestWhatIsServedConfined(t *testing.T) {
	s := serve(t, program(t), "--metrics", "127.0.0.1:0", "--pprof", "127.0.0.1:0")
	for _, found := range toldEndpoint.FindAllStringSubmatch(s.out.String(), -1) {
		if found[1] == "--metrics" {
			text := fetch(t, found[2])
			for _, metric := range []string{"process_open_fds ", "process_start_time_seconds ", "process_resident_memory_bytes ", "process_cpu_seconds_total ", "process_max_fds "} {
				if !strings.Contains(text, "\n"+metric) {
					t.Errorf("there is no metric %s", metric)
				}
			}
		} else if text := fetch(t, found[2]+"profile?seconds=1"); text == "" {
			t.Error("an empty profile")
		}
	}
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

// copyFile copies a file into place as deployments do: by a rename.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to+".new", text, 0o666)
	}
	if err == nil {
		err = os.Rename(to+".new", to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// relink makes a symbolic link, and replaces an existing one.
func relink(t *testing.T, target, link string) {
	t.Helper()
	os.Remove(link + ".new")
	err := os.Symlink(target, link+".new")
	if err == nil {
		err = os.Rename(link+".new", link)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestReloadingConfined loads new modules from paths where deployments put them, and from paths
// that no flag gave.
func TestReloadingConfined(t *testing.T) {
	if abi := confine.ABI(); abi < confine.MinABI {
		t.Skipf("the kernel has Landlock's ABI %d, and %d is needed; run it on Linux 5.19 or later with landlock in lsm=", abi, confine.MinABI)
	}
	const swapped, refused = "the new one serves, and the old one ends", "the new one is not used; the old one goes on"
	const confined = "permission denied since wasisock confined itself when it started"
	for _, test := range []struct {
		name, file string // of the module
		links      map[string]string
		flags      []string
		change     func(t *testing.T, dir string)
		says       []string
	}{
		{"a file that is replaced", "app/g.wasm", nil, nil,
			func(t *testing.T, dir string) { copyFile(t, program(t), dir+"/app/g.wasm") }, []string{swapped}},
		{"--watch", "app/g.wasm", nil, []string{"--watch"},
			func(t *testing.T, dir string) { copyFile(t, program(t), dir+"/app/g.wasm") }, []string{swapped}},
		{"a link to a release below", "app/g.wasm", map[string]string{"app/g.wasm": "releases/1/g.wasm"}, nil,
			func(t *testing.T, dir string) { relink(t, "releases/2/g.wasm", dir+"/app/g.wasm") }, []string{swapped}},
		{"a link to the directory of a release", "app/current/g.wasm", map[string]string{"app/current": "../releases/1"}, nil,
			func(t *testing.T, dir string) { relink(t, "../releases/2", dir+"/app/current") }, []string{swapped}},
		{"a link to elsewhere", "app/g.wasm", map[string]string{"app/g.wasm": "../releases/1/g.wasm"}, nil,
			func(t *testing.T, dir string) { relink(t, "../releases/2/g.wasm", dir+"/app/g.wasm") }, []string{"/app/g.wasm: " + confined, refused}},
		{"the same with --no-confine", "app/g.wasm", map[string]string{"app/g.wasm": "../releases/1/g.wasm"}, []string{"--no-confine"},
			func(t *testing.T, dir string) { relink(t, "../releases/2/g.wasm", dir+"/app/g.wasm") }, []string{swapped}},
		{"a directory that another replaces", "app/g.wasm", map[string]string{"site": "releases/1"}, []string{"--dir", "DIR/site:/srv"},
			func(t *testing.T, dir string) { relink(t, "releases/2", dir+"/site") }, []string{"/site: " + confined, "the old one goes on"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := shortDir(t)
			for _, path := range []string{"app/releases/1", "app/releases/2", "releases/1", "releases/2"} {
				if err := os.MkdirAll(filepath.Join(dir, path), 0o777); err != nil {
					t.Fatal(err)
				}
				copyFile(t, program(t), filepath.Join(dir, path, "g.wasm"))
			}
			for link, to := range test.links {
				relink(t, to, filepath.Join(dir, link))
			}
			if _, err := os.Stat(filepath.Join(dir, test.file)); err != nil {
				copyFile(t, program(t), filepath.Join(dir, test.file))
			}
			flags := slices.Clone(test.flags)
			for i := range flags {
				flags[i] = strings.Replace(flags[i], "DIR", dir, 1)
			}
			s := serve(t, filepath.Join(dir, test.file), flags...)
			test.change(t, dir)
			if !slices.Contains(flags, "--watch") {
				s.signal(syscall.SIGHUP)
			}
			for _, text := range test.says {
				s.until(1, text)
			}
			if text := s.get("/"); text != "hello /\n" {
				t.Errorf("%q", text)
			}
			s.signal(syscall.SIGTERM)
			s.wantExit(0)
		})
	}
}

func TestDoctorOfConfinement(t *testing.T) {
	for _, test := range []struct {
		goos string
		abi  int
		want finding // with beginnings
	}{
		{"linux", 0, finding{"confinement", "note", "no_new_privs alone, since the kernel has version 0 of Landlock's ABI and 2 is needed", "use Linux 5.19"}},
		{"linux", 1, finding{"confinement", "note", "no_new_privs alone, since the kernel has version 1", "use Linux 5.19"}},
		{"linux", 2, finding{"confinement", "note", "no_new_privs and Landlock (ABI 2): files, and not the ports of TCP", "use Linux 6.7"}},
		{"linux", 3, finding{"confinement", "note", "no_new_privs and Landlock (ABI 3): files, and not", "use Linux 6.7"}},
		{"linux", 4, finding{"confinement", "ok", "no_new_privs and Landlock (ABI 4): files and the ports of TCP", ""}},
		{"linux", 99, finding{"confinement", "ok", "no_new_privs and Landlock (ABI 99): files and the ports of TCP", ""}},
		{"darwin", 0, finding{"confinement", "note", "wasisock run confines itself on Linux alone", "run it in a container"}},
	} {
		var p patient
		p.confinement(test.goos, test.abi)
		got, want := p[0], test.want
		if len(p) != 1 || got.Check != want.Check || got.State != want.State || !strings.HasPrefix(got.Found, want.Found) ||
			!strings.HasPrefix(got.Remedy, want.Remedy) || (want.Remedy == "") != (got.Remedy == "") {
			t.Errorf("%s, %d: %q; want %q", test.goos, test.abi, p, want)
		}
	}
	_, stdout, _ := start(t, "doctor")
	if want := fmt.Sprintf("\nconfinement   ok      no_new_privs and Landlock (ABI %d)", confine.ABI()); confine.ABI() >= confine.PortsABI && !strings.Contains(stdout, want) {
		t.Errorf("%q; want %q", stdout, want)
	}
}
