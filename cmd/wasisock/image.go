package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/engine"
	"github.com/wasisock/wasisock/cmd/internal/image"
	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/cmd/internal/supervisor"
)

// An imageOptions holds the flags of wasisock image.
type imageOptions struct {
	output, push, tag string
	platform          *v1.Platform // nil: that of the program
	program           string       // the file of wasisock for the image; "" means this one
	engine            engine.Kind
	wasmOnly          bool
	labels            map[string]string
}

// Where things are in an image.
const (
	imageProgram = "/wasisock"
	imageCode    = "/code"
	imageRoots   = "/etc/ssl/certs/ca-certificates.crt"
	imageUsers   = "/etc/passwd"
	imageSBOM    = "/sbom.cdx.json"
	imageUser    = "65534"
)

func imageCommand(s streams) *cli.Command {
	o := imageOptions{labels: map[string]string{}}
	engines := []string{"auto", "wazero", "wasmtime"}
	kinds := []engine.Kind{engine.Auto, engine.Wazero, engine.Wasmtime}
	return &cli.Command{
		Name: "image", Args: "[FLAGS] GUEST.wasm|PACKAGE|FILE.go... [RUN FLAGS] [ARGUMENTS]",
		Short: "make a container image of a guest",
		Long: "Makes an OCI image that runs a guest: `wasisock run` with RUN FLAGS is its entrypoint, and ARGUMENTS are its command. wasisock builds a package or Go files first, as `wasisock run` does. " +
			"The image has nothing but wasisock, the guest, its compiled code, the certificates of this system's authorities and a list of the modules in both programs. " +
			"It runs as user 65534, on a read-only file system, without capabilities.",
		Examples: "wasisock image -o app.tar server.wasm --listen :8080 && podman load -i app.tar\n" +
			"wasisock image --push example.com/app:1.2 ./cmd/server --listen :8080 --health :9091\n" +
			"wasisock image --wasisock ./wasisock-arm64 -o app.tar server.wasm --listen :8080\n" +
			"wasisock image --wasm-only -o app.tar server.wasm     # for wasisock oci",
		Page: "Paths in RUN FLAGS are those in the container, such as that of a policy that is mounted there. `--env KEY` copies a variable of the container.\n\n" +
			"The same guest, wasisock and flags make the same bytes. Files are of 1970, or of the time in the environment variable SOURCE_DATE_EPOCH, in seconds since then. " +
			"The image has the labels of the OCI that the guest says something about: title, version and revision.\n\n" +
			"wasisock prints the image's name with its digest. The exit code is 0, or 126 if the file is not a guest, or 125 after another error.",
		Flags: []cli.Flag{
			{Name: "output", Letter: "o", Value: "FILE", Set: cli.Text(&o.output), Short: "write an archive for podman load, docker load or ctr images import",
				Long: "The archive is an OCI image layout."},
			{Name: "push", Value: "NAME", Set: cli.Text(&o.push), Short: "push the image to a registry",
				Long: "wasisock logs in as `docker login` or `podman login` has stored. A registry at localhost or 127.0.0.1 may speak plain HTTP."},
			{Name: "tag", Value: "NAME", Set: cli.Text(&o.tag), Short: "name the image in the archive",
				Long: "The default is the name of `--push`, or that of the guest: `localhost/server:latest` for server.wasm."},
			{Name: "platform", Value: "OS/ARCH", Short: "make the image for this platform", Set: func(v string) (err error) {
				if o.platform, err = v1.ParsePlatform(v); err == nil && (o.platform.OS == "" || o.platform.Architecture == "") {
					err = fmt.Errorf("invalid platform %q: want one such as linux/arm64", v)
				}
				return err
			}, Long: "The default is that of the program wasisock in the image. For another platform, name a program with `--wasisock`."},
			{Name: "wasisock", Value: "FILE", Set: cli.Text(&o.program), Short: "put this program wasisock into the image, in place of the running one",
				Long: "It must be static, which `CGO_ENABLED=0 go build` makes. If it is for another platform than this one, the image has no compiled code: the guest is compiled whenever a container starts."},
			{Name: "engine", Value: "NAME", Words: engines, Default: "auto", Short: "run the guest by wazero or wasmtime",
				Set: options.Choice(engines, func(i int) { o.engine = kinds[i] })},
			{Name: "wasm-only", Short: "put the guest alone into the image, for wasisock oci or WasmEdge", Set: cli.Switch(&o.wasmOnly),
				Long: "It runs by `wasisock oci`, and by a crun with WasmEdge, for which it has the annotation `module.wasm.image/variant=compat-smart`."},
			{Name: "label", Value: "KEY=VALUE", Many: true, Short: "add a label", Set: func(v string) error {
				key, value, ok := strings.Cut(v, "=")
				if !ok || key == "" {
					return fmt.Errorf("%q is not KEY=VALUE; write one such as org.opencontainers.image.source=https://example.com/app", v)
				}
				o.labels[key] = value
				return nil
			}},
		},
		Complete: []string{"wasm", "go"},
		Run:      func(l cli.Line) int { return o.run(l.Args, s) },
	}
}

