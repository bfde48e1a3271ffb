// Package confine takes from this process what a run does not need, for good: by
// no_new_privs and Landlock, on Linux.
//
// It holds when a guest breaks out of its engine. The policy of a guest decides much
// more finely; the kernel holds the whole process to what its guests may have together.
package confine

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/wasisock/wasisock/host"
)

// Needs lists what a process needs from now on, besides what it has open, and what each
// program needs: its own file and libraries, the resolver's files, /proc/self and a few
// devices. What does not exist is not given.
type Needs struct {
	Read   []string // files, and directories with all in them
	Write  []string // directories to read and to change, with all in them
	Bind   []string // directories in which UNIX sockets are made and removed
	Unlink []string // directories in which files are removed
	Rmdir  []string // directories in which empty directories are removed

	// Dial and Listen are the ports of TCP to connect and to bind to. A range of all ports
	// restricts nothing.
	Dial, Listen []host.PortRange

	// Abstract lets the process connect to the abstract UNIX sockets of others.
	Abstract bool
}

// The versions of Landlock's ABI that matter here.
const (
	// MinABI is the lowest one that is used: below it, every rename from one directory to
	// another fails.
	MinABI = 2

	// PortsABI restricts TCP too. Linux 6.7 has it.
	PortsABI = 4
)

// everyPort reports whether ranges hold all ports.
func everyPort(ranges []host.PortRange) bool {
	for _, r := range ranges {
		if r == (host.PortRange{Low: 0, High: 65535}) {
			return true
		}
	}
	return false
}

// ports returns each port of the ranges once.
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

// Existing returns the longest part of a path that exists: dir, or a directory above it.
func Existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// Replaceable returns what to read so that a file can be read again after somebody has put
// another in its place: its directory, or where it is a symbolic link, or lies in one, also
// the directories of what the link leads to. The root directory is never among them, but the
// file then is.
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

// readlink returns where a symbolic link leads, as an absolute path.
func readlink(link string) (string, error) {
	target, err := os.Readlink(link)
	if err == nil && !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(link), target)
	}
	return target, err
}

// An error that confining caused says so.
type deniedError struct{ error }

func (e deniedError) Error() string {
	return e.error.Error() + " since wasisock confined itself when it started, and this was not there or not given then; start it again, or with --no-confine"
}

func (e deniedError) Unwrap() error { return e.error }

// Explain adds to an error about a file that confining this process has caused it, if so.
func Explain(err error) error {
	var path *os.PathError
	if errors.As(err, &path) && errors.Is(err, os.ErrPermission) && permitted(path.Path) {
		return deniedError{err}
	}
	return err
}
