package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	configFile = "config.json"

	// maxConfig is the size of the largest configuration that is read, in bytes.
	maxConfig = 16 << 20
)

// A Bundle is a container before it is made: its configuration and the files of its root.
type Bundle struct {
	// Spec has the parts of the configuration that the specification names. Change does not write it.
	Spec specs.Spec

	dir string

	// The members of the configuration and of its process, as they were read. Change replaces
	// some, and leaves the others as they are, those that Spec does not have too.
	tree, process map[string]json.RawMessage
}

// Open reads the configuration of the bundle in a directory.
func Open(dir string) (*Bundle, error) {
	b := &Bundle{dir: dir}
	file := filepath.Join(dir, configFile)
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxConfig:
		return nil, fmt.Errorf("%s has more than %d MB; make the container's configuration smaller", file, maxConfig>>20)
	}
	err = errors.Join(json.Unmarshal(text, &b.Spec), json.Unmarshal(text, &b.tree))
	if process := b.tree["process"]; err == nil && process != nil {
		err = json.Unmarshal(process, &b.process)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not the configuration of a container: %w", file, err)
	}
	return b, nil
}

// Change replaces the arguments and the environment of the container's process, adds mounts behind
// the others, and writes the configuration. The file never has a part of it.
func (b *Bundle) Change(args, env []string, mounts []specs.Mount) error {
	var all []json.RawMessage
	if has := b.tree["mounts"]; has != nil {
		if err := json.Unmarshal(has, &all); err != nil {
			return err
		}
	}
	for _, m := range mounts {
		text, err := json.Marshal(m)
		if err != nil {
			return err
		}
		all = append(all, text)
	}
	for _, part := range []struct {
		of    map[string]json.RawMessage
		name  string
		value any
	}{{b.process, "args", args}, {b.process, "env", env}, {b.tree, "process", b.process}, {b.tree, "mounts", all}} {
		text, err := json.Marshal(part.value)
		if err != nil {
			return err
		}
		part.of[part.name] = text
	}
	text, err := json.Marshal(b.tree)
	if err != nil {
		return err
	}
	return b.write(text)
}

