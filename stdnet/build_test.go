package stdnet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program is a program that uses all that the overlay touches.
const program = `package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Println(http.ListenAndServe(os.Args[1], nil), syscall.Errno(1))
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	c, err := net.Dial("tcp", ln.Addr().String())
	fmt.Println("dialled:", err == nil && c.RemoteAddr().String() == ln.Addr().String())
}
`

// module writes program as a module that asks for a version of Go, with a test.
func module(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":       "module example.com/program\n\ngo " + version + "\n",
		"main.go":      program,
		"main_test.go": "package main\n\nimport \"testing\"\n\nfunc Test(t *testing.T) { main() }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestOtherBuilds builds with the overlay in GOFLAGS for systems that it does not
// serve, and vets for the one that it does.
func TestOtherBuilds(t *testing.T) {
	o := made(t)
	dir := module(t, "1.24")
	overlay := "GOFLAGS=-overlay=" + o.File
	native := []string{"CGO_ENABLED=0", "GOROOT=" + o.GOROOT, "GOTOOLCHAIN=local"}
	var built [2][]byte
	for i, flags := range []string{"GOFLAGS=", overlay} {
		file := filepath.Join(dir, "built")
		goBuild(t, o.Go(), append(native, flags), "build", "-C", dir, "-o", file, ".")
		var err error
		if built[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(built[0], built[1]) {
		t.Error("the overlay changes a native program")
	}
	js := []string{"GOOS=js", "GOARCH=wasm", "GOROOT=" + o.GOROOT, "GOTOOLCHAIN=local", overlay}
	goBuild(t, o.Go(), js, "vet", "-C", dir, ".")
	goBuild(t, o.Go(), js, "build", "-C", dir, "-o", os.DevNull, ".")
	goBuild(t, o.Go(), append(o.Env(), overlay), "vet", "-C", dir, ".")
}

// names writes a file that uses all that package syscall has on Linux.
func names(t *testing.T, dir, goroot string) {
	t.Helper()
	g := generator{src: os.DirFS(filepath.Join(goroot, "src"))}
	linux := g.declarations("linux", "amd64")
	if g.err != nil {
		t.Fatal(g.err)
	}
	var b strings.Builder
	b.WriteString("//go:build wasip1\n\npackage main\n\nimport \"syscall\"\n\n")
	n := 0
	for _, name := range linux.types.Scope().Names() {
		object := linux.types.Scope().Lookup(name)
		if !object.Exported() {
			continue
		}
		n++
		_, constant := object.(*types.Const)
		switch _, isType := object.(*types.TypeName); {
		case isType:
			fmt.Fprintf(&b, "var _ syscall.%s\n", name)
		case constant:
			fmt.Fprintf(&b, "const _ = syscall.%s\n", name)
		case name == "ForkLock": // a lock, which is not copied
			fmt.Fprintf(&b, "var _ = &syscall.%s\n", name)
		default:
			fmt.Fprintf(&b, "var _ = syscall.%s\n", name)
		}
	}
	b.WriteString("var _ = syscall.SysProcAttr{Setpgid: true, Pdeathsig: 9}\nvar _ = syscall.Stat_t{}.Mtim\nvar _ = syscall.Rusage{}.Maxrss\n")
	if n < 2000 {
		t.Errorf("package syscall has only %d names on Linux", n)
	}
	if err := os.WriteFile(filepath.Join(dir, "names.go"), []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestNames compiles a program that uses what package syscall has on Linux.
func TestNames(t *testing.T) {
	o := made(t)
	dir := module(t, "1.24")
	names(t, dir, o.GOROOT)
	goBuild(t, o.Go(), o.Env(), "build", "-C", dir, "-overlay", o.File, "-o", os.DevNull, ".")
}

// TestVersions builds and runs with each Go that WASISOCK_GO_VERSIONS names, such as
// go1.24.9, which the go command downloads: beneath GOMODCACHE, where the overlay needs
// a GOROOT of links.
func TestVersions(t *testing.T) {
	versions := strings.FieldsFunc(os.Getenv("WASISOCK_GO_VERSIONS"), func(r rune) bool { return r == ' ' || r == ',' })
	if len(versions) == 0 {
		t.Skip("WASISOCK_GO_VERSIONS names no versions of Go; make test-engines does")
	}
	host := hostCommand(t)
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			cmd := exec.Command("go", "env", "-json", "GOROOT", "GOMODCACHE")
			cmd.Dir = t.TempDir()
			cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+version)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			var env environment
			if err := json.Unmarshal(out, &env); err != nil {
				t.Fatal(err)
			}
			dir := module(t, strings.TrimPrefix(version, "go"))
			o, err := Make(context.Background(), Config{Go: filepath.Join(env.GOROOT, "bin", "go"), Dir: dir, Cache: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			if o.Version != version || o.Linked != within(env.GOMODCACHE, env.GOROOT) {
				t.Fatalf("the overlay is %+v", o)
			}
			names(t, dir, o.GOROOT)
			guest := filepath.Join(dir, "guest.wasm")
			goBuild(t, o.Go(), o.Env(), "vet", "-C", dir, "-overlay", o.File, ".")
			goBuild(t, o.Go(), o.Env(), "test", "-C", dir, "-overlay", o.File, "-c", "-o", guest, ".")
			if got := goBuild(t, host, nil, "run", "--allow-all", guest); !strings.Contains(got, "dialled: true") {
				t.Errorf("it says %s", got)
			}
		})
	}
}
