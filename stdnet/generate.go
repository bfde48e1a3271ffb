package stdnet

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/wasisock/wasisock"
)

// std is our own files, below the directory that is src in GOROOT.
//
//go:embed all:_std
var std embed.FS

// An edit replaces text that must stand in a file exactly once, or as often as times says.
type edit struct {
	old, new string
	times    int
}

// renamed gives a function of Go's another name, since ours has its own.
func renamed(old, new string) edit {
	return edit{old: "\nfunc " + old + "(", new: "\nfunc " + new + "("}
}

// generate is the files of the overlay, by their paths below src. One without text is
// removed.
func generate(src fs.FS) (map[string][]byte, error) {
	g := generator{src: src, files: map[string][]byte{}}
	g.own()
	g.abi()

	g.patch("runtime/lock_wasip1.go",
		edit{old: "\nfunc checkTimeouts() {}\n", new: "\n"},
		renamed("notetsleepg", "notetsleepgBusy"))
	g.split("runtime/os_wasm.go", "runtime/os_wasm_wasip1.go",
		edit{old: "\nconst _NSIG = 0\n", new: "\nconst wasmNSIG = 0\n"},
		renamed("signame", "wasmSigname"),
		renamed("sigdisable", "wasmSigdisable"),
		renamed("sigenable", "wasmSigenable"),
		renamed("sigignore", "wasmSigignore"))
	g.patch("runtime/os_wasip1.go",
		renamed("exit", "hostExit"),
		renamed("nanotime1", "hostNanotime"),
		renamed("walltime", "hostWalltime"))

	g.onlyJS("syscall/net_fake.go")
	const (
		unreachable = "\n\tif dirFd == -1 {\n\t\treturn ENOENT\n\t}"
		eitherOne   = "\n\tif oldDirFd == -1 || newDirFd == -1 {\n\t\treturn ENOENT\n\t}"
	)
	g.patch("syscall/fs_wasip1.go",
		renamed("Chmod", "chmodFile"),
		renamed("Close", "closeFile"),
		renamed("Fstat", "fstatFile"),
		renamed("Pipe", "noPipe"),
		renamed("Read", "readFile"),
		renamed("Seek", "seekFile"),
		renamed("Write", "writeFile"),
		renamed("fd_fdstat_get_flags", "fileFlags"),
		edit{old: "\n//go:linkname fd_fdstat_get_flags\n", new: "\n"},
		edit{old: "name: string(dirNameBuf[:prestat.dir.prNameLen]),", new: "name: directoryName(string(dirNameBuf[:prestat.dir.prNameLen])),"},
		edit{old: " && stringslite.HasPrefix(path, p.name) {", new: " && holds(p.name, path) {"},
		edit{old: " := preparePath(path)\n\terrno := path_", new: " := preparePath(path)" + unreachable + "\n\terrno := path_", times: 6},
		edit{old: " := preparePath(path)\n\tatime := ", new: " := preparePath(path)" + unreachable + "\n\tatime := "},
		edit{old: " := preparePath(path)\n\treturn openat(", new: " := preparePath(path)\n\tif dirFd == -1 {\n\t\treturn -1, ENOENT\n\t}\n\treturn openat("},
		edit{old: " := preparePath(path)\n\tvar nwritten ", new: " := preparePath(path)\n\tif dirFd == -1 {\n\t\treturn 0, ENOENT\n\t}\n\tvar nwritten "},
		edit{old: " := preparePath(to)\n", new: " := preparePath(to)" + eitherOne + "\n"},
		edit{old: "newPathLen := preparePath(link)\n", new: "newPathLen := preparePath(link)" + eitherOne + "\n"},
		edit{old: "pathlen := preparePath(link)\n", new: "pathlen := preparePath(link)" + unreachable + "\n"},
		edit{old: "\t\trights = fileRights & ^writeRights\n", new: "\t\trights = fileRights & ^openWriteRights\n"},
		edit{old: "fdflags == 0 && ((rights & writeRights) == 0) {", new: "fdflags == 0 && ((rights & openWriteRights) == 0) {"},
		edit{old: "\tGid uint32\n}\n", new: "\tGid uint32\n\n\tlinuxStat\n}\n"},
		edit{old: "\nfunc setDefaultMode(st *Stat_t) {\n", new: "\nfunc setDefaultMode(st *Stat_t) {\n\tst.linuxStat.set(st)\n"},
		renamed("path_open", "hostOpen"))
	g.patch("syscall/syscall_wasip1.go",
		edit{old: "\tProcExit(128 + int32(signum))\n", new: "\tif !raise(uint32(signum)) {\n\t\tProcExit(128 + int32(signum))\n\t}\n"},
		renamed("SetNonblock", "setNonblock"),
		edit{old: "\ntype Rusage struct {\n\tUtime Timeval\n\tStime Timeval\n}\n", new: "\n"},
		edit{old: "\ntype SysProcAttr struct {\n}\n", new: "\n"},
		edit{old: "return e == ENOSYS\n", new: "return e == ENOSYS || e == ENOTSUP\n"},
		edit{old: "e == EMFILE || e.Timeout()\n", new: "e == EMFILE || e == ENFILE || e.Timeout()\n"})
	g.patch("syscall/tables_wasip1.go",
		edit{old: "\nvar errorstr = [...]string{\n", new: "\nvar _ = [...]string{\n"})
	g.names()

	g.files["os/pipe_wasm.go"] = g.build("os/pipe_wasm.go", g.read("os/pipe_wasm.go"), "wasm", "js")
	g.clone("time/zoneinfo_unix.go", "time/zoneinfo_wasip1.go")
	g.onlyJS("net/interface_stub.go")

	g.onlyJS("net/net_fake.go")
	g.onlyJS("net/fd_fake.go")
	g.onlyJS("net/sockopt_fake.go")
	g.onlyJS("net/tcpsockopt_stub.go")
	g.remove("net/fd_wasip1.go")
	g.clone("net/fd_posix.go", "net/socket_fd_wasip1.go",
		edit{old: "\n\traddr       Addr\n}\n", new: "\n\traddr       Addr\n\n\tresolver *hostResolver\n\tover     bool // accepting was refused for good\n}\n"},
		edit{old: "\nfunc (fd *netFD) Read(p []byte) ", new: "\nfunc (fd *netFD) hostRead(p []byte) "},
		edit{old: "\nfunc (fd *netFD) Write(p []byte) ", new: "\nfunc (fd *netFD) hostWrite(p []byte) "})
	g.clone("net/fd_unix.go", "net/socket_unix_wasip1.go",
		edit{old: " := fd.pfd.Accept()\n", new: " := fd.hostAccept()\n"},
		edit{old: "\nfunc (fd *netFD) dup() ", new: "\nfunc (fd *netFD) unixDup() "})
	g.clone("net/sock_posix.go", "net/socket_posix_wasip1.go",
		edit{old: "\nfunc socket(ctx context.Context, ", new: "\nfunc hostSocket(ctx context.Context, "})
	return g.files, g.err
}

