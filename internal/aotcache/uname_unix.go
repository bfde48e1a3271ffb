//go:build linux || darwin

package aotcache

import "golang.org/x/sys/unix"

// system returns what uname -sm prints.
func system() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Machine[:]) + "\n"
}
