package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/wasisock/wasisock/guest/socket"
)

// files does what its arguments say, until something fails.
func files(args []string) {
	var root *os.Root
	var served *socket.Listener
	for _, arg := range args {
		op, rest, _ := strings.Cut(arg, " ")
		name, second, _ := strings.Cut(rest, " ")
		var err error
		var result string
		switch op {
		case "read":
			var b []byte
			b, err = os.ReadFile(name)
			result = string(b)
		case "write":
			err = os.WriteFile(name, []byte(second), 0o666)
		case "create":
			_, err = os.OpenFile(name, os.O_RDONLY|os.O_CREATE, 0o666)
		case "truncate":
			_, err = os.OpenFile(name, os.O_RDONLY|os.O_TRUNC, 0o666)
		case "symlink":
			err = os.Symlink(second, name)
		case "readlink":
			result, err = os.Readlink(name)
		case "link":
			err = os.Link(second, name)
		case "rename":
			err = os.Rename(name, second)
		case "mkdir":
			err = os.Mkdir(name, 0o777)
		case "remove":
			err = os.Remove(name)
		case "stat":
			_, err = os.Stat(name)
		case "lstat":
			_, err = os.Lstat(name)
		case "chtimes":
			err = os.Chtimes(name, time.Unix(0, 0), time.Unix(0, 0))
		case "root": // of what begins with root-
			root, err = os.OpenRoot(name)
		case "root-read":
			var b []byte
			b, err = root.ReadFile(name)
			result = string(b)
		case "root-write":
			err = root.WriteFile(name, []byte(second), 0o666)
		case "root-symlink":
			err = root.Symlink(second, name)
		case "root-remove":
			err = root.Remove(name)
		case "root-open": // the last part of the name is not to be followed
			var f *os.File
			if f, err = root.Open("."); err == nil {
				var fd int32
				if errno := pathOpen(int32(f.Fd()), 0, unsafe.StringData(name), uint32(len(name)), 0, 0, 0, 0, &fd); errno != 0 {
					err = syscall.Errno(errno)
				}
			}
		case "serve": // until the end, or until close
			if served, err = socket.Listen(socket.Addr{Path: name}, 1); err == nil {
				var at socket.Addr
				at, err = served.LocalAddr()
				result = at.Path
			}
		case "close":
			err = served.Close()
		case "call":
			var c *socket.Conn
			if c, err = socket.Dial(socket.Addr{Path: name}); err == nil {
				var at socket.Addr
				at, err = c.RemoteAddr()
				result = at.Path
				c.Close()
			}
		case "list":
			var names []string
			err = filepath.WalkDir(name, func(path string, _ fs.DirEntry, err error) error {
				names = append(names, path)
				return err
			})
			result = strings.Join(names, ",")
		}
		var errno syscall.Errno
		if errors.As(err, &errno) {
			result = errno.Error()
		} else if err != nil {
			result = err.Error()
		}
		fmt.Printf("%s: %s\n", arg, result)
	}
}

// readFile reads a file, such as a FIFO, in a blocking call.
func readFile(args []string) {
	fd, err := syscall.Open(args[0], syscall.O_RDONLY, 0)
	check(err)
	ready()
	syscall.Read(fd, make([]byte, 1))
}

// swap makes d in a directory be, in turn, itself and the symbolic link beside it.
func swap(args []string) {
	check(os.Chdir(args[0]))
	for {
		for _, rename := range [][2]string{{"d", "other"}, {"link", "d"}, {"d", "link"}, {"other", "d"}} {
			check(os.Rename(rename[0], rename[1]))
		}
	}
}

// race does everything below d of a directory that swap changes, and prints each text that
// d/file was read to have.
func race(args []string) {
	check(os.Chdir(args[0]))
	duration, err := time.ParseDuration(args[1])
	check(err)
	texts := map[string]bool{}
	for began := time.Now(); time.Since(began) < duration; {
		if text, err := os.ReadFile("d/file"); err == nil {
			texts[string(text)] = true
		}
		os.WriteFile("d/new", nil, 0o666)
		os.Rename("d/new", "d/newer")
		os.Remove("d/newer")
		os.Mkdir("d/directory", 0o777)
		os.Remove("d/directory")
		os.Symlink("file", "d/soft")
		os.Remove("d/soft")
		os.Link("d/file", "d/hard")
		os.Remove("d/hard")
		os.Chtimes("d/file", time.Unix(7, 0), time.Unix(7, 0))
	}
	for text := range texts {
		fmt.Println(text)
	}
}
