package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/wasisock/wasisock/cmd/internal/otlp"
	"github.com/wasisock/wasisock/cmd/internal/report"
	"github.com/wasisock/wasisock/host/hostmetrics"
)

// A running holds the options of one run of the command, and everything that the run has opened.
type running struct {
	*runOptions
	stdin          io.Reader
	stdout, stderr io.Writer
	messages       *report.Output
	log            *slog.Logger         // prints to messages
	registry       *prometheus.Registry // nil without metrics
	closers        []func()
	reads          rereading
}

// A buildError means that the go command failed, with this exit code.
type buildError struct{ code int }

func (e *buildError) Error() string { return "it cannot be built" }

// open builds the guest if necessary, opens the files and listeners that the options name, and
// completes the command with them. Then it confines this process. After an error, close closes
// those that are open.
func (r *running) open() error {
	guest := &r.command.Guest
	guest.Stdin, guest.Stdout, guest.Stderr = r.stdin, r.stdout, r.stderr
	built := sources(r.args) // the number of arguments that are sources
	r.confined.builds, r.reads.built = built > 0, built
	r.onClose(r.confined.begin())
	for _, open := range []func() error{
		r.openFaults, r.openRoots, r.openListeners, r.openMetrics, r.openEndpoints, r.openOTLP,
		func() error { return r.openModule(built) },
		r.openPIDFile, r.openTrace, r.openProfile, r.openSystemd,
	} {
		if err := open(); err != nil {
			return err
		}
	}
	r.command.Log, r.command.LogGuest = r.log, r.logs.guest
	r.command.Remedy = func(rule string) string { return "allow it with --allow '" + rule + "'" }
	r.printSummary()
	if r.config != "" {
		r.reads.filed, r.command.Reread = r.filed, r.reread
		r.confined.configs = append(r.given["policy"], r.config)
	}
	r.confined.file, r.confined.rules, r.confined.listeners = r.command.File, slices.Concat(r.allow, r.filed), r.listeners
	if err := r.confined.apply(guest, &r.command.Engine); err != nil {
		return fmt.Errorf("cannot confine wasisock: %v; run it with --no-confine", err)
	}
	return nil
}

func (r *running) onClose(do func()) { r.closers = append(r.closers, do) }

// close calls the functions that onClose got, in reverse order, as defer does.
func (r *running) close() {
	for _, do := range slices.Backward(r.closers) {
		do()
	}
}

func (r *running) openFaults() (err error) {
	if r.command.Guest.Faults, err = r.faults.parse(r.log); err != nil {
		return fmt.Errorf("--fault: %v", err)
	}
	return nil
}

func (r *running) openRoots() error {
	if !r.roots.set {
		return nil
	}
	guest := &r.command.Guest
	before := len(guest.Env)
	remove, err := r.roots.give(guest)
	if err != nil {
		return fmt.Errorf("--tls-roots: %v", err)
	}
	r.reads.rootsEnv = guest.Env[before:]
	r.onClose(remove)
	return nil
}

func (r *running) openListeners() (err error) {
	guest := &r.command.Guest
	var whenReady func()
	if guest.Listeners, whenReady, err = r.listeners.open(r.listenWhenReady); err != nil {
		return err
	}
	r.onClose(func() { closeAll(guest.Listeners) })
	r.command.OnReady = whenReady
	r.command.Advise, r.command.Own = r.listeners.advise, r.listeners.own(guest.Listeners)
	return nil
}

func (r *running) openEndpoints() error {
	shutDown, err := r.endpoints.serve(r.log, &r.monitor, r.registry)
	if err != nil {
		return err
	}
	r.onClose(shutDown)
	r.command.Monitor = &r.monitor
	return nil
}

// openMetrics makes the guests count, if a flag asks for metrics.
func (r *running) openMetrics() error {
	if r.endpoints.metrics == "" && r.otlp == nil {
		return nil
	}
	r.registry = prometheus.NewRegistry()
	r.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m, err := hostmetrics.New(r.registry)
	if err != nil {
		return err
	}
	r.command.Observe, r.command.Restarted, r.command.Abandoned = m.Module, m.Restarted, m.Abandoned
	return nil
}

func (r *running) openOTLP() error {
	if r.otlp == nil {
		return nil
	}
	e, err := otlp.Start(otlp.Config{
		Endpoint: r.otlp, Registry: r.registry, Log: r.log,
		Service: strings.TrimSuffix(guestName(r.args), ".wasm"), Version: ownVersion(),
	})
	if err != nil {
		return fmt.Errorf("--otlp-endpoint: %v", err)
	}
	r.onClose(e.Close)
	r.command.Prepare, r.confined.dials = e.Watch, otlp.Ports(r.otlp)
	return nil
}

// openModule sets the guest's file and arguments. If built is not 0, it builds the file from
// that many arguments.
func (r *running) openModule(built int) error {
	file, args := r.args[0], r.args
	if built > 0 {
		if r.command.Watch {
			return errors.New("--watch watches a file; build it with wasisock build, or leave --watch out and send SIGHUP")
		}
		temp, err := os.MkdirTemp("", "wasisock-run-")
		if err != nil {
			return err
		}
		r.onClose(func() { os.RemoveAll(temp) })
		file = filepath.Join(temp, guestName(args))
		build := func() error {
			if code := buildTo(file, r.args[:built], r.stdin, r.stderr); code != 0 {
				return &buildError{code}
			}
			return nil
		}
		if err := build(); err != nil {
			return err
		}
		args = append([]string{file}, r.args[built:]...)
		r.command.Rebuild = build
	}
	r.command.File, r.command.Guest.Args = file, args
	r.command.Engine.Name, r.command.Engine.Progress = filepath.Base(file), report.Progress(r.log)
	return nil
}

func (r *running) openPIDFile() error {
	if r.pidFile == "" {
		return nil
	}
	remove, err := writePIDFile(r.pidFile)
	if err != nil {
		return fmt.Errorf("--pid-file: %v", err)
	}
	r.onClose(remove)
	r.confined.pidFile = r.pidFile
	return nil
}

func (r *running) openTrace() error {
	trace, finish, err := r.traced.start(r.messages, r.log)
	if err != nil {
		return err
	}
	r.onClose(finish)
	r.command.Guest.Trace = trace
	return nil
}

func (r *running) openProfile() error {
	profile, finish, err := cpuProfile(r.profile).start(r.log)
	if err != nil {
		return err
	}
	r.onClose(finish)
	r.command.Engine.CPUProfile = profile
	return nil
}
