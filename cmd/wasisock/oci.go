package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/oci"
	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/internal/codecache"
)

const (
	// ociName is the name by which the program is the command oci.
	ociName = "wasisock-oci"

	ociFile  = "/etc/wasisock/oci.yaml"
	ociCache = "/var/lib/wasisock/cache"
)

// Where the node's files are in a container, and the container's root for its guest.
const (
	ociDir     = "/.wasisock"
	ociProgram = ociDir + "/wasisock"
	ociCode    = ociDir + "/code"
	ociRoot    = ociDir + "/root"
	ociRoots   = ociDir + "/tls-roots/roots.pem"
	ociTemp    = ociDir + "/tmp"
)

func ociCommand(s streams) *cli.Command {
	return &cli.Command{
		Name: "oci", Args: "[--config FILE] RUNTIME ARGUMENTS...", Short: "be an OCI runtime for images that hold only a guest",
		Long: "Is an OCI runtime that containerd, CRI-O and podman start in place of runc. A container whose program is a WebAssembly module is run by `wasisock run`, in a container that runc makes. " +
			"Every other container, and every command except create and run, is left to runc unchanged.\n\n" +
			"Under the name " + ociName + ", the program is `wasisock oci`: make a link with that name where a container engine wants the path of a runtime.\n\n" +
			"Flags of `wasisock run` come from " + ociFile + " and from the container's annotations that begin with `" + annotated + "`.",
		Examples: "ln -s wasisock /usr/local/bin/wasisock-oci\n" +
			"podman --runtime /usr/local/bin/wasisock-oci run --annotation wasisock.dev/listen=:80 app",
		Page: "`wasisock image --wasm-only` makes such images.\n\nThe node's file has the form of `wasisock help config`: flags of `wasisock run`, which every guest gets, and these keys:\n\n" +
			"    runtime: crun                 # name or path of the OCI runtime (default runc)\n" +
			"    program: /opt/wasisock        # a static wasisock, for containers (default this program)\n" +
			"    annotations: [listen, grace]  # flags that annotations may set (default all that are safe)\n\n" +
			"Only root and the user of this process may be able to write to the file and to the programs. `--config` in front of all other arguments names another file. " +
			"Without " + ociFile + ", the defaults apply.\n\n" +
			"These flags can be set by annotations: " + strings.Join(ociNames(ociPod), ", ") + ". Limits can be lowered alone, `allow` cannot be `all`, and `tls-roots` is `true`. Flags that may be repeated have a value on each line. " +
			"The node's file can set these besides: " + strings.Join(ociNames(ociNode), ", ") + ". `cache` is the directory of the node's compiled code (default " + ociCache + ", or `-` for none).\n\n" +
			"An error ends the command with exit code 125, and stands in the file of `--log`, where container engines look for it. Otherwise the exit code is that of the runtime. docs/containers.md has more.",
		Go: func(args []string) bool {
			return len(args) == 1 && slices.Contains([]string{"-h", "-help", "--help"}, args[0])
		},
		Run: func(l cli.Line) int { return runOCI(l.Args, s.stderr) },
	}
}

var become = oci.Become // a test refuses

// runOCI changes the container that the runtime's command line args is to make, if its program is a
// module, and becomes the runtime. It returns only after an error.
func runOCI(args []string, stderr io.Writer) int {
	file, args := ociConfig(args)
	line := oci.ParseLine(args)
	n, err := readNode(file)
	path := ""
	if err == nil {
		path, err = n.path()
	}
	if err == nil && line.Starts() {
		err = n.prepare(line.Bundle)
	}
	if err == nil { // does not return
		err = &fs.PathError{Op: "exec", Path: path, Err: become(path, append([]string{path}, args...), os.Environ())}
	}
	return failed(stderr, "%v", errors.Join(err, line.Report(err)))
}

// ociConfig returns the value of --config if args begin with it, and the other arguments.
func ociConfig(args []string) (file string, rest []string) {
	const flag = "--config"
	if len(args) > 1 && args[0] == flag {
		return args[1], args[2:]
	}
	if len(args) > 0 && strings.HasPrefix(args[0], flag+"=") {
		return strings.TrimPrefix(args[0], flag+"="), args[1:]
	}
	return "", args
}

// prepare changes the container of a bundle if its program is a module.
func (n *ociSettings) prepare(bundle string) error {
	b, err := oci.Open(bundle)
	if err != nil {
		return err
	}
	module, err := b.Module()
	if module == nil {
		return err
	}
	defer module.Close()
	if err := n.usable(); err != nil {
		return err
	}
	given, err := n.flagsOf(b)
	if err != nil {
		return err
	}
	view, err := b.View(ociRoot)
	if err != nil {
		return err
	}
	bind := func(source, destination string) specs.Mount {
		return specs.Mount{Destination: destination, Type: "bind", Source: source, Options: []string{"rbind", "ro", "nosuid", "nodev"}}
	}
	// Root can be read-only, and wasisock may have to compile.
	temp := specs.Mount{Destination: ociTemp, Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "mode=1777"}}
	own := []specs.Mount{view[0], bind(n.program, ociProgram), temp}
	roots, err := rootsOf(given)
	if err != nil {
		return err
	}
	if roots != "" {
		own = append(own, bind(roots, ociRoots))
		given["tls-roots"] = []string{ociRoots}
	}
	flags, env := environment(b.Spec.Process)
	args := append(n.lineOf(given), flags...)
	args = append(append(args, module.Path), b.Spec.Process.Args[1:]...)
	if o, err := imageFlags(args); err != nil {
		return err
	} else if err := o.validate(); err != nil {
		return err
	}
	if err := b.Reserve(ociDir, append(own, bind("", ociCode))); err != nil {
		return err
	}
	code, err := n.codeOf(b, module, given)
	if err != nil {
		return err
	}
	cache := codecache.Off
	if code != "" {
		cache, own = ociCode, append(own, bind(code, ociCode))
	}
	args = append([]string{ociProgram, "run", "--dir=" + ociRoot + ":/", "--cache=" + cache}, args...)
	return b.Change(args, env, append(own, view[1:]...))
}

