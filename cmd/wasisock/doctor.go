package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/confine"
	engines "github.com/wasisock/wasisock/cmd/internal/engine"
	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/cmd/internal/terminal"
	"github.com/wasisock/wasisock/cmd/internal/wasmedge"
	"github.com/wasisock/wasisock/host"
	engine "github.com/wasisock/wasisock/host/wasmedge"
	"github.com/wasisock/wasisock/host/wasmtime"
	"github.com/wasisock/wasisock/host/wazero"
	"github.com/wasisock/wasisock/internal/codecache"
	"github.com/wasisock/wasisock/stdnet"
)

func doctorCommand(s streams) *cli.Command {
	var asJSON bool
	return &cli.Command{
		Name: "doctor", Short: "check what this machine has and lacks",
		Long: "Prints what wasisock finds on this machine, and what to do where something is missing: the Go command and whether it can build with a real network, engines, " +
			"caches, whether the kernel lets `wasisock run` confine itself, the limit on open files, IPv6, and the certificates for TLS.",
		Examples: "wasisock doctor\nwasisock doctor --json",
		Page: "The output is a table: what was checked, its state, and what was found. The state is `ok`, `note` for what is only absent and not needed by all, or `broken`. " +
			"A line with `remedy` in place of the state follows what is not `ok`, if something can be done about it.\n\n" +
			"`--json` prints an array of objects, one for each line of the table, with the texts `check`, `state`, `found` and, if there is one, `remedy`:\n\n" +
			"    [{\"check\": \"IPv6\", \"state\": \"ok\", \"found\": \"[::1] works\"}]\n\n" +
			"The exit code is 0, or 1 if something is broken.",
		Flags: []cli.Flag{{Name: "json", Short: "print JSON in place of a table", Set: cli.Switch(&asJSON)}},
		Words: true,
		Run: func(l cli.Line) int {
			if len(l.Args) > 0 {
				return failed(s.stderr, "doctor takes no arguments; write wasisock doctor")
			}
			p := examine()
			if asJSON {
				p.printJSON(s.stdout)
			} else {
				p.printTable(s.stdout)
			}
			if p.broken() {
				return 1
			}
			return 0
		},
	}
}

// A finding is the result of one check.
type finding struct {
	Check  string `json:"check"`
	State  string `json:"state"`
	Found  string `json:"found"`
	Remedy string `json:"remedy,omitempty"`
}

// The states of a finding.
const (
	stateOK     = "ok"
	stateNote   = "note"   // something is missing that not everybody needs
	stateBroken = "broken" // something does not work
)

// A patient holds the findings of doctor.
type patient []finding

// add adds a finding. As in all messages, a remedy follows the first semicolon.
func (p *patient) add(check, state, text string) {
	found, remedy, _ := strings.Cut(strings.Join(strings.Fields(text), " "), "; ")
	*p = append(*p, finding{check, state, found, remedy})
}

func (p *patient) ok(check, format string, args ...any) {
	p.add(check, stateOK, fmt.Sprintf(format, args...))
}

func (p *patient) note(check, format string, args ...any) {
	p.add(check, stateNote, fmt.Sprintf(format, args...))
}

func (p *patient) bad(check, format string, args ...any) {
	p.add(check, stateBroken, fmt.Sprintf(format, args...))
}

func (p patient) broken() bool {
	return slices.ContainsFunc(p, func(f finding) bool { return f.State == stateBroken })
}

// examine makes all checks, and returns their findings.
func examine() (p patient) {
	ctx := context.Background()
	p.golang(ctx)
	p.wazero(ctx)
	p.wasmtime(ctx)
	p.builtIn(ctx)
	p.auto()
	p.wasmEdge(ctx)
	p.caches()
	p.confinement(runtime.GOOS, confine.ABI())
	p.descriptors()
	p.ipv6()
	p.roots()
	return p
}

func (p patient) printJSON(w io.Writer) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	e.Encode(p)
}

// styles holds the style of each state on a terminal.
var styles = map[string]terminal.Style{stateOK: terminal.Green, stateNote: terminal.Yellow, stateBroken: terminal.Red}

