//go:build linux || darwin

package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestTest(t *testing.T) {
	code, stdout, stderr := execute(t, "test", "-count=1", "-v", "./testdata/program")
	if code != 0 || !strings.Contains(stdout, "on wasip1") || strings.Count(stdout, "--- PASS")+strings.Count(stdout, "--- SKIP: TestRoots") != 4 {
		t.Errorf("%d, %s, %s", code, stdout, stderr)
	}
}

func TestTestAllows(t *testing.T) {
	t.Setenv("OUTSIDE", "yes")
	const rule = "dial udp 192.0.2.1:7"
	for _, test := range []struct {
		name, variable string
		flags          []string
		code           int
	}{
		{"nothing", "", nil, 1},
		{"a rule", "", []string{"--allow", rule}, 0},
		{"all", "", []string{"--allow-all"}, 0},
		{"a rule of the environment", rule, nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("WASISOCK_ALLOW", test.variable)
			args := append(append([]string{"test"}, test.flags...), "-count=1", "-run", "Outside", "./testdata/program")
			code, stdout, stderr := execute(t, args...)
			told := strings.Contains(stdout, "refused: "+rule+"; allow it with --allow '"+rule+"'")
			if code != test.code || told != (code != 0) {
				t.Errorf("%d, %s, %s", code, stdout, stderr)
			}
		})
	}
}

func TestTestWithAnotherEngine(t *testing.T) {
	code, stdout, _ := start(t, "test", "-count=1", "-v", "-exec", "echo started", "./testdata/program")
	if code != 0 || !strings.Contains(stdout, "started /") {
		t.Errorf("%d, %s", code, stdout)
	}
}

func TestExecSelf(t *testing.T) {
	for _, rules := range [][]string{nil, {"dial tcp *:80"}, {`dial unix "/it's/*"`}, {`dial unix "/a b"`, "dial unix /it's"}} {
		text, err := execSelf(rules, false)
		if both := len(rules) == 1 && strings.Contains(rules[0], "'"); both != (err != nil) {
			t.Errorf("%q: %q, %v", rules, text, err)
		}
	}
}

func TestRunBuildsFirst(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	t.Chdir(tree(t))
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"run", "./one"}, "one\n"},
		{[]string{"run", "one/one.go", "one/word.go", "x.txt"}, "one\n"},
		{[]string{"run", "example.com/tree/two"}, "two\n"},
		{[]string{"run", "two", "three.go"}, "two\n"},
	} {
		if test.args[1] == "two" {
			t.Chdir("two") // and so the name of no package
			test.args[1] = "."
		}
		if code, _, stderr := execute(t, test.args...); code != 0 || stderr != test.want {
			t.Errorf("%q: %d, %q; want %q", test.args, code, stderr, test.want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "wasisock-run-*")); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}

func TestRunGivesArguments(t *testing.T) {
	code, stdout, stderr := execute(t, "run", "./testdata/program", "a b", "--trace", "x.go")
	if want := `hello ["a b" "--trace" "x.go"]` + "\n"; code != 0 || stdout != want {
		t.Errorf("%d, %q, %q; want %q", code, stdout, stderr, want)
	}
}

func TestTLSRoots(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "over TLS\n") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of a client that hangs up, as one does here
	s.StartTLS()
	defer s.Close()
	roots := file(t, "roots.pem", "a comment\n"+string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	none := file(t, "none.pem", "no certificate")
	for _, test := range []struct {
		name, flag, environ string
		code                int
		says                string
	}{
		{"a file", "--tls-roots=" + roots, "", 0, "over TLS\n"},
		{"the system's", "--tls-roots", roots, 0, "over TLS\n"},
		{"none", "--trace=false", roots, 3, "certificate signed by unknown authority"},
		{"a file that is not there", "--tls-roots=nowhere", "", 125, "--tls-roots: open nowhere: no such file"},
		{"a file of something else", "--tls-roots=" + none, "", 125, "holds no certificate in PEM form"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("SSL_CERT_FILE", test.environ)
			code, stdout, stderr := execute(t, "run", "--allow-all", test.flag, program(t), "get", s.URL)
			if code != test.code || !strings.Contains(stdout+stderr, test.says) {
				t.Errorf("%d, %q, %q; want %d, %q", code, stdout, stderr, test.code, test.says)
			}
		})
	}
	t.Run("two at once", func(t *testing.T) {
		code, _, stderr := start(t, "run", "--tls-roots="+roots, "--env", "SSL_CERT_FILE=/x", program(t))
		if code != 125 || !strings.Contains(stderr, "leave out one of them") {
			t.Errorf("%d, %q", code, stderr)
		}
	})
	t.Run("no other file", func(t *testing.T) {
		code, stdout, stderr := execute(t, "run", "--tls-roots="+roots, guest(t), "files",
			"read /run/wasisock/tls-roots/../x", "read "+roots, "write /run/wasisock/tls-roots/roots.pem x")
		if code != 0 || strings.Count(stdout, "\n") != 3 || strings.Contains(stdout, ": \n") || strings.Contains(stdout, "CERTIFICATE") {
			t.Errorf("%d, %q, %q", code, stdout, stderr)
		}
	})
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "wasisock-roots-*")); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}

