//go:build linux || darwin

package address

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// A dir is a directory of the host that the guest has. Paths in it are resolved from its
// descriptor. As for the guest's files, no symbolic link leads out of it.
type dir struct {
	guest    string // its path in the guest
	host     string // its path as the host named it, for rules
	real     string // its path without symbolic links, which peers see
	fd       int    // -1 for "/", the directory of all files, in which links may lead everywhere
	readOnly bool
}

// A Paths holds the directories that a guest has, and the files of the sockets that it has bound.
// Mount must not run concurrently with other methods.
type Paths struct {
	dirs []*dir // the one with the longest path in the guest first
	made map[string]made
}

// Mount gives the guest the host's directory host at the path guest. Both are absolute.
func (t *Paths) Mount(guest, host string, readOnly bool) error {
	d := &dir{guest: path.Clean(guest), host: host, fd: -1, readOnly: readOnly}
	var err error
	if d.real, err = filepath.EvalSymlinks(host); err != nil {
		return err
	}
	if d.real != "/" {
		if d.fd, err = unix.Open(host, netos.OpenDir, 0); err != nil {
			return err
		}
	}
	t.dirs = append(t.dirs, d)
	slices.SortStableFunc(t.dirs, func(a, b *dir) int { return len(b.guest) - len(a.guest) })
	return nil
}

// Close removes the files of sockets that the guest has bound, and closes the directories.
func (t *Paths) Close() {
	t.removeMade()
	for _, d := range t.dirs {
		if d.fd >= 0 {
			unix.Close(d.fd)
		}
	}
	t.dirs = nil
}

// below returns the part of p after dir, if p is dir or lies below it. Both must be clean.
func below(p, dir string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(p, strings.TrimSuffix(dir, "/"))
	return rest, ok && (rest == "" || rest[0] == '/')
}

// A place is the file to which a path of a UNIX socket leads. The path is resolved once, so that
// the call uses the file that the policy has allowed. A place is released at the end of the call.
type place struct {
	dir      *dir   // the directory in which the path lies; nil for a path of the host
	path     string // relative to dir, or on the host
	NoFollow bool   // do not follow a symbolic link at the end, as bind(2)

	resolved bool
	parent   int    // descriptor of the directory
	name     string // name in parent; not a symbolic link, unless NoFollow
	real     string // the absolute path without symbolic links
	socket   int    // descriptor of the socket itself, on Linux
	err      error
}

// At returns the endpoint of a guest's absolute path: a path in a directory of the guest leads to
// that directory of the host, and every other path is one of the host.
func (t *Paths) At(name string) Endpoint {
	e := Endpoint{Family: sockabi.AF_UNIX, Path: name, Place: &place{path: name, parent: -1, socket: -1}}
	clean := path.Clean(name)
	for _, d := range t.dirs {
		rest, ok := below(clean, d.guest)
		if !ok {
			continue
		}
		e.Path = path.Join(d.host, rest)
		if e.Place.path = rest; name[len(name)-1] == '/' {
			e.Place.path += "/"
		}
		if e.Place.dir = d; d.fd < 0 {
			e.Place.path = e.Path
		}
		break
	}
	return e
}

// InGuest returns e with the path that the guest has for it. It is the reverse of At.
func (t *Paths) InGuest(e Endpoint) Endpoint {
	if e.Path == "" || e.Path[0] != '/' {
		return e
	}
	clean, longest := path.Clean(e.Path), -1
	for _, d := range t.dirs {
		for _, host := range []string{d.host, d.real} {
			rest, ok := below(clean, host)
			if name := path.Join(d.guest, rest); ok && len(host) > longest && len(name) <= sockabi.MaxUnixPath {
				e.Path, longest = name, len(host)
			}
		}
	}
	return e
}

const (
	maxLinks = 40   // that of Linux
	maxSteps = 4096 // more than a path and its links can have
)

// resolve follows the path, component by component. The error is EPERM for a path that leads out
// of its directory, and EISDIR for one without a name at its end.
func (p *place) resolve() error {
	if p.resolved {
		return p.err
	}
	p.resolved = true
	p.err = p.walk()
	return p.err
}

