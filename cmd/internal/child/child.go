// Package child runs a program in the place of the command that was called: with its
// signals, and for its exit code.
package child

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// Run runs cmd to its end and passes signals on to it. What cmd starts has them too: from
// the terminal, if there is one, and otherwise from Run, which waits for those that end of
// one. The code is the one of a shell: for a program that a signal
// ended, 128 and its number. With an error there was no program to run.
func Run(cmd *exec.Cmd) (code int, err error) {
	signals := make(chan os.Signal, 8)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	defer signal.Stop(signals)
	family := familyOf(cmd)
	if err := cmd.Start(); err != nil {
		return -1, err
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case s := <-signals:
				family.signal(s)
			case <-ended:
				return
			}
		}
	}()
	err = cmd.Wait()
	family.wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return -1, err
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}
