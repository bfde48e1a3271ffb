//go:build wasip1

package os

import "syscall"

// Pipe returns a connected pair of Files; reads from r return bytes written to w. The
// pipe is in the memory of the program.
func Pipe() (r *File, w *File, err error) {
	var p [2]int
	if err := syscall.Pipe(p[:]); err != nil {
		return nil, nil, NewSyscallError("pipe", err)
	}
	return newFile(p[0], "|0", kindPipe, false), newFile(p[1], "|1", kindPipe, false), nil
}