func (p *place) walk() (err error) {
	confined := p.dir != nil && p.dir.fd >= 0
	var names []string // components of the path of parent
	enter := func(name string, flags int) error {
		at := p.parent
		if p.parent, err = unix.Openat(at, name, netos.OpenDir|flags, 0); err != nil {
			p.parent = -1
		}
		if at >= 0 {
			unix.Close(at)
		}
		return err
	}
	again := func(to []string) error { // start from the beginning
		p.close()
		if names = to; confined {
			p.parent, err = unix.Openat(p.dir.fd, ".", netos.OpenDir, 0)
		} else {
			p.parent, err = unix.Open("/", netos.OpenDir, 0)
		}
		for i := 0; i < len(to) && err == nil; i++ {
			enter(to[i], unix.O_NOFOLLOW)
		}
		return err
	}
	if err := again(nil); err != nil {
		return err
	}
	rest, links := strings.Split(p.path, "/"), 0
	for range maxSteps {
		if len(rest) == 0 {
			return unix.EISDIR
		}
		name := rest[0]
		rest = rest[1:]
		switch {
		case name == "" || name == ".":
			continue
		case name == ".." && len(names) > 0:
			if err := again(names[:len(names)-1]); err != nil {
				return err
			}
			continue
		case name == ".." && confined:
			return unix.EPERM
		case name == "..":
			continue
		}
		var st unix.Stat_t
		err := unix.Fstatat(p.parent, name, &st, unix.AT_SYMLINK_NOFOLLOW)
		isLink := err == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK
		switch {
		case len(rest) == 0 && (!isLink || p.NoFollow):
			p.name, p.real = name, "/"+path.Join(append(names, name)...)
			if confined {
				p.real = path.Join(p.dir.real, p.real)
			}
			return nil
		case err != nil:
			return err
		case !isLink:
			if err := enter(name, unix.O_NOFOLLOW); err != nil {
				return err
			}
			names = append(names, name)
			continue
		}
		if links++; links > maxLinks {
			return unix.ELOOP
		}
		target := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(p.parent, name, target)
		if err != nil {
			return err
		}
		if n > 0 && target[0] == '/' {
			if confined {
				return unix.EPERM
			}
			if err := again(nil); err != nil {
				return err
			}
		}
		rest = append(strings.Split(string(target[:n]), "/"), rest...)
	}
	return unix.ELOOP
}

// RealPath returns the path for policies, or "" if it cannot be resolved.
func (p *place) RealPath() string {
	p.resolve()
	return p.real
}

func (p *place) close() {
	if p.parent >= 0 {
		unix.Close(p.parent)
	}
	p.parent = -1
}

// Release closes the descriptors of e. Reach must not be called afterwards.
func (e Endpoint) Release() {
	if e.Place == nil {
		return
	}
	e.Place.close()
	if e.Place.socket >= 0 {
		unix.Close(e.Place.socket)
	}
	e.Place.socket = -1
}

// Reach returns e for the kernel, to connect or to send to.
func (e Endpoint) Reach() (unix.Sockaddr, error) {
	if e.Place == nil {
		return e.Sockaddr(), nil
	}
	if err := e.Place.resolve(); err != nil {
		return nil, err
	}
	p := e.Place
	sa, fd, err := netos.SocketAddress(p.parent, p.name, p.real, p.socket)
	p.socket = fd
	return sa, err
}

// A mark identifies a file that a guest has made: another file may get its name later.
type mark struct {
	dev, ino uint64
	modified time.Time
}

func (p *place) mark() (m mark, ok bool) {
	var st unix.Stat_t
	if p.resolve() != nil || unix.Fstatat(p.parent, p.name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return mark{}, false
	}
	return mark{uint64(st.Dev), st.Ino, time.Unix(st.Mtim.Unix())}, true
}

// A made is the file of a socket that the guest has bound.
type made struct {
	place place
	mark  mark
}

// maxMade is how many files of sockets are removed when the guest ends; others stay.
const maxMade = 1024

// Bind binds fd to p by the resolved path, since peers would see the path of a descriptor. A
// process that renames directories between resolving and binding can move the file elsewhere.
func (t *Paths) Bind(fd int, p *place) error {
	if err := p.resolve(); err != nil {
		return err
	}
	if p.dir != nil && p.dir.readOnly {
		return unix.EROFS
	}
	if len(p.real) >= len(unix.RawSockaddrUnix{}.Path) {
		return unix.ENAMETOOLONG
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: p.real}); err != nil {
		return err
	}
	if m, ok := p.mark(); ok && (len(t.made) < maxMade || t.made[p.real].place.path != "") {
		if t.made == nil {
			t.made = map[string]made{}
		}
		t.made[p.real] = made{place{dir: p.dir, path: p.path, NoFollow: true, parent: -1, socket: -1}, m}
	}
	return nil
}

// removeMade removes the files of sockets that the guest has bound. Nobody can connect to them any
// more, and the next guest could not bind to their paths.
func (t *Paths) removeMade() {
	for _, f := range t.made {
		if m, ok := f.place.mark(); ok && m == f.mark {
			unix.Unlinkat(f.place.parent, f.place.name, 0)
		}
		f.place.close()
	}
	t.made = nil
}
