//go:build !unix

package supervisor

import (
	"os"
	"syscall"
)

// heeded are the signals that a command takes.
var heeded = []os.Signal{os.Interrupt, syscall.SIGTERM}

// ends reports whether a signal is one to end for.
func ends(os.Signal) bool { return true }
