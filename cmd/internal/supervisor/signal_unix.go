//go:build unix

package supervisor

import (
	"os"
	"syscall"
)

// heeded are the signals that a command takes.
var heeded = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}

// ends reports whether a signal is one to end for.
func ends(s os.Signal) bool {
	return s == syscall.SIGINT || s == syscall.SIGTERM || s == syscall.SIGQUIT
}
