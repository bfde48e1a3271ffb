package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/wasisock/wasisock/prove/internal/engine"
)

// namespaces returns an error if network namespaces cannot be made here.
func namespaces(ctx context.Context) error {
	if out, err := inNamespace(ctx, "true").CombinedOutput(); err != nil {
		return fmt.Errorf("the tests need a network namespace, which unshare cannot make here: %w: %s\ninstall util-linux and iproute2, and run this as root or where users may make namespaces, on a kernel with veth devices", err, bytes.TrimSpace(out))
	}
	return nil
}

// A namespace has a loopback, and a network with the addresses of RFC 2544 and RFC 5180, at which
// Go's tests expect hosts that never answer. Nothing answers there.
const network = `ip link set lo up &&
ip link add hole type veth peer name bottom && ip link set bottom up && ip link set hole up &&
ip address add 198.18.0.1/15 dev hole && ip address add 2001:2::1/48 dev hole nodad && exec "$@"`

// inNamespace returns a command that runs in a network namespace of its own.
func inNamespace(ctx context.Context, command ...string) *exec.Cmd {
	args := []string{"--net"}
	if os.Getuid() != 0 {
		args = append(args, "--map-root-user")
	}
	args = append(args, "--", "sh", "-c", network, "sh")
	return exec.CommandContext(ctx, "unshare", append(args, command...)...)
}

// execute runs a test program in dir, and writes its output to log. It returns an error if the
// program does not exit by itself.
func execute(ctx context.Context, e *engine.Engine, program, dir string, args []string, limit time.Duration, log *os.File) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := inNamespace(limited, e.Command(guestFlags(dir), program, args...)...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case limited.Err() != nil:
		return fmt.Errorf("it was killed after %v", limit)
	case errors.As(err, &exit):
		return fmt.Errorf("it ended with %v", exit)
	}
	return err
}

// guestFlags returns flags that give a program the file system, and the environment that tests
// read. Programs for wasip1 learn their working directory from PWD.
func guestFlags(dir string) []string {
	flags := []string{"--dir", "/:/", "--env", "PWD=" + dir}
	for _, v := range []string{"HOME", "PATH", "USER", "TMPDIR", "WASISOCK_GATHER"} {
		if value := os.Getenv(v); value != "" {
			flags = append(flags, "--env", v+"="+value)
		}
	}
	return flags
}
