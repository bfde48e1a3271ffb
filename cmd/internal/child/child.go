// Package child runs a program on behalf of this process: it passes signals on to the program, and
// returns the exit code.
package child

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// Run runs cmd to its end and passes signals on to it. Processes that cmd starts get them too:
// from the terminal, if there is one, and otherwise from Run, which then waits until they have
// ended. The code is that of a shell: 128 and the signal's number if a signal ended cmd. Run
// returns an error if cmd cannot be started or waited for.
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
