//go:build linux || darwin

package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// built returns the file that wasisock build makes from testdata/program.
var built = sync.OnceValues(func() (string, error) {
	file := filepath.Join(scratch, "program.wasm")
	var stderr bytes.Buffer
	if code := run([]string{"build", "-ldflags=-s -w", "-o", file, "./testdata/program"}, nil, &stderr, &stderr); code != 0 {
		return "", errors.New(stderr.String())
	}
	return file, nil
})

func program(t *testing.T) string {
	t.Helper()
	file, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// tree writes a module with two small programs and a package.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":         "module example.com/tree\n\ngo 1.24\n",
		"one/one.go":     "package main\n\nfunc main() { println(word) }\n",
		"one/word.go":    "package main\n\nconst word = \"one\"\n",
		"one/tagged.go":  "//go:build wrong\n\npackage main\n\nvar _ int = \"\"\n",
		"two/two.go":     "package main\n\nfunc main() { println(\"two\") }\n",
		"three/three.go": "package three\n",
		"other.go.txt":   "package main\n\nconst word = \"another\"\n",
		"replace.json":   `{"Replace": {"one/word.go": "other.go.txt"}}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// guests returns the wasm files in a directory and below it.
func guests(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*", "*/*"} {
		matches, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, file := range matches {
			text, err := os.ReadFile(file)
			if err == nil && bytes.HasPrefix(text, []byte("\x00asm")) {
				rel, _ := filepath.Rel(dir, file)
				files = append(files, rel)
			}
		}
	}
	return files
}

func TestBuildNamesWhatItMakes(t *testing.T) {
	for _, test := range []struct {
		args string
		want []string
	}{
		{"./one", []string{"one.wasm"}},
		{"one/one.go one/word.go", []string{"one.wasm"}},
		{"-C one", []string{"one/one.wasm"}},
		{"-C one -o ../out .", []string{"out"}},
		{"-o=name ./two", []string{"name"}},
		{"-tags x -o out/ ./...", []string{"out/one.wasm", "out/two.wasm"}},
		{"-o three ./one", []string{"three/one.wasm"}}, // three is a directory
		{"./one ./two", nil},
		{"./three", nil},
		{"-n ./one", nil},
		{"-o /dev/null ./one", nil},
	} {
		t.Run(test.args, func(t *testing.T) {
			dir := tree(t)
			t.Chdir(dir)
			code, stdout, stderr := start(t, append([]string{"build"}, strings.Fields(test.args)...)...)
			if code != 0 || stdout != "" || stderr != "" && !strings.HasPrefix(test.args, "-n") {
				t.Errorf("%d, %q, %q", code, stdout, stderr)
			}
			if got := guests(t, dir); !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// TestBuildMissing builds packages that need names which wasip1 lacks, some of which import others,
// and packages that have mistakes as well.
func TestBuildMissing(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/main\n\ngo 1.24\n\nrequire example.com/dep v1.2.3\n\nreplace example.com/dep => ./dep\n",
		"main.go": "package main\n\nimport (\n\t\"example.com/dep\"\n\tsys \"syscall\"\n)\n\n" +
			"var _ = sys.SysProcAttr{HideWindow: true}\n\nfunc main() { dep.Lock(); dep.Mistake(); dep.File{}.Lock(); _ = sys.Handle(0) }\n",
		"dep/go.mod":         "module example.com/dep\n\ngo 1.24\n",
		"dep/dep.go":         "package dep\n\nimport _ \"example.com/dep/only\"\n\ntype File struct{}\n\nfunc Lock() { lock(); mistake() }\n",
		"dep/lock_linux.go":  "package dep\n\nfunc lock() {}\n\nfunc (f *File) Lock() {}\n",
		"dep/only/a_unix.go": "//go:build unix\n\npackage only\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	const want = "wasisock: this cannot be built for wasip1, which lacks:\n" +
		"  example.com/dep v1.2.3: package example.com/dep needs lock, package example.com/dep/only\n" +
		"  package example.com/main needs dep.File.Lock, syscall.Handle, syscall.SysProcAttr.HideWindow\n"
	for _, args := range [][]string{{"build", "-C", dir, "."}, {"build", "-C", dir, "-o", "x.wasm", "./..."}} {
		code, _, stderr := start(t, args...)
		if _, report, _ := strings.Cut(stderr, "\nwasisock: "); code != 1 || "wasisock: "+report != want {
			t.Errorf("%q: %d, %s\nwant at the end %s", args, code, stderr, want)
		}
	}
	t.Chdir(dir)
	if code, _, stderr := start(t, "run", "."); code != 125 || !strings.HasSuffix(stderr, want) {
		t.Errorf("run: %d, %s", code, stderr)
	}
	os.Remove("main.go")
	os.WriteFile("main.go", []byte("package main\n\nfunc main() { mistake() }\n"), 0o666)
	if code, _, stderr := start(t, "build", "."); code != 1 || strings.Contains(stderr, "wasisock:") {
		t.Errorf("a mistake alone: %d, %s", code, stderr)
	}
}

// TestVersioned builds and runs packages with a version, from a module proxy of files.
func TestVersioned(t *testing.T) {
	proxy, dir := t.TempDir(), t.TempDir()
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	const mod = "module example.com/tools/v2\n\ngo 1.24\n"
	for name, text := range map[string]string{
		"go.mod":       mod,
		"main.go":      "package main\n\nimport \"os\"\n\nfunc main() { println(\"tools\", len(os.Args)) }\n",
		"other/one.go": "package main\n\nfunc main() { println(\"other\") }\n",
	} {
		w, err := z.Create("example.com/tools/v2@v2.3.4/" + name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(text))
	}
	z.Close()
	at := filepath.Join(proxy, "example.com/tools/v2/@v")
	if err := os.MkdirAll(at, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"list": "v2.3.4\n", "v2.3.4.info": `{"Version": "v2.3.4"}`, "v2.3.4.mod": mod, "v2.3.4.zip": zipped.String()} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{"GOPROXY": "file://" + proxy, "GONOSUMDB": "example.com", "GOFLAGS": "-modcacherw", "GOMODCACHE": t.TempDir(), "GOBIN": dir} {
		t.Setenv(name, value)
	}
	t.Chdir(dir)
	const tools, other = "example.com/tools/v2@v2.3.4", "example.com/tools/v2/other@latest"
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{tools}, []string{"tools.wasm"}},
		{[]string{"-o", "name", other}, []string{"name"}},
		{[]string{"-o", "out/", "-ldflags=-s", tools, "example.com/tools/v2/other@v2.3.4"}, []string{"out/other.wasm", "out/tools.wasm"}},
	} {
		code, stdout, stderr := start(t, append([]string{"build"}, test.args...)...)
		if code != 0 || stdout != "" || strings.Contains(stderr, "wasisock") {
			t.Errorf("%q: %d, %q, %q", test.args, code, stdout, stderr)
		}
		got := guests(t, dir)
		if !slices.Equal(got, test.want) {
			t.Errorf("%q made %q, want %q", test.args, got, test.want)
		}
		for _, file := range got {
			if _, version := isModule(file); version == "" {
				t.Errorf("%q is not rewritten", file)
			}
			os.Remove(file)
		}
	}
	if code, _, stderr := start(t, "run", tools, "a", "b"); code != 0 || !strings.HasSuffix(stderr, "tools 3\n") {
		t.Errorf("run: %d, %q", code, stderr)
	}
	for _, args := range [][]string{
		{"build", "example.com/tools/v2@v9.9.9"},
		{"build", "-o", "one", tools, "example.com/tools/v2/other@v2.3.4"},
		{"run", "example.com/tools/v2/none@v2.3.4"},
	} {
		if code, _, stderr := start(t, args...); code == 0 || stderr == "" || len(guests(t, dir)) > 0 {
			t.Errorf("%q: %d, %q, %q", args, code, stderr, guests(t, dir))
		}
	}
}

// TestBuildTwice builds a program again, over the file of the first build.
func TestBuildTwice(t *testing.T) {
	dir := tree(t)
	t.Chdir(dir)
	for range 2 {
		if code, _, stderr := start(t, "build", "-o", "out/", "./one"); code != 0 {
			t.Fatal(stderr)
		}
	}
	if got, want := guests(t, dir), []string{"out/one.wasm"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTheUsersOverlay(t *testing.T) {
	for _, how := range []string{"flag", "GOFLAGS", "ours in GOFLAGS", "none"} {
		t.Run(how, func(t *testing.T) {
			t.Chdir(tree(t))
			args, want := []string{"build", "./one"}, "another\n"
			switch how {
			case "flag":
				args = []string{"build", "-overlay", "replace.json", "./one"}
			case "GOFLAGS":
				t.Setenv("GOFLAGS", "-buildvcs=false '-overlay=replace.json'")
			case "ours in GOFLAGS":
				_, file, _ := start(t, "overlay")
				t.Setenv("GOFLAGS", "-overlay="+strings.TrimSpace(file))
				want = "one\n"
			default:
				want = "one\n"
			}
			if code, _, stderr := start(t, args...); code != 0 {
				t.Fatal(stderr)
			}
			if code, _, stderr := execute(t, "run", "one.wasm"); code != 0 || stderr != want {
				t.Errorf("%d, %q; want %q", code, stderr, want)
			}
		})
	}
}

func TestAnOverlayInTheWay(t *testing.T) {
	t.Chdir(tree(t))
	_, file, _ := start(t, "overlay")
	var ours struct{ Replace map[string]string }
	text, err := os.ReadFile(strings.TrimSpace(file))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &ours); err != nil {
		t.Fatal(err)
	}
	for name := range ours.Replace {
		ours.Replace[name] = "/elsewhere"
	}
	text, _ = json.Marshal(ours)
	if err := os.WriteFile("theirs.json", text, 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOFLAGS", "-overlay=theirs.json")
	code, _, stderr := start(t, "build", "./one")
	if code != 125 || !strings.Contains(stderr, "-overlay in GOFLAGS: theirs.json replaces ") {
		t.Errorf("%d, %q", code, stderr)
	}
}

func TestBuildFails(t *testing.T) {
	dir := tree(t)
	t.Chdir(dir)
	for _, test := range []struct {
		args   string
		code   int
		stderr string
	}{
		{"build -tags wrong ./one", 1, "one/tagged.go:5:"},
		{"build ./none", 1, "none"},
		{"build --wrong ./one", 2, "flag provided but not defined: -wrong"},
		{"build -o", 125, "-o needs a value"},
		{"build -C none .", 125, "none: no such file"},
		{"build -overlay none.json ./one", 125, "none.json: no such file"},
		{"build --aot=0.15 ./one", 125, `--aot: "0.15" is not a version of WasmEdge`},
		{"run ./none", 125, "none"},
		{"run ./three", 126, "three"},
		{"run one/one.go", 125, "undefined: word"},
		{"overlay one", 125, "overlay takes no arguments"},
		{"overlay --wrong", 125, "see wasisock overlay --help"},
		{"test --allow", 125, "--allow needs a value"},
		{"test --allow nonsense ./one", 125, "--allow: rule"},
		{"test --allow-all -exec sh ./one", 125, "leave out -exec or --allow"},
		{"doctor one", 125, "doctor takes no arguments"},
	} {
		code, _, stderr := start(t, strings.Fields(test.args)...)
		if code != test.code || !strings.Contains(stderr, test.stderr) {
			t.Errorf("%s: %d, %q; want %d, %q", test.args, code, stderr, test.code, test.stderr)
		}
	}
	if got := guests(t, dir); len(got) > 0 {
		t.Errorf("left are %q", got)
	}
}

// unfit lists machines that lack something, with the error that each gets.
var unfit = []struct {
	name, says string
	make       func(t *testing.T)
}{
	{"no go command", "no go command in PATH; install Go 1.24 or newer", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
	}},
	{"a Go that nobody knows", "go1.99 (/nowhere) is not what wasisock knows: src/", func(t *testing.T) {
		dir := t.TempDir()
		script := "#!/bin/sh\necho '{\"GOROOT\": \"/nowhere\", \"GOVERSION\": \"go1.99\", \"GOMODCACHE\": \"/cache\"}'\n"
		if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o777); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir)
	}},
	{"a cache that cannot be written", "make /dev/null/wasisock writable, or name another directory in XDG_CACHE_HOME", func(t *testing.T) {
		t.Setenv("XDG_CACHE_HOME", "/dev/null")
	}},
}

func TestUnfitMachines(t *testing.T) {
	for _, m := range unfit {
		for _, args := range []string{"build ./one", "test ./one", "run ./one", "overlay"} {
			t.Run(m.name+": "+args, func(t *testing.T) {
				t.Chdir(tree(t))
				m.make(t)
				code, stdout, stderr := start(t, strings.Fields(args)...)
				if code != 125 || stdout != "" || !strings.Contains(stderr, m.says) || strings.Count(stderr, "\n") != 1 {
					t.Errorf("%d, %q, %q; want %q", code, stdout, stderr, m.says)
				}
			})
		}
	}
}

// TestBuildRewrites tests that modules are rewritten unless that is switched off, for every file
// that an earlier build has left.
func TestBuildRewrites(t *testing.T) {
	dir := tree(t)
	t.Chdir(dir)
	for _, test := range []struct {
		flags string
		want  bool
	}{{"", true}, {"-v", true}, {"--rewrite=off", false}, {"--rewrite on", true}, {"--rewrite=off -v", false}} {
		code, stdout, stderr := start(t, append(append([]string{"build"}, strings.Fields(test.flags)...), "./one")...)
		if code != 0 || stdout != "" {
			t.Fatalf("%s: %d, %q, %q", test.flags, code, stdout, stderr)
		}
		module, version := isModule("one.wasm")
		if !module || (version != "") != test.want {
			t.Errorf("%s: a module %v, rewritten %q", test.flags, module, version)
		}
		if told := strings.Contains(stderr, "one.wasm: rewritten"); told != (test.flags == "-v") {
			t.Errorf("%s: %q", test.flags, stderr)
		}
		if _, _, stderr := start(t, "run", "one.wasm"); !strings.Contains(stderr, "one\n") {
			t.Errorf("%s: the program prints %q", test.flags, stderr)
		}
	}
	if code, _, stderr := start(t, "build", "--rewrite=maybe", "./one"); code != 125 || !strings.Contains(stderr, `--rewrite: invalid value "maybe": want on or off`) {
		t.Errorf("%d, %q", code, stderr)
	}
}

func TestRewrite(t *testing.T) {
	dir := tree(t)
	t.Chdir(dir)
	if code, _, stderr := start(t, "build", "--rewrite=off", "./one"); code != 0 {
		t.Fatal(stderr)
	}
	if code, _, stderr := start(t, "rewrite", "-v", "one.wasm", "made.wasm"); code != 0 || !strings.Contains(stderr, "have new bodies") || !strings.Contains(stderr, "are left: no function of Go code") {
		t.Errorf("%d, %q", code, stderr)
	}
	if _, version := isModule("one.wasm"); version != "" {
		t.Error("the module itself is rewritten")
	}
	if code, _, stderr := start(t, "rewrite", "-v", "made.wasm", "made.wasm"); code != 0 || !strings.Contains(stderr, "rewritten already") {
		t.Errorf("%d, %q", code, stderr)
	}
	if _, version := isModule("made.wasm"); version == "" {
		t.Error("the module is not rewritten")
	}
	if _, _, stderr := start(t, "run", "made.wasm"); !strings.Contains(stderr, "one\n") {
		t.Errorf("the program prints %q", stderr)
	}
	for want, args := range map[string][]string{
		"wants the paths":          {"one.wasm"},
		"no such file":             {"none.wasm", "x"},
		"cannot rewrite one/one.g": {"one/one.go", "x"},
	} {
		if code, _, stderr := start(t, append([]string{"rewrite"}, args...)...); code != 125 || !strings.Contains(stderr, want) {
			t.Errorf("%q: %d, %q", args, code, stderr)
		}
	}
}
