//go:build unix

package host

import (
	"os"
	"syscall"

	"github.com/wasisock/wasisock/sockabi"
)

// signals are the numbers that guests have for signals of the operating system.
var signals = map[os.Signal]int{
	syscall.SIGHUP:   sockabi.SIGHUP,
	syscall.SIGINT:   sockabi.SIGINT,
	syscall.SIGQUIT:  sockabi.SIGQUIT,
	syscall.SIGUSR1:  sockabi.SIGUSR1,
	syscall.SIGUSR2:  sockabi.SIGUSR2,
	syscall.SIGTERM:  sockabi.SIGTERM,
	syscall.SIGWINCH: sockabi.SIGWINCH,
}
