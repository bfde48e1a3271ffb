package host

import (
	"errors"
	"fmt"
	"os"
)

// ErrSignal is the error of Cmd.Signal for a signal that the guest neither handles nor
// ignores.
var ErrSignal = errors.New("the guest does not handle this signal")

// Signal sends the guest a signal: SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 or
// SIGWINCH, by the number of the host's operating system.
//
// A guest that handles it, as with signal.Notify in a program of wasisock build, learns
// of it when it next waits, and does what it likes. Other guests go on, and the error is
// ErrSignal: there is no default action, for which Stop and Shutdown are. A guest that
// ignores the signal goes on too, without an error.
//
// Signal may be called from any goroutine after Start.
func (c *Cmd) Signal(s os.Signal) error {
	if c.guest == nil {
		return errors.New("there is no guest to signal; call Start before")
	}
	number, ok := signals[s]
	if !ok {
		return fmt.Errorf("guests have no signal %v", s)
	}
	if !c.guest.Signal(number) {
		return ErrSignal
	}
	return nil
}
