//go:build unix

package oci

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// lock locks a file against other processes. It returns nil if others keep the lock for longer
// than patience.
func lock(ctx context.Context, file string, patience time.Duration) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { f.Close() }, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			f.Close()
			return nil, os.NewSyscallError("flock", err)
		}
		select {
		case <-ctx.Done():
			return nil, f.Close()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lowerRights has the command run as the user compiler.
func lowerRights(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: compiler, Gid: compiler}}
}

// Become replaces this process by another program. It returns only after an error.
func Become(path string, args, environment []string) error {
	return syscall.Exec(path, args, environment)
}
