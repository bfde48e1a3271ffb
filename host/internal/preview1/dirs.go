package preview1

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/tetratelabs/wazero"
	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/experimental/sysfs"
	"github.com/tetratelabs/wazero/sys"

	"github.com/wasisock/wasisock/host"
)

// mount gives the guest its folders.
func (g *Guest) mount(dirs []host.Dir, nameserver bool) (wazero.FSConfig, error) {
	config := wazero.NewFSConfig()
	seen := map[string]bool{}
	for _, d := range dirs {
		guest := path.Clean(d.Guest)
		switch {
		case !path.IsAbs(d.Guest):
			return nil, fmt.Errorf("the folder %q cannot be %q in the guest; write an absolute path, such as /data", d.Host, d.Guest)
		case seen[guest]:
			return nil, fmt.Errorf("two folders are %q in the guest; name another for %q", guest, d.Host)
		}
		seen[guest] = true
		hostDir, err := filepath.Abs(d.Host)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(hostDir); err != nil {
			return nil, err
		} else if !info.IsDir() {
			return nil, fmt.Errorf("%s is no folder, and only folders can be given to a guest", d.Host)
		}
		files := sysfs.DirFS(hostDir)
		if filepath.Dir(hostDir) != hostDir { // the root confines by itself
			root, err := os.OpenRoot(hostDir)
			if err != nil {
				return nil, err
			}
			g.closers.Add(func() { root.Close() })
			files = &confined{files, root}
		}
		if d.ReadOnly {
			files = readOnly{&sysfs.ReadFS{FS: files}}
		}
		if nameserver {
			files = layResolvConf(files, guest)
		}
		config = config.(sysfs.FSConfig).WithSysFSMount(files, guest)
	}
	return config, nil
}

// readOnly is wazero's read-only folder, with the errno that says so, and without
// creating or truncating files that are opened for reading.
type readOnly struct{ *sysfs.ReadFS }

func (r readOnly) OpenFile(name string, flag experimentalsys.Oflag, perm fs.FileMode) (experimentalsys.File, experimentalsys.Errno) {
	if flag&(experimentalsys.O_WRONLY|experimentalsys.O_RDWR|experimentalsys.O_CREAT|experimentalsys.O_TRUNC) != 0 {
		return nil, experimentalsys.EROFS
	}
	return r.ReadFS.OpenFile(name, flag, perm)
}

// confined is a folder that no symbolic link leads out of. wazero's own follows all,
// also those that the guest makes. It looks before it acts, so it stops a guest, but
// not another process that changes links in between.
type confined struct {
	experimentalsys.FS
	root *os.Root
}

// inside fails if name, or when the last part of it is not to be followed the folder
// that it is in, lies outside. What does not exist is inside: the act itself will tell.
func (c *confined) inside(name string, follow bool) experimentalsys.Errno {
	name = relative(name)
	if !follow && !strings.HasSuffix(name, "/") { // systems follow what ends in a slash
		name = path.Dir(path.Clean(name))
	}
	_, err := c.root.Stat(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if errno := experimentalsys.UnwrapOSError(err); errno != 0 && errno != experimentalsys.EIO {
		return errno
	}
	return experimentalsys.EPERM
}

// relative is name without the slash that wazero puts before it when the folder that
// the guest named it in was itself opened as ".".
func relative(name string) string { return cmp.Or(strings.TrimPrefix(name, "/"), ".") }

func (c *confined) OpenFile(name string, flag experimentalsys.Oflag, perm fs.FileMode) (experimentalsys.File, experimentalsys.Errno) {
	if errno := c.inside(name, flag&experimentalsys.O_NOFOLLOW == 0); errno != 0 {
		return nil, errno
	}
	return c.FS.OpenFile(name, flag, perm)
}

func (c *confined) Lstat(name string) (sys.Stat_t, experimentalsys.Errno) {
	if errno := c.inside(name, false); errno != 0 {
		return sys.Stat_t{}, errno
	}
	return c.FS.Lstat(name)
}

func (c *confined) Stat(name string) (sys.Stat_t, experimentalsys.Errno) {
	if errno := c.inside(name, true); errno != 0 {
		return sys.Stat_t{}, errno
	}
	return c.FS.Stat(name)
}

func (c *confined) Mkdir(name string, perm fs.FileMode) experimentalsys.Errno {
	if errno := c.inside(name, false); errno != 0 {
		return errno
	}
	return c.FS.Mkdir(name, perm)
}

func (c *confined) Chmod(name string, perm fs.FileMode) experimentalsys.Errno {
	if errno := c.inside(name, true); errno != 0 {
		return errno
	}
	return c.FS.Chmod(name, perm)
}

func (c *confined) Rename(from, to string) experimentalsys.Errno {
	if errno := c.inside(from, false); errno != 0 {
		return errno
	}
	if errno := c.inside(to, false); errno != 0 {
		return errno
	}
	return c.FS.Rename(from, to)
}

// Link follows old, which macOS does.
func (c *confined) Link(old, name string) experimentalsys.Errno {
	if errno := c.inside(old, true); errno != 0 {
		return errno
	}
	if errno := c.inside(name, false); errno != 0 {
		return errno
	}
	return c.FS.Link(old, name)
}

// Symlink makes no link that leads outside either: other programs would follow it.
func (c *confined) Symlink(target, name string) experimentalsys.Errno {
	if !filepath.IsLocal(path.Join(path.Dir(path.Clean(relative(name))), target)) {
		return experimentalsys.EPERM
	}
	if errno := c.inside(name, false); errno != 0 {
		return errno
	}
	return c.FS.Symlink(strings.Clone(target), name)
}

func (c *confined) Readlink(name string) (string, experimentalsys.Errno) {
	if errno := c.inside(name, false); errno != 0 {
		return "", errno
	}
	return c.FS.Readlink(name)
}

func (c *confined) Rmdir(name string) experimentalsys.Errno {
	if errno := c.inside(name, false); errno != 0 {
		return errno
	}
	return c.FS.Rmdir(name)
}

func (c *confined) Unlink(name string) experimentalsys.Errno {
	if errno := c.inside(name, false); errno != 0 {
		return errno
	}
	return c.FS.Unlink(name)
}

func (c *confined) Utimens(name string, atim, mtim int64) experimentalsys.Errno {
	if errno := c.inside(name, true); errno != 0 {
		return errno
	}
	return c.FS.Utimens(name, atim, mtim)
}
