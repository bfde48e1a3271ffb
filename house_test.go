package wasisock_test

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	wasm "github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wasisock/wasisock/internal/guestbuild"
	"github.com/wasisock/wasisock/sockabi"
)

// What holds for the packages of this module together.

const module = "github.com/wasisock/wasisock"

// wasip1 is the environment of a go command for guests.
func wasip1() []string { return append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm") }

// goCommand is the output of a go command in the module's directory.
func goCommand(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Env = env
	out, err := cmd.Output()
	if err != nil {
		var stderr []byte
		if exit, ok := err.(*exec.ExitError); ok {
			stderr = exit.Stderr
		}
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return string(out)
}

// TestImportsOfGuests holds the imports of every guest against sockabi: Go
// cannot, because the names stand in comments.
func TestImportsOfGuests(t *testing.T) {
	ctx := context.Background()
	runtime := wasm.NewRuntimeWithConfig(ctx, wasm.NewRuntimeConfigInterpreter())
	defer runtime.Close(ctx)

	type signature struct {
		name   string
		params int
	}
	rows := map[signature]bool{}
	names := map[string]bool{}
	for _, f := range sockabi.Functions() {
		rows[signature{f.Name, f.NumParams()}] = false
		names[f.Name] = true
	}
	guests := goCommand(t, wasip1(), "list", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`, "./guest/...", "./testdata/guest", "./testdata/hostile", "./testdata/program", "./testdata/library")
	for _, guest := range strings.Fields(guests) {
		for _, tags := range []string{"", "v1"} {
			if tags != "" && guest != module+"/testdata/guest" {
				continue
			}
			var flags []string
			if tags != "" {
				flags = []string{"-tags=" + tags}
			}
			binary := guestbuild.Wasm(t, guest, flags...)
			compiled, err := runtime.CompileModule(ctx, binary)
			if err != nil {
				t.Fatalf("%s: %v", guest, err)
			}
			checked := 0
			for _, f := range compiled.ImportedFunctions() {
				from, name, _ := f.Import()
				ours := strings.HasPrefix(name, "sock_") || strings.HasSuffix(name, "poll_oneoff")
				if !ours && !names[name] {
					continue
				}
				s := signature{name, len(f.ParamTypes())}
				if _, ok := rows[s]; !ok || from != sockabi.Module || !allI32(f) {
					t.Errorf("%s imports %s.%s(%d parameters), which sockabi does not list", guest, from, name, s.params)
					continue
				}
				if guest == module+"/testdata/guest" {
					rows[s] = true
				}
				checked++
			}
			if checked == 0 {
				t.Errorf("%s imports nothing of sockabi's", guest)
			}
			compiled.Close(ctx)
		}
	}
	for s, imported := range rows {
		if !imported {
			t.Errorf("the test guest does not import %s with %d parameters", s.name, s.params)
		}
	}
}

// allI32 reports whether all parameters of a function are i32, and so is its one
// result.
func allI32(f api.FunctionDefinition) bool {
	other := func(v api.ValueType) bool { return v != api.ValueTypeI32 }
	return !slices.ContainsFunc(f.ParamTypes(), other) && slices.Equal(f.ResultTypes(), []api.ValueType{api.ValueTypeI32})
}

// TestImportGraph holds which packages may need which: arrows point down only.
func TestImportGraph(t *testing.T) {
	deps := map[string]map[string]bool{} // of each package of the module, on both sides
	for _, env := range [][]string{os.Environ(), wasip1()} {
		list := goCommand(t, env, "list", "-f", `{{.ImportPath}} {{join .Deps " "}}`, "./...", "./testdata/guest", "./testdata/hostile", "./testdata/program", "./testdata/library")
		for line := range strings.Lines(list) {
			fields := strings.Fields(line)
			from := strings.TrimPrefix(fields[0], module+"/")
			if deps[from] == nil {
				deps[from] = map[string]bool{}
			}
			for _, dep := range fields[1:] {
				deps[from][strings.TrimPrefix(dep, module+"/")] = true
			}
		}
	}
	for _, rule := range []struct{ from, never string }{
		{"sockabi", "guest"},
		{"sockabi", "host"},
		{"guest", "host"},
		{"guest", "cmd"},
		{"guest/poll", "guest/socket"},
		{"guest/socket", "guest/poll"},
		{"guest/socket", "net"},
		{"guest/poll", "net"},
		{"guest/server", "net"},
		{"testdata", "host"},
		{"host", "guest"},
		{"host", "cmd"},
		{"host/internal", "host/wazero"},
		{"host/internal/shim", "github.com/tetratelabs/wazero"},
		{"host/hosttest", "host/wazero"},
		{"host/hosttest", "host/wasmtime"},
		{"cmd", "guest"},
		{"host", "github.com/landlock-lsm"},
		{"internal", "github.com/landlock-lsm"},
		{"stdnet", "github.com/landlock-lsm"},
		{"host", "github.com/spf13"},
		{"host", "github.com/coreos"},
		{"host", "golang.org/x/term"},
		{"host", "go.opentelemetry.io"},
		{"host", "github.com/google/go-containerregistry"},
		{"host", "github.com/CycloneDX"},
		{"host", "github.com/KimMachineGun"},
		{"internal", "go.opentelemetry.io"},
		{"cmd", "google.golang.org/grpc"},
		{"internal", "github.com/spf13"},
		{"stdnet", "github.com/spf13"},
		{"host", "github.com/bytecodealliance"}, // without the tag wasmtime
		{"cmd", "github.com/bytecodealliance"},
	} {
		found := false
		for from, all := range deps {
			if !within(from, rule.from) {
				continue
			}
			found = true
			for dep := range all {
				if within(dep, rule.never) && (rule.never != "net" || dep == "net") {
					t.Errorf("%s needs %s", from, dep)
				}
			}
		}
		if !found {
			t.Errorf("there is no package %s", rule.from)
		}
	}
	for from, all := range deps {
		if !within(from, "guest") && from != "sockabi" && !within(from, "testdata") {
			continue
		}
		for dep := range all {
			if first, _, _ := strings.Cut(dep, "/"); strings.Contains(first, ".") {
				t.Errorf("%s needs %s; guests need the standard library alone", from, dep)
			}
		}
	}
	// Its files are also compiled inside the standard library.
	if all := slices.Sorted(maps.Keys(deps["sockabi"])); len(all) == 0 || slices.ContainsFunc(all, func(dep string) bool {
		return dep != "structs" && dep != "unsafe"
	}) {
		t.Errorf("sockabi needs %v, and may need structs and unsafe", all)
	}
}

// hostLayers is the packages of host/internal from the bottom up. One may need those of
// the layers below its own.
var hostLayers = [][]string{
	{"netos", "rootfs", "inspect", "cengine"},
	{"account", "address"},
	{"bridge", "names", "readiness"},
	{"names/namestest"},
	{"sockets"},
	{"shim"},
	{"wasi"},
	{"instance"},
	{"proxy"},
	{"compiler"},
}

// TestHostLayers holds the arrows inside host/internal, by what go list -deps says, for
// every system that the host works on.
func TestHostLayers(t *testing.T) {
	const internal = module + "/host/internal/"
	layer := map[string]int{}
	for i, packages := range hostLayers {
		for _, p := range packages {
			layer[p] = i
		}
	}
	for _, goos := range []string{"linux", "darwin"} {
		env := append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		for _, path := range strings.Fields(goCommand(t, env, "list", "./host/internal/...")) {
			p := strings.TrimPrefix(path, internal)
			at, ok := layer[p]
			if !ok {
				t.Errorf("host/internal/%s is in no layer", p)
				continue
			}
			for _, dep := range strings.Fields(goCommand(t, env, "list", "-deps", path)) {
				if below, ok := strings.CutPrefix(dep, internal); ok && below != p && layer[below] >= at {
					t.Errorf("host/internal/%s needs %s, which is not below it", p, below)
				}
			}
		}
	}
}

// TestPackagesOfTheHostAreSmall holds how many files a package of the host has, without its
// tests, for all systems together.
func TestPackagesOfTheHostAreSmall(t *testing.T) {
	const most = 20
	files := func(list string) (n int) {
		for _, name := range strings.Fields(list) {
			if !strings.HasSuffix(name, "_test.go") {
				n++
			}
		}
		return n
	}
	for line := range strings.Lines(goCommand(t, os.Environ(), "list", "-f", "{{.ImportPath}} {{join .GoFiles \" \"}} {{join .CgoFiles \" \"}} {{join .IgnoredGoFiles \" \"}}", "./host/...")) {
		path, list, _ := strings.Cut(line, " ")
		if n := files(list); n > most && path != module+"/host/hosttest" { // which is tests
			t.Errorf("%s has %d files, want at most %d", path, n, most)
		}
	}
}

// TestSizeOfTheProgram holds the size of the static program, without engines in C.
func TestSizeOfTheProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("it links the command")
	}
	const most = 25_000_000
	file := filepath.Join(t.TempDir(), "wasisock")
	goCommand(t, append(os.Environ(), "CGO_ENABLED=0"), "build", "-trimpath", "-ldflags=-s -w", "-o", file, "./cmd/wasisock")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%d bytes", info.Size()); info.Size() > most {
		t.Errorf("the program has %d bytes, want at most %d", info.Size(), most)
	}
}

// within reports whether a package is another or lies below it.
func within(pkg, of string) bool { return pkg == of || strings.HasPrefix(pkg, of+"/") }
