package host

import (
	"errors"
	"fmt"
	"os"
)

// ErrSignal is returned by Cmd.Signal for a signal that the guest neither handles nor ignores.
var ErrSignal = errors.New("the guest does not handle this signal")

// Signal sends the guest a signal: SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 or
// SIGWINCH, by the number of the host's operating system.
//
// A guest that handles the signal, as with signal.Notify in a program of wasisock build, gets
// it when it next waits. There is no default action: for a guest that does not handle it,
// Signal returns ErrSignal and does nothing; use Stop or Shutdown. For a guest that ignores the
// signal, Signal returns nil.
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
