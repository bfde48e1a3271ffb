package preview1

import (
	"embed"
	"io/fs"
	"path"
	"strings"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/experimental/sysfs"
	"github.com/tetratelabs/wazero/sys"
)

// resolvConfFS holds the file that names the host's own nameserver to guests.
//
//go:embed etc/resolv.conf
var resolvConfFS embed.FS

const resolvConfFile = "etc/resolv.conf"

// resolvConf lays that file over a folder's own, which it never changes. The
// other methods are the folder's.
type resolvConf struct {
	experimentalsys.FS
	name string // of the file in the folder
	file experimentalsys.FS
}

// layResolvConf is files, which the guest has at the path guest, with the file if it
// belongs there.
func layResolvConf(files experimentalsys.FS, guest string) experimentalsys.FS {
	name := map[string]string{"/": "etc/resolv.conf", "/etc": "resolv.conf"}[guest]
	if name == "" {
		return files
	}
	return &resolvConf{files, name, &sysfs.AdaptFS{FS: resolvConfFS}}
}

func (r *resolvConf) is(name string) bool { return path.Clean(strings.TrimPrefix(name, "/")) == r.name }

// unchanged refuses to change the file, as a read-only mount does.
func (r *resolvConf) unchanged(names ...string) experimentalsys.Errno {
	for _, name := range names {
		if r.is(name) {
			return experimentalsys.EROFS
		}
	}
	return 0
}

func (r *resolvConf) OpenFile(name string, flag experimentalsys.Oflag, perm fs.FileMode) (experimentalsys.File, experimentalsys.Errno) {
	if !r.is(name) {
		return r.FS.OpenFile(name, flag, perm)
	}
	const changes = experimentalsys.O_WRONLY | experimentalsys.O_RDWR | experimentalsys.O_TRUNC
	switch {
	case flag&(experimentalsys.O_CREAT|experimentalsys.O_EXCL) == experimentalsys.O_CREAT|experimentalsys.O_EXCL:
		return nil, experimentalsys.EEXIST
	case flag&changes != 0:
		return nil, experimentalsys.EROFS
	}
	return r.file.OpenFile(resolvConfFile, flag&^experimentalsys.O_CREAT, perm)
}

func (r *resolvConf) Stat(name string) (sys.Stat_t, experimentalsys.Errno) {
	if r.is(name) {
		return r.file.Stat(resolvConfFile)
	}
	return r.FS.Stat(name)
}

func (r *resolvConf) Lstat(name string) (sys.Stat_t, experimentalsys.Errno) {
	if r.is(name) {
		return r.file.Lstat(resolvConfFile)
	}
	return r.FS.Lstat(name)
}

func (r *resolvConf) Readlink(name string) (string, experimentalsys.Errno) {
	if r.is(name) {
		return "", experimentalsys.EINVAL
	}
	return r.FS.Readlink(name)
}

func (r *resolvConf) Mkdir(name string, perm fs.FileMode) experimentalsys.Errno {
	if r.is(name) {
		return experimentalsys.EEXIST
	}
	return r.FS.Mkdir(name, perm)
}

func (r *resolvConf) Chmod(name string, perm fs.FileMode) experimentalsys.Errno {
	if errno := r.unchanged(name); errno != 0 {
		return errno
	}
	return r.FS.Chmod(name, perm)
}

func (r *resolvConf) Rename(from, to string) experimentalsys.Errno {
	if errno := r.unchanged(from, to); errno != 0 {
		return errno
	}
	return r.FS.Rename(from, to)
}

func (r *resolvConf) Link(old, name string) experimentalsys.Errno {
	if errno := r.unchanged(old, name); errno != 0 {
		return errno
	}
	return r.FS.Link(old, name)
}

func (r *resolvConf) Symlink(target, name string) experimentalsys.Errno {
	if r.is(name) {
		return experimentalsys.EEXIST
	}
	return r.FS.Symlink(target, name)
}

func (r *resolvConf) Rmdir(name string) experimentalsys.Errno {
	if r.is(name) {
		return experimentalsys.ENOTDIR
	}
	return r.FS.Rmdir(name)
}

func (r *resolvConf) Unlink(name string) experimentalsys.Errno {
	if errno := r.unchanged(name); errno != 0 {
		return errno
	}
	return r.FS.Unlink(name)
}

func (r *resolvConf) Utimens(name string, atim, mtim int64) experimentalsys.Errno {
	if errno := r.unchanged(name); errno != 0 {
		return errno
	}
	return r.FS.Utimens(name, atim, mtim)
}