func (o *imageOptions) run(args []string, s streams) int {
	err := o.make(args, s)
	var built *buildError
	var compiled *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &built):
		return built.code
	case errors.As(err, &compiled): // it has printed why
		return cmp.Or(compiled.ExitCode(), supervisor.ExitFailed)
	}
	return failed(s.stderr, "%v", err)
}

// make makes the image, writes and pushes it, and prints its name.
func (o *imageOptions) make(args []string, s streams) error {
	switch {
	case len(args) == 0:
		return errors.New("name a guest; see wasisock image --help")
	case o.output == "" && o.push == "":
		return errors.New("name a file for the image with -o, or a registry's image with --push")
	}
	n := sources(args)
	guests := max(n, 1)
	guest := programName(args[0])
	if n == 0 {
		guest = strings.TrimSuffix(filepath.Base(args[0]), ".wasm")
	}
	tag, err := name.NewTag(cmp.Or(o.tag, o.push, "localhost/"+strings.ToLower(guest)))
	if err != nil {
		return fmt.Errorf("%w; name the image with --tag", err)
	}
	created, err := sourceDate()
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "wasisock-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	file := args[0]
	if n > 0 {
		file = filepath.Join(temp, guest+".wasm")
		if code := buildTo(file, args[:n], s.stdin, s.stderr); code != 0 {
			return &buildError{code}
		}
	}
	wasm, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	of := image.Guest(guest+".wasm", wasm)
	spec := image.Spec{Created: created, Config: v1.Config{Labels: o.labelsOf(of)}}
	if o.wasmOnly {
		err = o.addGuestAlone(&spec, of, args[guests:])
	} else {
		err = o.addHost(&spec, of, file, temp, args[guests:], s.stderr)
	}
	if err != nil {
		return err
	}
	img, err := image.Build(spec)
	if err != nil {
		return err
	}
	return o.publish(img, tag, s.stdout)
}

// labelsOf returns the labels of an image: those that the guest has, and those of --label.
func (o *imageOptions) labelsOf(guest image.Program) map[string]string {
	labels := map[string]string{}
	for key, value := range map[string]string{
		"title": strings.TrimSuffix(guest.Name, ".wasm"), "version": guest.Version(), "revision": guest.Setting("vcs.revision"),
	} {
		if value != "" {
			labels["org.opencontainers.image."+key] = value
		}
	}
	maps.Copy(labels, o.labels)
	return labels
}

// addGuestAlone completes the image of --wasm-only.
func (o *imageOptions) addGuestAlone(spec *image.Spec, guest image.Program, args []string) error {
	if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		return fmt.Errorf("%s is a flag of wasisock run, which is not in an image of --wasm-only; leave one of them out", args[0])
	}
	if o.program != "" || o.engine != engine.Auto {
		return errors.New("--wasisock and --engine are for an image with wasisock; leave them or --wasm-only out")
	}
	spec.Platform = v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	if o.platform != nil {
		spec.Platform = *o.platform
	}
	at := "/" + guest.Name
	spec.Config.Entrypoint, spec.Config.Cmd = []string{at}, args
	spec.Config.User, spec.Config.WorkingDir = imageUser+":"+imageUser, "/"
	spec.Annotations = map[string]string{"module.wasm.image/variant": "compat-smart"}
	spec.Layers = [][]image.File{{{Path: at, Content: guest.Content, Executable: true}}}
	return nil
}