// write replaces the file of the configuration, whose owner and mode stay.
func (b *Bundle) write(text []byte) error {
	file := filepath.Join(b.dir, configFile)
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(b.dir, configFile+"-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = io.Copy(f, bytes.NewReader(text))
	if err := errors.Join(err, own(f, info), f.Chmod(info.Mode().Perm()), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// root returns the directory of the container's root, or "" if there is none.
func (b *Bundle) root() string {
	if b.Spec.Root == nil || b.Spec.Root.Path == "" {
		return ""
	}
	return b.from(b.Spec.Root.Path)
}

// from returns a path of the configuration, which may be relative to the bundle.
func (b *Bundle) from(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(b.dir, name)
}

// A Module is the program of a container, if that is a WebAssembly module.
type Module struct {
	*os.File
	Path string // in the container; absolute
}

// Module opens the program of the container's process. It returns nil if the program is not a
// WebAssembly module, or is not found: the OCI runtime then has to do with it. The program is found
// as the runtime finds it: a name with a slash from the working directory of the process, and
// another in its PATH. A name that is nowhere in PATH is also looked for in the working directory.
func (b *Bundle) Module() (*Module, error) {
	p := b.Spec.Process
	if p == nil || len(p.Args) == 0 || p.Args[0] == "" || b.root() == "" {
		return nil, nil
	}
	name := p.Args[0]
	var candidates []string
	if !strings.Contains(name, "/") {
		for _, v := range p.Env {
			if list, ok := strings.CutPrefix(v, "PATH="); ok {
				candidates = strings.Split(list, ":")
			}
		}
		for i, dir := range candidates {
			candidates[i] = path.Join("/", dir, name)
		}
	}
	if strings.HasPrefix(name, "/") {
		candidates = append(candidates, path.Clean(name))
	} else {
		candidates = append(candidates, path.Join("/", p.Cwd, name))
	}
	for i, at := range candidates {
		f, err := b.open(at)
		if err != nil {
			return nil, fmt.Errorf("cannot read the container's program %q: %w", at, err)
		}
		if f == nil {
			continue
		}
		info, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		if last := i == len(candidates)-1; !last && info.Mode()&0o111 == 0 {
			f.Close() // PATH is about programs alone
			continue
		}
		if isModule(f) {
			return &Module{f, at}, nil
		}
		return nil, f.Close()
	}
	return nil, nil
}

// isModule reports whether a file begins with the magic number of WebAssembly.
func isModule(f *os.File) bool {
	magic := make([]byte, 4)
	_, err := f.ReadAt(magic, 0)
	return err == nil && string(magic) == "\x00asm"
}

// open opens a regular file of the container. It returns nil if there is none. A path below a mount
// leads to what is mounted there, if that is a file or directory of the node.
func (b *Bundle) open(at string) (*os.File, error) {
	in, rest := b.root(), at
	for _, m := range b.Spec.Mounts {
		dest := path.Join("/", m.Destination)
		if !below(at, dest) || len(at)-len(dest) > len(rest) {
			continue
		}
		if !isBind(m) {
			in = ""
		} else {
			in = b.from(m.Source)
		}
		rest = at[len(dest):]
	}
	switch {
	case in == "":
		return nil, nil
	case rest == "": // the mount is the file itself
		return openInRoot(filepath.Dir(in), filepath.Base(in))
	}
	return openInRoot(in, rest)
}

// below reports whether a path is a directory or lies below it.
func below(at, dir string) bool {
	return at == dir || strings.HasPrefix(at, strings.TrimSuffix(dir, "/")+"/")
}

// isBind reports whether a mount is a file or directory of the node, as for runc: the type says
// nothing about it.
func isBind(m specs.Mount) bool {
	return m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
}

// View returns mounts that show the container's root at a path in the container: its files, and what
// else is mounted there, with the same rights to change it. /proc, /sys, /dev and other file systems
// that the kernel makes are not in it: who may change all files in /proc may change the memory of
// the process.
func (b *Bundle) View(at string) ([]specs.Mount, error) {
	options := []string{"bind", "nosuid", "nodev"} // not rbind
	if b.Spec.Root.Readonly {
		options = append(options, "ro")
	}
	mounts := []specs.Mount{{Destination: at, Type: "bind", Source: b.root(), Options: options}}
	for _, m := range b.Spec.Mounts {
		dest := path.Join("/", m.Destination)
		kernels := func(dir string) bool { return below(dest, dir) }
		if !isBind(m) && m.Type != "tmpfs" || slices.ContainsFunc([]string{"/proc", "/sys", "/dev"}, kernels) {
			continue
		}
		// A symbolic link of the image on the way would lead out of at.
		dest, err := realPath(b.root(), dest)
		if err != nil {
			return nil, fmt.Errorf("cannot find where %q is mounted: %w", m.Destination, err)
		}
		m.Destination = path.Join(at, dest)
		mounts = append(mounts, m)
	}
	return mounts, nil
}

// Reserve returns an error if the image has a symbolic link on the way to the destination of one of
// mounts, or the container another mount at or below a directory that they are all in.
func (b *Bundle) Reserve(dir string, mounts []specs.Mount) error {
	for _, m := range b.Spec.Mounts {
		if below(path.Join("/", m.Destination), dir) {
			return fmt.Errorf("the container has a mount at %q, and %s is the directory of wasisock; mount it elsewhere", m.Destination, dir)
		}
	}
	for _, m := range mounts {
		if err := plain(b.root(), m.Destination); err != nil {
			return fmt.Errorf("the image has a symbolic link or a file on the way to %q, and %s is the directory of wasisock: %w; remove it from the image", m.Destination, dir, err)
		}
	}
	return nil
}
