//go:build race && unix

package racetest

import "syscall"

// Enabled reports whether the race detector is in this program.
const Enabled = true

// become replaces this process by one of another program.
func become(program string, args, environment []string) error {
	return syscall.Exec(program, args, environment)
}