func (p patient) printTable(w io.Writer) {
	paint := terminal.Painter(w)
	width := len("CHECK")
	for _, f := range p {
		width = max(width, len(f.Check))
	}
	row := func(style terminal.Style, check, state, text string) {
		fmt.Fprintf(w, "%-*s  %s  %s\n", width, check, paint(style, fmt.Sprintf("%-6s", state)), text)
	}
	row(terminal.Dim, "CHECK", "STATE", "FOUND")
	for _, f := range p {
		row(styles[f.State], f.Check, f.State, f.Found)
		if f.Remedy != "" {
			row(terminal.Dim, "", "remedy", f.Remedy)
		}
	}
}

func (p *patient) golang(ctx context.Context) {
	o, err := stdnet.Make(ctx, stdnet.Config{})
	if err != nil {
		p.bad("Go", "%v", err)
		return
	}
	links := ""
	if o.Linked {
		links = ", by links"
	}
	p.ok("Go", "%s in %s%s", o.Version, o.GOROOT, links)
}

// smallest is a module that returns at once.
const smallest = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x04\x01\x02\x00\x0b"

func (p *patient) wazero(ctx context.Context) {
	module, err := wazero.Compile(ctx, []byte(smallest), wazero.Config{CacheDir: wazero.CacheOff})
	if err == nil {
		defer module.Close()
		err = host.Command(module).Run(ctx)
	}
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		p.bad("wazero", "%s: guests cannot run on %s; use Linux or macOS, or WasmEdge", engineVersion(), runtime.GOOS)
	case err != nil:
		p.bad("wazero", "%s: a guest that does nothing ends with: %v; let programs make code at run time: see SELinux and seccomp", engineVersion(), err)
	default:
		p.ok("wazero", "%s, built in", engineVersion())
	}
}

// withWasmtime is the command that installs wasisock with wasmtime, in wasisock's source.
const withWasmtime = "go install -tags wasmtime ./cmd/wasisock"

func (p *patient) wasmtime(ctx context.Context) {
	if wasmtime.Version() == "" {
		p.note("wasmtime", "not built in: guests run faster with it; in wasisock's source, with a C compiler: %s", withWasmtime)
		return
	}
	module, err := wasmtime.Compile(ctx, []byte(smallest), wasmtime.Config{CacheDir: wasmtime.CacheOff})
	if err == nil {
		defer module.Close()
		err = host.Command(module).Run(ctx)
	}
	if err != nil {
		p.bad("wasmtime", "%s: a guest that does nothing ends with: %v; use --engine wazero", wasmtime.Version(), err)
	} else {
		p.ok("wasmtime", "%s, built in", wasmtime.Version())
	}
}

// auto reports which engine --engine auto chooses.
func (p *patient) auto() {
	kind, why := new(engines.Engine).Choose()
	p.ok("engine", "guests run on %s: %s", kind, why)
}

// builtIn checks whether --engine wasmedge works.
func (p *patient) builtIn(ctx context.Context) {
	const how = `eval "$(scripts/get-wasmedge.sh --cgo-env 0.14)"; go install -tags wasmedge ./cmd/wasisock`
	if engine.Version() == "" {
		p.note("libwasmedge", "not built in: --engine wasmedge needs it; in wasisock's source: %s", how)
		return
	}
	version := engine.Version() + ", built in"
	if err := embedded(ctx, engine.AOTOff); err != nil {
		p.bad("libwasmedge", "%s: %v; in wasisock's source: %s", version, err, how)
	} else if err := embedded(ctx, engine.AOTWait); err != nil {
		p.note("libwasmedge", "%s: it interprets, and cannot compile: %v; for one that can, in wasisock's source: %s", version, err, how)
	} else {
		p.ok("libwasmedge", "%s: it compiles ahead of time", version)
	}
}

// embedded runs a guest on the WasmEdge that is built in.
func embedded(ctx context.Context, aot engine.AOT) error {
	module, err := engine.Compile(ctx, []byte(smallest), engine.Config{AOT: aot, CacheDir: engine.CacheOff})
	if err != nil {
		return err
	}
	defer module.Close()
	return host.Command(module).Run(ctx)
}

