//go:build race && unix

package racetest

import "syscall"

const enabled = true

// become makes this process one of another program.
func become(program string, args, environment []string) error {
	return syscall.Exec(program, args, environment)
}
