//go:build wasip1

package syscall

import "internal/stringslite"

// directoryName is the absolute name of a directory that the host has opened for the
// guest. WasmEdge gives names without their first slash.
func directoryName(name string) string {
	name = joinPath("/", name)
	for len(name) > 1 && isDir(name) {
		name = name[:len(name)-1]
	}
	return name
}

// holds reports whether path is directory or lies below it.
func holds(directory, path string) bool {
	return stringslite.HasPrefix(path, directory) &&
		(directory == "/" || len(path) == len(directory) || path[len(directory)] == '/')
}

// openWriteRights are those for which WasmEdge opens a file for writing.
const openWriteRights rights = RIGHT_FD_DATASYNC | RIGHT_FD_WRITE | RIGHT_FD_ALLOCATE | RIGHT_FD_FILESTAT_SET_SIZE

// openReadRights are those that WasmEdge has for a directory given as readonly.
const openReadRights rights = RIGHT_FD_READ | RIGHT_FD_SEEK | RIGHT_FD_TELL | RIGHT_FD_ADVISE |
	RIGHT_FD_READDIR | RIGHT_FD_FILESTAT_GET | RIGHT_PATH_OPEN | RIGHT_PATH_READLINK |
	RIGHT_PATH_FILESTAT_GET | RIGHT_POLL_FD_READWRITE

// path_open asks a directory that has no more for the rights to read alone. A directory
// that is opened as if it was a file, which WasmEdge does without the right to ask for
// the files in it, is EISDIR: openat then opens it as a directory.
func path_open(dir int32, lookup lookupflags, path *byte, pathLen size, oflags oflags, base, inheriting rights, flags fdflags, fd *int32) Errno {
	e := hostOpen(dir, lookup, path, pathLen, oflags, base, inheriting, flags, fd)
	if base&openWriteRights != 0 {
		return e
	}
	if e == ENOTCAPABLE {
		e = hostOpen(dir, lookup, path, pathLen, oflags, base&openReadRights, inheriting&openReadRights, flags, fd)
	}
	if e == 0 && oflags == 0 {
		var stat fdstat
		if fd_fdstat_get(*fd, &stat) == 0 && stat.filetype == FILETYPE_DIRECTORY && stat.rightsBase&RIGHT_PATH_FILESTAT_GET == 0 {
			fd_close(*fd)
			return EISDIR
		}
	}
	return e
}