func (p *patient) wasmEdge(ctx context.Context) {
	for _, w := range wasmedge.All(ctx) {
		if w.Err != nil {
			p.bad("wasmedge", "%v", w.Err)
		} else {
			p.ok("wasmedge", "%s: %s, from %s", w.Version, w.Path, w.From)
		}
	}
	for _, minor := range wasmedge.Minors {
		if _, err := wasmedge.Find(ctx, minor); err != nil && os.Getenv(wasmedge.Variable(minor)) == "" {
			p.note("wasmedge", "%v", err)
		}
	}
}

func (p *patient) caches() {
	bounded := fmt.Sprintf(", at most %.0f MB (--cache-size)", float64(codecache.DefaultSize)/1e6)
	for _, c := range []struct{ name, what, limit string }{
		{".", "all caches", ""},
		{"overlay", "overlays", ""},
		{"goroot", "links to Go", ""},
		{"wazero", "code for wazero", bounded},
		{"wasmtime", "code for wasmtime", bounded},
		{"aot", "code for WasmEdge", bounded},
	} {
		dir, err := codecache.Dir(c.name)
		if err != nil {
			p.bad("cache", "%v; set HOME or XDG_CACHE_HOME", err)
			return
		}
		err = codecache.MakeDir(dir)
		if err == nil {
			err = writable(dir)
		}
		switch {
		case err != nil:
			p.bad("cache", "%v; make it writable, or name another directory in XDG_CACHE_HOME", err)
			if c.name == "." { // none of the others can be made
				return
			}
		case codecache.Check(dir) != nil:
			p.bad("cache", "%v", codecache.Check(dir))
		default:
			p.ok("cache", "%s, %s: %.1f MB%s", dir, c.what, float64(codecache.Size(dir))/1e6, c.limit)
		}
	}
}

func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// confinement reports how far wasisock run can confine itself on the system goos, whose kernel
// has version abi of Landlock's ABI.
func (p *patient) confinement(goos string, abi int) {
	switch {
	case goos != "linux":
		p.note("confinement", "wasisock run confines itself on Linux alone; run it in a container or sandbox")
	case abi < confine.MinABI:
		p.note("confinement", "no_new_privs alone, since the kernel has version %d of Landlock's ABI and %d is needed; use Linux 5.19 or later, "+
			"add landlock to its parameter lsm=, or let the container's seccomp profile allow landlock_create_ruleset", abi, confine.MinABI)
	case abi < confine.PortsABI:
		p.note("confinement", "no_new_privs and Landlock (ABI %d): files, and not the ports of TCP; use Linux 6.7 or later for those", abi)
	default:
		p.ok("confinement", "no_new_privs and Landlock (ABI %d): files and the ports of TCP", abi)
	}
}

// descriptors checks the limit on open files. It asks a shell: Go's runtime has raised the limit
// of this process, and gives the processes that it starts the original one.
func (p *patient) descriptors() {
	out, err := exec.Command("/bin/sh", "-c", "ulimit -Sn; ulimit -Hn").Output()
	limits := strings.Fields(string(out))
	if err != nil || len(limits) != 2 {
		return // not unix
	}
	const few = 4096
	isFew := func(limit string) bool {
		n, err := strconv.Atoi(limit) // fails for "unlimited"
		return err == nil && n < few
	}
	switch soft, hard := limits[0], limits[1]; {
	case isFew(hard):
		p.note("open files", "at most %s, so a guest can have few sockets; raise it in /etc/security/limits.conf, or for a container with --ulimit nofile=65536", hard)
	case isFew(soft):
		p.note("open files", "%s, which wasisock raises to %s by itself; for WasmEdge: ulimit -n %[2]s", soft, hard)
	default:
		p.ok("open files", "%s, at most %s", soft, hard)
	}
}

func (p *patient) ipv6() {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		p.note("IPv6", "%v: guests that use IPv4 work; to enable it see sysctl net.ipv6.conf.all.disable_ipv6", err)
		return
	}
	l.Close()
	p.ok("IPv6", "[::1] works")
}

func (p *patient) roots() {
	file, err := options.Bundle()
	if err != nil {
		p.note("certificates", "--tls-roots needs some: %v", err)
		return
	}
	text, err := os.ReadFile(file)
	if err != nil {
		p.bad("certificates", "%v; correct SSL_CERT_FILE", err)
		return
	}
	p.ok("certificates", "%s, %d", file, bytes.Count(text, []byte("BEGIN CERTIFICATE")))
}
