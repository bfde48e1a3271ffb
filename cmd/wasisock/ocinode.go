package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/image"
	"github.com/wasisock/wasisock/cmd/internal/oci"
	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/internal/codecache"
)

// An ociSettings holds the values of the node's file.
type ociSettings struct {
	runtime, program string
	annotations      []string // flags that annotations may set; nil means all that are safe
	given            cli.Given
	rules            []string // of policy
	compileTimeout   time.Duration
	cacheSize        uint64
}

// readNode reads the node's file. "" means ociFile, which may be missing.
func readNode(file string) (*ociSettings, error) {
	n := &ociSettings{runtime: "runc", given: cli.Given{}, compileTimeout: 55 * time.Second}
	_, err := os.Stat(cmp.Or(file, ociFile))
	switch {
	case file == "" && errors.Is(err, fs.ErrNotExist):
		err = nil
	case err == nil:
		err = n.read(cmp.Or(file, ociFile))
	}
	if err == nil && n.program == "" {
		n.program, err = os.Executable()
	}
	return n, err
}

func (n *ociSettings) read(file string) (err error) {
	if err := oci.Trusted(file); err != nil {
		return err
	}
	o := newRunOptions()
	keys := slices.DeleteFunc(ociFlags(o), func(f cli.Flag) bool { return ociRights[f.Name] == ociNobody })
	keys = append(keys,
		cli.Flag{Name: "runtime", Value: "PATH", Set: cli.Text(&n.runtime)},
		cli.Flag{Name: "program", Value: "PATH", Set: cli.Text(&n.program)},
		cli.Flag{Name: "annotations", Value: "FLAG", Many: true, Set: func(v string) error {
			if ociRights[v] != ociPod {
				return fmt.Errorf("annotations cannot set %q; remove it from the list", v)
			}
			n.annotations = append(n.annotations, v)
			return nil
		}})
	if n.given, err = cli.Configure(file, keys); err != nil {
		return err
	}
	for _, name := range []string{"program", "cache", "tls-roots"} {
		for _, path := range n.given[name] {
			if !filepath.IsAbs(path) && path != codecache.Off && path != "true" && path != "false" {
				return fmt.Errorf("%s: %s: the path %q is relative, and container engines change the directory; write an absolute one", file, name, path)
			}
		}
	}
	if n.given["annotations"] != nil && n.annotations == nil {
		n.annotations = []string{} // none
	}
	n.rules, n.cacheSize = o.filed, o.command.Engine.CacheSize
	n.compileTimeout = cmp.Or(o.command.Engine.CompileTimeout, n.compileTimeout)
	return nil
}

// ociFlags returns the flags of wasisock run, which set o. The memory limit of a cgroup is looked
// up in the container alone.
func ociFlags(o *runOptions) []cli.Flag {
	flags := o.flags()
	for i := range flags {
		if flags[i].Name == "max-memory" {
			flags[i].Set = func(v string) (err error) {
				if v != options.AutoMemory {
					_, err = options.ParseSize(v)
				}
				return err
			}
		}
	}
	return flags
}

// path returns the path of the OCI runtime.
func (n *ociSettings) path() (string, error) {
	if os.Getenv("PATH") == "" { // some container engines give none
		os.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	path, err := exec.LookPath(n.runtime)
	if err != nil {
		return "", fmt.Errorf("the OCI runtime is missing: %w; install it, or name its path by runtime in %s", err, ociFile)
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if isSame(path, self) {
		return "", fmt.Errorf("the OCI runtime %s is this wasisock; name runc or crun by runtime in %s", path, ociFile)
	}
	return path, oci.Trusted(path)
}

// isSame reports whether two paths lead to the same file.
func isSame(a, b string) bool {
	one, err1 := os.Stat(a)
	other, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(one, other)
}

// usable returns an error if the program cannot run in every container.
func (n *ociSettings) usable() error {
	if err := oci.Trusted(n.program); err != nil {
		return err
	}
	f, err := os.Open(n.program)
	if err != nil {
		return err
	}
	defer f.Close()
	dynamic, err := image.NeedsLoader(f)
	switch {
	case err != nil:
		return fmt.Errorf("%s is not a program: %w; name a static wasisock by program in %s", n.program, err, ociFile)
	case dynamic:
		return fmt.Errorf("%s needs shared libraries, which containers do not have; name a static wasisock by program in %s, such as one built by CGO_ENABLED=0", n.program, ociFile)
	}
	return nil
}