// addHost completes an image in which wasisock runs the guest, whose file it compiles into temp.
// args are flags of wasisock run and the guest's arguments.
func (o *imageOptions) addHost(spec *image.Spec, guest image.Program, file, temp string, args []string, stderr io.Writer) error {
	if o.engine != engine.Auto {
		args = append([]string{"--engine", string(o.engine)}, args...)
	}
	flags, err := imageFlags(args)
	if err != nil {
		return err
	}
	program := o.program
	if program == "" {
		if program, err = os.Executable(); err != nil {
			return err
		}
	}
	host, on, err := image.Host(program)
	if err != nil {
		return err
	}
	if o.platform != nil && (o.platform.OS != on.OS || o.platform.Architecture != on.Architecture) {
		return fmt.Errorf("--platform %v: %s is for %v; name a wasisock for that platform with --wasisock", o.platform, program, on)
	}
	if o.platform != nil {
		on = *o.platform
	}
	kind := flags.command.Engine.Kind
	switch {
	case kind == engine.WasmEdge:
		return errors.New("WasmEdge cannot be in an image with wasisock; use wazero or wasmtime, or make an image for crun with --wasm-only")
	case kind == engine.Wasmtime && !host.HasTag("wasmtime"):
		return fmt.Errorf("--engine wasmtime: %s has no wasmtime in it; name one with --wasisock that is built with -tags wasmtime", program)
	}

	roots, err := options.Bundle()
	if err != nil {
		return fmt.Errorf("certificates for the image: %w with SSL_CERT_FILE", err)
	}
	authorities, err := os.ReadFile(roots)
	if err != nil {
		return err
	}
	bom, err := image.SBOM(guest, []image.Program{host}, spec.Created)
	if err != nil {
		return err
	}
	app := []image.File{{Path: "/" + guest.Name, Content: guest.Content}, {Path: imageSBOM, Content: bom}}
	if on.OS == runtime.GOOS && on.Architecture == runtime.GOARCH {
		code := filepath.Join(temp, "code")
		if err := compileBy(program, host, flags, code, file, stderr); err != nil {
			return err
		}
		files, err := directory(code, imageCode)
		if err != nil {
			return err
		}
		app = append(app, files...)
	} else {
		fmt.Fprintf(stderr, "wasisock: the image has no compiled code, which is made on %s/%s alone; %s is compiled whenever a container starts\n", on.OS, on.Architecture, guest.Name)
	}
	spec.Layers = [][]image.File{
		{
			{Path: imageProgram, Content: host.Content, Executable: true},
			{Path: imageRoots, Content: authorities},
			{Path: imageUsers, Content: []byte("root:x:0:0::/:/\nnobody:x:" + imageUser + ":" + imageUser + "::/:/\n")},
		},
		app,
	}
	spec.Platform = on
	c := &spec.Config
	c.User, c.WorkingDir, c.Env = imageUser+":"+imageUser, "/", []string{"PATH=/"}
	c.Entrypoint = slices.Concat([]string{imageProgram, "run", "--cache", imageCode}, args[:len(args)-len(flags.args)], []string{"/" + guest.Name})
	c.Cmd = flags.args
	c.ExposedPorts = map[string]struct{}{}
	for _, l := range flags.listeners {
		if _, port, err := net.SplitHostPort(l.addr); err == nil {
			c.ExposedPorts[port+"/tcp"] = struct{}{}
		}
	}
	if at := flags.endpoints.health; at != "" {
		c.Healthcheck = &v1.HealthConfig{Test: []string{"CMD", imageProgram, "health", reachable(at)}, StartPeriod: 30 * time.Second, Interval: 10 * time.Second, Timeout: 6 * time.Second}
	}
	return nil
}

// imageFlags returns the options of wasisock run in a container. Files, variables and limits that
// they name are the container's, so they are not looked for here.
func imageFlags(args []string) (*runOptions, error) {
	o := newRunOptions()
	flags := o.flags()
	for i := range flags {
		if slices.Contains([]string{"policy", "config", "env", "max-memory"}, flags[i].Name) {
			flags[i].Set = func(string) error { return nil }
		}
	}
	line, err := cli.Parse("wasisock run", flags, args)
	o.args = line.Args
	return o, err
}

// compileBy compiles a guest into a directory, by a program, for every CPU of this architecture
// if its engine can.
func compileBy(program string, host image.Program, flags *runOptions, dir, file string, stderr io.Writer) error {
	e := flags.command.Engine
	args := []string{"compile", "-o", dir}
	if e.Kind != engine.Auto {
		args = append(args, "--engine", string(e.Kind))
	}
	if e.Kind != engine.Wazero && host.HasTag("wasmtime") {
		args = append(args, "--cpu", "baseline")
	}
	if e.Interruptible {
		args = append(args, "--interruptible")
	}
	if e.AsIs {
		args = append(args, "--rewrite", "off")
	}
	cmd := exec.Command(program, append(args, file)...)
	cmd.Stdout, cmd.Stderr = stderr, stderr
	return cmd.Run()
}

// directory returns the files below a directory, for a place in an image.
func directory(dir, at string) (files []image.File, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(dir, path)
		files = append(files, image.File{Path: at + "/" + filepath.ToSlash(inside), Content: text})
		return err
	})
	return files, err
}

// reachable returns where a program in the container reaches a server that listens at an address.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// sourceDate returns the time in SOURCE_DATE_EPOCH, or that of 1970.
func sourceDate() (time.Time, error) {
	text := cmp.Or(os.Getenv("SOURCE_DATE_EPOCH"), "0")
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q; set it to seconds since 1970, or unset it", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// publish writes the image to the file, pushes it, and prints its name with its digest.
func (o *imageOptions) publish(img v1.Image, tag name.Tag, stdout io.Writer) error {
	if o.output != "" {
		if err := writeArchive(o.output, img, tag); err != nil {
			return err
		}
	}
	printed := tag
	if o.push != "" {
		to, err := name.NewTag(o.push)
		if err != nil {
			return fmt.Errorf("--push: %w", err)
		}
		if err := remote.Write(to, img, remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithContext(context.Background())); err != nil {
			return fmt.Errorf("--push %s: %w; log in with docker login or podman login if the registry wants that", o.push, err)
		}
		printed = to
	}
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s@%s\n", printed.Name(), digest)
	return nil
}

// writeArchive writes an archive to a file, which never holds a part of it.
func writeArchive(file string, img v1.Image, tag name.Tag) error {
	f, err := os.Create(file + ".new")
	if err != nil {
		return err
	}
	defer os.Remove(file + ".new")
	err = image.Write(f, img, tag)
	if err := cmp.Or(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
