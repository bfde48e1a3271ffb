//go:build unix

package codecache

import (
	"fmt"
	"os"
	"syscall"
)

// Check returns an error, with the remedy, if another user than root and this one can change files
// in a directory.
func Check(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	switch {
	case owner != 0 && int(owner) != os.Geteuid():
		return fmt.Errorf("cache %s: user %d owns it, neither root nor the user of this process, and could change the code that runs; "+
			"name a directory of your own", dir, owner)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("cache %s: its group or others can write to it (%v), and could change the code that runs; "+
			"delete what it holds and run chmod go-w %[1]s, or name a directory that does not exist yet", dir, info.Mode().Perm())
	}
	return nil
}

// Secure takes the right to write to a directory of this user from group and others, and then
// checks the directory. A missing directory is secure.
func Secure(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return nil
	}
	if int(info.Sys().(*syscall.Stat_t).Uid) == os.Geteuid() && info.Mode().Perm()&0o022 != 0 {
		err = os.Chmod(dir, info.Mode().Perm()&^0o022)
	}
	if err != nil {
		return err
	}
	return Check(dir)
}
