package wasi

import (
	_ "embed"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/experimental/sysfs"
	"github.com/tetratelabs/wazero/sys"
)

// resolvConfText names the host's own nameserver to guests.
//
//go:embed etc/resolv.conf
var resolvConfText string

const resolvConfFile = "resolv.conf"

// maxResolvConf is how many bytes of the host's /etc/resolv.conf are read.
const maxResolvConf = 64 << 10

// resolvConfOf returns the text for a guest. With hosts, the host's own resolver answers, and the
// text has the search list and the options of the host's file.
func resolvConfOf(hosts bool) string {
	if !hosts {
		return resolvConfText
	}
	f, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return resolvConfText
	}
	defer f.Close()
	own, _ := io.ReadAll(io.LimitReader(f, maxResolvConf))
	return resolvConfText + searchOf(string(own))
}

// searchOf returns the lines of a resolv.conf with the search list and options.
func searchOf(conf string) string {
	var lines strings.Builder
	for line := range strings.Lines(conf) {
		fields := strings.Fields(line)
		if len(fields) > 1 && (fields[0] == "search" || fields[0] == "domain" || fields[0] == "options") {
			lines.WriteString(strings.Join(fields, " ") + "\n")
		}
	}
	return lines.String()
}

// A text is a file system with one file, resolvConfFile.
type text string

func (t text) Open(name string) (fs.File, error) {
	if name != resolvConfFile {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &openText{*strings.NewReader(string(t))}, nil
}

type openText struct{ strings.Reader }

func (t *openText) Stat() (fs.FileInfo, error) { return textInfo(t.Size()), nil }
func (t *openText) Close() error               { return nil }

// A textInfo describes a text of that size, in bytes.
type textInfo int64

func (textInfo) Name() string       { return resolvConfFile }
func (i textInfo) Size() int64      { return int64(i) }
func (textInfo) Mode() fs.FileMode  { return 0o444 }
func (textInfo) ModTime() time.Time { return time.Time{} }
func (textInfo) IsDir() bool        { return false }
func (textInfo) Sys() any           { return nil }

// resolvConf shows that file in a directory in place of the directory's own, which it never
// changes. The other methods are those of the directory.
type resolvConf struct {
	experimentalsys.FS
	name string // the file's name in the directory
	file experimentalsys.FS
}

// layResolvConf returns files, which the guest has at the path guest, with the resolv.conf if its
// path is below guest.
func layResolvConf(files experimentalsys.FS, guest, conf string) experimentalsys.FS {
	name := map[string]string{"/": "etc/resolv.conf", "/etc": "resolv.conf"}[guest]
	if name == "" {
		return files
	}
	return &resolvConf{files, name, &sysfs.AdaptFS{FS: text(conf)}}
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