// flagsOf returns the flags of the node's file, and over them those of the container's annotations.
func (n *ociSettings) flagsOf(b *oci.Bundle) (cli.Given, error) {
	flags := ociFlags(newRunOptions())
	pod, err := fromAnnotations(flags, b.Spec.Annotations, n.given, n.annotations)
	if err != nil {
		return nil, err
	}
	given := n.given.Over(flags, pod)
	if own := n.given["tls-roots"]; slices.Equal(given["tls-roots"], []string{"true"}) && len(own) > 0 && own[0] != "false" {
		given["tls-roots"] = own // the node's certificates are those of its file
	}
	return given, shareMemory(b.Spec.Linux, given)
}

// shareMemory sets the limit of the guest's memory from that of its container, unless a size is
// given: in the container, its cgroup may not be visible.
func shareMemory(l *specs.Linux, given cli.Given) error {
	auto := slices.Equal(given["max-memory"], []string{options.AutoMemory})
	if given["max-memory"] != nil && !auto || l == nil || l.Resources == nil || l.Resources.Memory == nil {
		return nil
	}
	limit := l.Resources.Memory.Limit
	if limit == nil || *limit <= 0 {
		return nil
	}
	n, ok := options.ShareOfGuests(uint64(*limit))
	switch {
	case ok:
		instances := 1
		if v := given["instances"]; len(v) > 0 {
			instances, _ = strconv.Atoi(v[0]) // it has been checked
		}
		given["max-memory"] = []string{strconv.FormatUint(n/uint64(instances), 10)}
	case auto:
		return fmt.Errorf("max-memory: the memory limit of the container, %d bytes, is too low; raise it to 128M, or write a size such as 64M", *limit)
	}
	return nil
}

// lineOf returns flags as arguments, without those that are about files of the node.
func (n *ociSettings) lineOf(given cli.Given) (args []string) {
	on := func(name string) bool { return slices.Equal(given[name], []string{"true"}) }
	allowed := on("allow-all") || on("learn") // rules that allow would be refused
	for _, rule := range n.rules {
		if denied, ok := strings.CutPrefix(rule, "deny "); ok {
			args = append(args, "--deny="+denied)
		} else if !allowed {
			args = append(args, "--allow="+rule)
		}
	}
	for _, f := range newRunOptions().flags() {
		if slices.Contains([]string{"policy", "cache", "cache-size"}, f.Name) || f.Name == "allow" && allowed {
			continue
		}
		for _, v := range given[f.Name] {
			args = append(args, "--"+f.Name+"="+v)
		}
	}
	return args
}

// environment returns the flags that give the guest the variables of its container and the working
// directory, which a guest takes from PWD, and the environment of wasisock in the container. Values
// are not in the flags where wasisock has them too, since other users can read its command line.
func environment(p *specs.Process) (flags, env []string) {
	const temp = "TMPDIR="
	for _, v := range p.Env {
		name, _, ok := strings.Cut(v, "=")
		switch {
		case !ok || name == "" || name == "PWD":
		case strings.HasPrefix(v, temp):
			flags = append(flags, "--env="+v)
		default:
			flags, env = append(flags, "--env="+name), append(env, v)
		}
	}
	return append(flags, "--env=PWD="+cmp.Or(p.Cwd, "/")), append(env, temp+ociTemp)
}

// rootsOf returns the file of the certificates that the guest gets, or "".
func rootsOf(given cli.Given) (string, error) {
	v := given["tls-roots"]
	delete(given, "tls-roots")
	switch {
	case len(v) == 0 || v[0] == "false":
		return "", nil
	case v[0] != "true":
		return v[0], nil
	}
	file, err := options.Bundle()
	if err != nil {
		return "", fmt.Errorf("tls-roots: %w by tls-roots in %s", err, ociFile)
	}
	return file, nil
}

// codeOf returns the directory of the module's compiled code, or "" if the container is to compile
// the module.
func (n *ociSettings) codeOf(b *oci.Bundle, module *oci.Module, given cli.Given) (string, error) {
	if l := b.Spec.Linux; l != nil && slices.ContainsFunc(l.Namespaces, func(s specs.LinuxNamespace) bool { return s.Type == specs.UserNamespace }) {
		return "", nil // root's directory has no owner there, whom wasisock could trust
	}
	code := oci.Code{Dir: ociCache, Size: n.cacheSize, Program: n.program, Timeout: n.compileTimeout}
	if dir := given["cache"]; len(dir) > 0 {
		code.Dir = dir[0]
	}
	for _, name := range []string{"engine", "interruptible", "rewrite", "compile-memory"} {
		for _, v := range given[name] {
			code.Args = append(code.Args, "--"+name+"="+v)
		}
	}
	code.Args = append(code.Args, "--compile-timeout="+n.compileTimeout.String())
	return code.Of(context.Background(), module)
}

// ociNames returns the flags that have a right, in alphabetical order.
func ociNames(right ociRight) (names []string) {
	for name, r := range ociRights {
		if r == right {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
