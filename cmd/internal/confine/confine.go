// Package confine takes from this process, for good, the files and ports that a run does not
// need. It uses no_new_privs and Landlock, on Linux.
//
// The kernel enforces this even if a guest breaks out of its engine. The policy of a guest is
// finer: the kernel limits the whole process to what all of its guests may use.
package confine

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/wasisock/wasisock/host"
)

// Needs lists the files and ports that a process needs from now on. It need not list those that
// are open already, nor those that every program needs: its file and libraries, the resolver's
// files, /proc/self and a few devices. Paths that do not exist are ignored.
type Needs struct {
	Read   []string // files and whole directories
	Write  []string // whole directories to read and to change
	Bind   []string // directories in which UNIX sockets are made and removed
	Unlink []string // directories in which files are removed
	Rmdir  []string // directories in which empty directories are removed

	// Dial and Listen are the TCP ports to connect to and to bind. A range of all ports
	// restricts nothing.
	Dial, Listen []host.PortRange

	// Abstract lets the process connect to the abstract UNIX sockets of others.
	Abstract bool
}

// The versions of Landlock's ABI that matter here.
const (
	// MinABI is the lowest version that is used: below it, every rename from one directory to
	// another fails.
	MinABI = 2

	// PortsABI is the lowest version that restricts TCP too. Linux 6.7 has it.
	PortsABI = 4
)

// everyPort reports whether one of ranges has all ports.
func everyPort(ranges []host.PortRange) bool {
	for _, r := range ranges {
		if r == (host.PortRange{Low: 0, High: 65535}) {
			return true
		}
	}
	return false
}

// ports returns each port of ranges once.
func ports(ranges []host.PortRange) (all []uint16) {
	var seen [1 << 16]bool
	for _, r := range ranges {
		for p := int(r.Low); p <= int(r.High); p++ {
			if !seen[p] {
				seen[p] = true
				all = append(all, uint16(p))
			}
		}
	}
	return all
}

// Existing returns dir if it exists, and otherwise the nearest directory above it that does.
func Existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// Replaceable returns the paths to allow so that a file can be read again after it was replaced:
// its directory, and if the file or its directory is a symbolic link, also the directories of
// the link's targets. In place of the root directory, it returns the file there.
func Replaceable(file string) (read []string) {
	add := func(dir, what string) {
		if dir == "/" {
			dir = what
		}
		read = append(read, dir)
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return nil
	}
	const maxLinks = 40 // Linux's
	for range maxLinks {
		dir, name := filepath.Split(file)
		dir = filepath.Clean(dir)
		add(dir, file)
		if target, err := readlink(file); err == nil {
			file = target
		} else if target, err := readlink(dir); err == nil {
			add(filepath.Dir(target), target)
			file = filepath.Join(target, name)
		} else {
			break
		}
	}
	return read
}

// readlink returns the target of a symbolic link, relative to the link's directory if the target
// is.
func readlink(link string) (string, error) {
	target, err := os.Readlink(link)
	if err == nil && !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(link), target)
	}
	return target, err
}

// A deniedError is caused by the confinement of this process.
type deniedError struct{ error }

func (e deniedError) Error() string {
	return e.error.Error() + " since wasisock confined itself when it started, and this was not there or not given then; start it again, or with --no-confine"
}

func (e deniedError) Unwrap() error { return e.error }

// Explain returns err, with an explanation if err is about a file that this process cannot use
// because it has confined itself.
func Explain(err error) error {
	var path *os.PathError
	if errors.As(err, &path) && errors.Is(err, os.ErrPermission) && permitted(path.Path) {
		return deniedError{err}
	}
	return err
}