func TestOverlay(t *testing.T) {
	for _, linked := range []bool{false, true} {
		t.Run(map[bool]string{false: "Go", true: "a Go below GOMODCACHE"}[linked], func(t *testing.T) {
			t.Chdir(tree(t))
			t.Setenv("GOFLAGS", "-buildvcs=false")
			if linked {
				goroot, err := exec.Command("go", "env", "GOROOT").Output()
				if err != nil {
					t.Fatal(err)
				}
				t.Setenv("GOMODCACHE", filepath.Dir(strings.TrimSpace(string(goroot))))
			}
			code, stdout, stderr := start(t, "overlay")
			if code != 0 || strings.Count(stdout, "\n") != 1 || linked != strings.Contains(stderr, "GOTOOLCHAIN=local") {
				t.Errorf("%d, %q, %q", code, stdout, stderr)
			}
			if _, err := os.Stat(strings.TrimSpace(stdout)); err != nil {
				t.Error(err)
			}
			code, env, stderr := start(t, "overlay", "--env")
			if code != 0 || stderr != "" || linked != strings.Contains(env, "export GOROOT=") || !strings.Contains(env, "-buildvcs=false -overlay=") {
				t.Errorf("%d, %q, %q", code, env, stderr)
			}
			// The go command is that of the shell, and shows whether the overlay is in force.
			out, err := exec.Command("/bin/sh", "-c", env+`
				GOOS=wasip1 GOARCH=wasm go list -f '{{.GoFiles}}' net &&
				CGO_ENABLED=0 go build -o native ./one && ./native`).CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("socket_wasip1.go")) || !bytes.HasSuffix(out, []byte("one\n")) {
				t.Errorf("%v, %s", err, out)
			}
		})
	}
}

// doctor runs wasisock doctor, and returns what it has found as its JSON says. The table has
// the same.
func doctor(t *testing.T) (code int, found []finding) {
	t.Helper()
	code, stdout, stderr := start(t, "doctor", "--json")
	if err := json.Unmarshal([]byte(stdout), &found); err != nil || stderr != "" {
		t.Fatalf("%v, %s, %s", err, stdout, stderr)
	}
	tableCode, table, _ := start(t, "doctor")
	if tableCode != code {
		t.Errorf("exit code %d with --json, and %d", code, tableCode)
	}
	for _, f := range found {
		if f.Check != "cache" && !strings.Contains(table, f.State+strings.Repeat(" ", 8-len(f.State))+f.Found+"\n") { // caches grow
			t.Errorf("%+v is not in\n%s", f, table)
		}
		if f.Remedy != "" && !strings.Contains(table, "  remedy  "+f.Remedy+"\n") {
			t.Errorf("the remedy of %+v is not in\n%s", f, table)
		}
	}
	return code, found
}

// has reports whether a check has found something in a state, with a text in it.
func has(found []finding, check, state, text string) bool {
	return slices.ContainsFunc(found, func(f finding) bool {
		return f.Check == check && f.State == state && strings.Contains(f.Found+"; "+f.Remedy, text)
	})
}

func TestDoctor(t *testing.T) {
	t.Run("a fit machine", func(t *testing.T) {
		code, found := doctor(t)
		if code != 0 || !has(found, "Go", "ok", "go1.") || !has(found, "wazero", "ok", "v1") || !has(found, "cache", "ok", scratch) {
			t.Errorf("%d, %q", code, found)
		}
		for _, check := range []string{"wasmtime", "libwasmedge", "wasmedge", "engine", "confinement", "open files", "IPv6", "certificates"} {
			if !slices.ContainsFunc(found, func(f finding) bool { return f.Check == check }) {
				t.Errorf("%s is not in %q", check, found)
			}
		}
	})
	for _, m := range unfit {
		t.Run(m.name, func(t *testing.T) {
			m.make(t)
			check := "Go"
			if m.name == "a cache that cannot be written" {
				check, m.says = "cache", "mkdir /dev/null: not a directory; make it writable"
			}
			if code, found := doctor(t); code != 1 || !has(found, check, "broken", m.says) {
				t.Errorf("%d, %q; want %q", code, found, m.says)
			}
		})
	}
	t.Run("a variable that names no wasmedge", func(t *testing.T) {
		for path, says := range map[string]string{
			"/nowhere":  "/nowhere in WASISOCK_WASMEDGE_014 does not start",
			"/bin/echo": `says "--version`,
		} {
			t.Setenv("WASISOCK_WASMEDGE_014", path)
			if runtime.GOOS == "linux" && path == "/bin/echo" { // GNU's has a version
				says = "/bin/echo"
			}
			if code, found := doctor(t); code != 1 || !has(found, "wasmedge", "broken", says) {
				t.Errorf("%d, %q; want %q", code, found, says)
			}
		}
	})
	t.Run("few open files", func(t *testing.T) {
		self, _ := os.Executable()
		cmd := exec.Command("/bin/sh", "-c", `ulimit -S -n 64 && exec "$0" doctor`, self)
		cmd.Env = append(os.Environ(), "WASISOCK_TEST_COMMAND=1")
		out, err := cmd.Output()
		if err != nil || !bytes.Contains(out, []byte("\nopen files    note    64, which wasisock raises to")) {
			t.Errorf("%v, %s", err, out)
		}
	})
}

func TestDoctorPrints(t *testing.T) {
	var p patient
	p.ok("Go", "go1.25 in /usr/lib/go")
	p.note("wasmtime", "not built in; install it\nso: %s", "go install; or not")
	p.bad("IPv6", "it is <off>")
	if p.broken() != true || p[:2].broken() {
		t.Error("only the last one is broken")
	}
	var out bytes.Buffer
	p.printTable(&out)
	if want := `CHECK     STATE   FOUND
Go        ok      go1.25 in /usr/lib/go
wasmtime  note    not built in
          remedy  install it so: go install; or not
IPv6      broken  it is <off>
`; out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
	out.Reset()
	p[1:2].printJSON(&out)
	if want := `[
  {
    "check": "wasmtime",
    "state": "note",
    "found": "not built in",
    "remedy": "install it so: go install; or not"
  }
]
`; out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
}
