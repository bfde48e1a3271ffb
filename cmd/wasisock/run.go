package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/cmd/internal/report"
	"github.com/wasisock/wasisock/cmd/internal/supervisor"
	"github.com/wasisock/wasisock/host"
)

// runGuest runs the guest that o names, and returns the exit code.
func runGuest(o *runOptions, stdin io.Reader, stdout, stderr io.Writer) int {
	messages := report.NewOutput(stderr, "wasisock") // all except those of the go command
	defer messages.Close()
	o, err := o.configured()
	if err == nil {
		err = o.validate()
	}
	if err == nil && o.printConfig {
		var none []string
		if err = cli.PrintConfig(stdout, o.configKeys(&none), o.given); err == nil {
			return 0
		}
	}
	if err != nil {
		return failed(messages, "%v", err)
	}
	log := report.NewLog(messages, "wasisock", o.logs.format, o.logs.level).With("guest", guestName(o.args))
	r := running{runOptions: o, stdin: stdin, stdout: stdout, stderr: stderr, messages: messages, log: log}
	defer r.close()
	if err := r.open(); err != nil {
		var failure *buildError
		if errors.As(err, &failure) { // the go command has reported it
			return failure.code
		}
		log.Error(err.Error())
		return supervisor.ExitFailed
	}
	return r.command.Run()
}

// sources returns how many of args must be built: the Go files at the beginning, or one package,
// or 0 for a guest. A guest is a name that ends in .wasm, or another file that is not a directory.
func sources(args []string) int {
	n := 0
	for n < len(args) && strings.HasSuffix(args[n], ".go") {
		n++
	}
	if n > 0 || strings.HasSuffix(args[0], ".wasm") {
		return n
	}
	if info, err := os.Stat(args[0]); err == nil && !info.IsDir() || errors.Is(err, fs.ErrPermission) {
		return 0
	}
	return 1
}

// guestName returns the name of the guest of a command line, for messages.
func guestName(args []string) string {
	if sources(args) > 0 {
		return programName(args[0]) + ".wasm"
	}
	return filepath.Base(args[0])
}

// programName returns the name of a program built from a package or a file, for messages.
func programName(arg string) string {
	arg, _, _ = strings.Cut(arg, "@") // PACKAGE@VERSION
	if path, err := filepath.Abs(arg); err == nil {
		arg = path
	}
	return strings.TrimSuffix(filepath.Base(arg), ".go")
}

// tlsRoots is the flag --tls-roots, which may have a value.
type tlsRoots struct {
	set  bool
	file string // PEM; "" means the system's
}

func (r *tlsRoots) Set(v string) error {
	r.set, r.file = true, v
	if v == "true" { // no value
		r.file = ""
	}
	return nil
}

// give adds the certificates, as a directory and as SSL_CERT_FILE, to what the guest has. It
// returns an error if the guest has SSL_CERT_FILE already. remove removes the directory.
func (r *tlsRoots) give(guest *host.Cmd) (remove func(), err error) {
	for _, v := range guest.Env {
		if strings.HasPrefix(v, "SSL_CERT_FILE=") {
			return nil, errors.New("it sets SSL_CERT_FILE, and so does --env; leave out one of them")
		}
	}
	file := r.file
	if file == "" {
		if file, err = options.Bundle(); err != nil {
			return nil, err
		}
	}
	dir, env, remove, err := options.Roots(file)
	if err != nil {
		return nil, err
	}
	guest.Dirs, guest.Env = append(guest.Dirs, dir), append(guest.Env, env)
	return remove, nil
}

// prefixed writes each line to w with the command's name in front. Each Write must be one line.
type prefixed struct{ w io.Writer }

func (p prefixed) Write(line []byte) (int, error) {
	_, err := fmt.Fprintf(p.w, "wasisock: %s", line)
	return len(line), err
}