// A generator collects the files of an overlay, until the first error.
type generator struct {
	src   fs.FS
	files map[string][]byte
	err   error
}

func (g *generator) fail(name, format string, args ...any) {
	if g.err == nil {
		g.err = fmt.Errorf("src/%s: "+format, append([]any{name}, args...)...)
	}
}

// sockabi is a package of the standard library in a directory that has Go files of
// another system alone. One of its own will not do: where GOROOT is made of links, the
// go command knows no package whose directory is not there, and vet never does.
const abiDirectory = "internal/syscall/windows/registry"

// own takes our own files over.
func (g *generator) own() {
	const root = "_std"
	fs.WalkDir(std, root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var text []byte
			text, err = std.ReadFile(name)
			g.files[strings.TrimPrefix(name, root+"/")] = bytes.Replace(text, []byte(`"internal/sockabi"`), []byte(`sockabi "`+abiDirectory+`"`), 1)
		}
		if err != nil {
			g.fail(name, "%w", err)
		}
		return nil
	})
}

// abi takes sockabi over, and hotcold as a part of it.
func (g *generator) abi() {
	g.read(abiDirectory + "/zsyscall_windows.go") // the directory is there
	names, err := fs.Glob(wasisock.ABI, "sockabi/*.go")
	if err != nil {
		g.fail(abiDirectory, "%w", err)
	}
	for _, name := range append(names, "internal/hotcold/hotcold.go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := wasisock.ABI.ReadFile(name)
		if err != nil {
			g.fail(name, "%w", err)
		}
		text = bytes.Replace(text, []byte("\npackage hotcold\n"), []byte("\npackage sockabi\n"), 1)
		g.files[path.Join(abiDirectory, "sockabi_"+strings.TrimSuffix(path.Base(name), ".go")+"_wasip1.go")] = text
	}
}

func (g *generator) read(name string) []byte {
	text, err := fs.ReadFile(g.src, name)
	if err != nil {
		g.fail(name, "%w", err)
	}
	return text
}

// build puts a constraint in the place of one.
func (g *generator) build(name string, text []byte, from, to string) []byte {
	line := func(constraint string) []byte { return []byte("\n//go:build " + constraint + "\n") }
	if g.err == nil && bytes.Count(text, line(from)) != 1 {
		g.fail(name, "it is not of the build constraint %q", from)
	}
	return bytes.Replace(text, line(from), line(to), 1)
}

// onlyJS withdraws a file of the fake network from wasip1.
func (g *generator) onlyJS(name string) {
	g.files[name] = g.build(name, g.read(name), "js || wasip1", "js")
}

// split leaves a file of wasm without a build constraint to js, and compiles it for wasip1
// under another name.
func (g *generator) split(name, as string, edits ...edit) {
	const end = "\n\npackage "
	text := g.read(name)
	if g.err == nil && (bytes.Contains(text, []byte("\n//go:build ")) || bytes.Count(text, []byte(end)) != 1) {
		g.fail(name, "it has a build constraint, or no package")
	}
	g.files[name] = bytes.Replace(text, []byte(end), []byte("\n//go:build js"+end), 1)
	g.files[as] = g.edited(name, text, edits)
}

func (g *generator) remove(name string) {
	g.read(name)
	g.files[name] = nil
}

func (g *generator) patch(name string, edits ...edit) {
	g.files[name] = g.edited(name, g.read(name), edits)
}

// clone compiles a file of unix for wasip1 too, under another name.
func (g *generator) clone(name, as string, edits ...edit) {
	text := g.read(name)
	for _, constraint := range []string{"unix || windows", "unix", "unix && !ios && !android"} {
		if bytes.Contains(text, []byte("\n//go:build "+constraint+"\n")) {
			text = g.build(name, text, constraint, "wasip1")
		}
	}
	if g.err == nil && !bytes.Contains(text, []byte("\n//go:build wasip1\n")) {
		g.fail(name, "it has no build constraint for unix")
	}
	g.files[as] = g.edited(name, text, edits)
}

func (g *generator) edited(name string, text []byte, edits []edit) []byte {
	for _, e := range edits {
		if n := bytes.Count(text, []byte(e.old)); g.err == nil && n != max(e.times, 1) {
			g.fail(name, "%q stands there %d times", e.old, n)
		}
		text = bytes.ReplaceAll(text, []byte(e.old), []byte(e.new))
	}
	return text
}
