// Package codecache keeps compiled code in a directory, and makes directories to which nobody else
// can write.
//
// An entry is a file or directory. Beside each entry lies its marker, an empty file with the
// entry's name and ".wasisock" behind it. Only entries with a marker are ever deleted. The time of
// the marker is when the entry was last used.
package codecache

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Off names no directory: nothing is kept.
const Off = "-"

// DefaultSize is the largest size of a cache, in bytes, unless another size is given.
const DefaultSize = 1 << 30

const (
	marker = ".wasisock"
	temp   = "tmp-"

	// abandoned is the age at which a directory of Temp belongs to a process that crashed:
	// longer than any compiler takes.
	abandoned = 48 * time.Hour
)

// A Cache is a directory of compiled code. Nil means no cache: nothing is found, and nothing kept.
type Cache struct {
	dir  string
	size int64
	warn io.Writer // gets lines about a named directory that cannot hold compiled code
}

// Dir returns the directory name of the user's cache.
func Dir(name string) (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "wasisock", name), err
}

// Open opens the cache that a Config names: dir, or name in the user's cache directory if dir is
// "". A size of 0 means DefaultSize.
//
// It returns an error if dir is unsafe: see Check. If the user's cache is unsafe, it is not used,
// and warn, which may be nil, gets a line, once in a process. If the directory cannot be created,
// there is no cache; warn gets a line about it if dir named it.
func Open(dir, name string, size int64, warn io.Writer) (*Cache, error) {
	if dir == Off {
		return nil, nil
	}
	own := dir == ""
	if own {
		var err error
		if dir, err = Dir(name); err != nil {
			return nil, nil
		}
	}
	if warn == nil {
		warn = io.Discard
	}
	if err := MakeDir(dir); err != nil {
		if !own {
			fmt.Fprintf(warn, "nothing is cached: %v; name another directory, or %s for none\n", err, Off)
		}
		return nil, nil
	}
	err := Check(dir)
	if err == nil && own {
		err = Check(filepath.Dir(dir))
	}
	switch {
	case err == nil && own:
		return &Cache{dir, cmp.Or(size, DefaultSize), io.Discard}, nil
	case err == nil:
		return &Cache{dir, cmp.Or(size, DefaultSize), warn}, nil
	case !own:
		return nil, err
	}
	if _, warned := warnings.LoadOrStore(dir, true); !warned {
		fmt.Fprintf(warn, "nothing is cached: %v\n", err)
	}
	return nil, nil
}

var warnings sync.Map // the directories about which warn has got a line

// MakeDir creates a directory and the missing ones above it. Only this user can use them, under
// every umask.
func MakeDir(dir string) error {
	switch info, err := os.Stat(dir); {
	case err == nil && !info.IsDir():
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	case err == nil:
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := MakeDir(parent); err != nil {
			return err
		}
	}
	err := os.Mkdir(dir, 0o700)
	if os.IsExist(err) {
		return nil // another process has created it
	}
	if err == nil {
		err = os.Chmod(dir, 0o700)
	}
	return err
}

// Get returns the path of an entry, or "". The directory need not be writable.
func (c *Cache) Get(name string) string {
	if c == nil {
		return ""
	}
	path := filepath.Join(c.dir, name)
	if _, err := os.Lstat(path); err != nil {
		return ""
	}
	mark(path)
	return path
}

// mark records in the marker that an entry is ours, and is used now.
func mark(path string) {
	now := time.Now()
	if os.Chtimes(path+marker, now, now) != nil {
		os.WriteFile(path+marker, nil, 0o600)
	}
}

// Temp creates a directory that only this user can use, on the disk of the cache if that is
// writable. The caller deletes it with Remove.
func (c *Cache) Temp() (string, error) {
	if c != nil {
		if dir, err := makeTemp(c.dir, temp); err == nil {
			mark(dir)
			return dir, nil
		}
	}
	dir, err := makeTemp("", "wasisock-")
	if err != nil {
		err = fmt.Errorf("%w; name a directory that can be written to in TMPDIR", err)
	}
	return dir, err
}

func makeTemp(in, prefix string) (string, error) {
	dir, err := os.MkdirTemp(in, prefix)
	if err == nil {
		err = os.Chmod(dir, 0o700)
	}
	return dir, err
}

// Remove deletes an entry, or a directory of Temp.
func Remove(path string) error {
	err := os.RemoveAll(path)
	os.Remove(path + marker)
	return err
}

// Put moves a file or directory into the cache, in place of an entry with that name. Then it
// deletes the entries that were not used for longest, while the cache is too large. It returns the
// path at which the code now is: from, if the cache cannot be written to. If the directory was
// named, a line reports that: it was filled for another engine, version or CPU.
func (c *Cache) Put(name, from string) string {
	if c == nil {
		return from
	}
	path := filepath.Join(c.dir, name)
	if os.Rename(from, path) != nil { // there is a directory, or from is on another disk
		os.RemoveAll(path)
		if err := os.Rename(from, path); err != nil {
			fmt.Fprintf(c.warn, "cache %s: it has no code for this guest, engine and CPU, and cannot be written to; fill it by wasisock compile\n", c.dir)
			return from
		}
	}
	mark(path)
	c.prune(name)
	return path
}

// Remove deletes an entry.
func (c *Cache) Remove(name string) error {
	if c == nil {
		return nil
	}
	return Remove(filepath.Join(c.dir, name))
}

// prune deletes the entries that are too much, but never keep.
func (c *Cache) prune(keep string) {
	type entry struct {
		name string
		used time.Time
		size int64
	}
	var all []entry
	files, _ := os.ReadDir(c.dir)
	for _, f := range files {
		name, marked := strings.CutSuffix(f.Name(), marker)
		info, err := f.Info()
		if !marked || err != nil || name == keep {
			continue
		}
		if strings.HasPrefix(name, temp) {
			if time.Since(info.ModTime()) > abandoned {
				c.Remove(name)
			}
			continue
		}
		all = append(all, entry{name, info.ModTime(), Size(filepath.Join(c.dir, name))})
	}
	slices.SortFunc(all, func(a, b entry) int { return b.used.Compare(a.used) })
	sum := Size(filepath.Join(c.dir, keep))
	for _, e := range all {
		if sum += e.size; sum > c.size {
			c.Remove(e.name)
		}
	}
}

// Share lets everybody read a cache: the directory, and the entries with a marker.
func Share(dir string) error {
	const all, allIn = 0o644, 0o755
	entries, err := filepath.Glob(filepath.Join(dir, "*"+marker))
	if err == nil {
		err = os.Chmod(dir, allIn)
	}
	for _, entry := range entries {
		for _, path := range []string{entry, strings.TrimSuffix(entry, marker)} {
			err = cmp.Or(err, filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
				switch {
				case err != nil:
					return err
				case d.IsDir():
					return os.Chmod(path, allIn)
				case d.Type().IsRegular():
					return os.Chmod(path, all)
				}
				return nil
			}))
		}
	}
	return err
}

// Size returns the size of a file, or of all files in a directory, in bytes.
func Size(path string) (sum int64) {
	filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				sum += info.Size()
			}
		}
		return nil
	})
	return sum
}
