//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// A sample is one measurement of one server.
type sample struct {
	server      string
	load        string // GET, POST, rest, start, or the load of a job
	idle, conns int
	round       int
	result                      // of wrk; empty at rest
	fresh       []time.Duration // how long newcomers waited, if many connections are active
	cpu         float64         // seconds of server CPU
	cpus        float64         // number of CPUs of the machine
	wall        float64         // seconds
	rss         int64           // bytes, afterwards
}

func (s sample) perSecond() float64    { return float64(s.requests) / s.took.Seconds() }
func (s sample) perCPUSecond() float64 { return float64(s.requests) / max(s.cpu, 0.01) }
func (s sample) perRequest() float64   { return 1 / s.perCPUSecond() }

// usedCPU returns the fraction of the CPU time that the server used, of the time that wrk left.
func (s sample) usedCPU() float64 { return s.cpu / (s.cpus*s.wall - s.wrkCPU.Seconds()) }

// A session is one run of a plan.
type session struct {
	plan
	script  string // directory of the scripts for wrk
	running []*process
	samples []sample
	faults  []string // problems that did not end the session
}

func run(ctx context.Context, p plan) error {
	s := &session{plan: p}
	var err error
	if s.script, err = os.MkdirTemp("", "bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.script)
	if err := os.WriteFile(filepath.Join(s.script, "echo.lua"), echoScript, 0o644); err != nil {
		return err
	}
	if err := os.MkdirAll(p.out, 0o755); err != nil {
		return err
	}
	defer func() {
		for _, p := range s.running {
			p.stop()
		}
	}()
	for _, server := range p.servers {
		say("starting %s", server.Name)
		running, err := server.start(ctx)
		if err != nil {
			return err
		}
		s.running = append(s.running, running)
	}
	if err := s.verifyCompiled(ctx); err != nil {
		return err
	}
	for round := range p.rounds {
		if err := s.work(ctx, round); err != nil {
			return err
		}
		if err := s.starts(ctx, round); err != nil {
			return err
		}
		for _, level := range p.levels {
			if err := s.level(ctx, round, level); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(s.write(), s.plots()); err != nil {
		return err
	}
	if len(s.faults) > 0 {
		return fmt.Errorf("%d faults, which %s lists", len(s.faults), filepath.Join(p.out, "results.md"))
	}
	return nil
}

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

// verifyCompiled measures each interpreter and the server of the same name for a short time, and
// returns an error if the server is not at least twice as fast.
func (s *session) verifyCompiled(ctx context.Context) error {
	for _, interpreter := range s.interpreters {
		var compiled *process
		for _, p := range s.running {
			if p.Name == interpreter.Name {
				compiled = p
			}
		}
		if compiled == nil {
			return fmt.Errorf("-interpreter %s: no server has that name", interpreter.Name)
		}
		p, err := interpreter.start(ctx)
		if err != nil {
			return err
		}
		slow, err := s.measure(ctx, p, "GET", "", 64, time.Second)
		p.stop()
		if err != nil {
			return err
		}
		fast, err := s.measure(ctx, compiled, "GET", "", 64, time.Second)
		if err != nil {
			return err
		}
		ratio := fast.perCPUSecond() / slow.perCPUSecond()
		say("%s does %.1f times as much per CPU second as the interpreter", compiled.Name, ratio)
		if ratio < 2 {
			return fmt.Errorf("%s is interpreted: its compiled code is not used", compiled.Name)
		}
	}
	return nil
}

// starts starts each server once more, and measures the time to its first answer.
func (s *session) starts(ctx context.Context, round int) error {
	for _, server := range s.servers {
		p, err := server.start(ctx)
		if err != nil {
			return err
		}
		p.stop()
		s.samples = append(s.samples, sample{server: server.Name, load: "start", round: round, wall: p.took.Seconds()})
	}
	return nil
}

// level measures every server with idle connections to each. The order of the servers moves on by
// one from round to round.
func (s *session) level(ctx context.Context, round, idle int) error {
	say("round %d of %d, %d idle connections", round+1, s.rounds, idle)
	crowds, err := s.openCrowds(ctx, idle)
	if err != nil {
		return err
	}
	if err := s.rested(ctx, round, idle); err != nil {
		return err
	}
	for _, load := range loads {
		if load.name == "GET" && idle > 0 {
			continue // the two differ by the same amount at every level
		}
		script := load.script
		if script != "" {
			script = filepath.Join(s.script, script)
		}
		for _, conns := range s.conns {
			for i := range s.running {
				p := s.running[(i+round)%len(s.running)]
				sample, err := s.measure(ctx, p, load.name, script, conns, s.window)
				if err != nil {
					return err
				}
				sample.idle, sample.round = idle, round
				s.samples = append(s.samples, sample)
				if sample.errors != "" {
					s.fault("%s, %s, %d idle, %d active: %s", p.Name, load.name, idle, conns, sample.errors)
				}
			}
		}
	}
	for i, c := range crowds {
		if err := c.close(); err != nil {
			s.fault("%s, %d idle: %v", s.running[i].Name, idle, err)
		}
	}
	return nil
}

func (s *session) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	say("FAULT: %s", text)
	s.faults = append(s.faults, text)
}

// openCrowds opens idle connections to every server, one crowd each.
func (s *session) openCrowds(ctx context.Context, idle int) ([]*crowd, error) {
	if idle == 0 {
		return nil, nil
	}
	crowds := make([]*crowd, len(s.running))
	errs := make([]error, len(s.running))
	var wg sync.WaitGroup
	for i, p := range s.running {
		wg.Go(func() { crowds[i], errs[i] = openCrowd(ctx, p.addr, idle) })
	}
	wg.Wait()
	for i, p := range s.running {
		if errs[i] != nil {
			errs[i] = fmt.Errorf("%s: %w", p.Name, errs[i])
		}
	}
	return crowds, errors.Join(errs...)
}

// rested measures all servers at once without requests.
func (s *session) rested(ctx context.Context, round, idle int) error {
	select { // lets work that was begun end
	case <-time.After(time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	before := make([]usage, len(s.running))
	for i, p := range s.running {
		var err error
		if before[i], err = p.usage(); err != nil {
			return errors.Join(err, p.alive())
		}
	}
	began := time.Now()
	select {
	case <-time.After(s.rest):
	case <-ctx.Done():
		return ctx.Err()
	}
	for i, p := range s.running {
		after, err := p.usage()
		if err != nil {
			return errors.Join(err, p.alive())
		}
		s.samples = append(s.samples, sample{server: p.Name, load: "rest", idle: idle, round: round,
			cpu: (after.cpu - before[i].cpu).Seconds(), wall: time.Since(began).Seconds(), rss: after.rss})
	}
	return nil
}

// measure loads one server for a window.
func (s *session) measure(ctx context.Context, p *process, load, script string, conns int, window time.Duration) (sample, error) {
	before, err := p.usage()
	if err != nil {
		return sample{}, errors.Join(err, p.alive())
	}
	began := time.Now()
	loaded, ended := context.WithCancel(ctx)
	defer ended()
	var fresh []time.Duration
	var failed error
	var coming sync.WaitGroup
	if conns > 1 {
		coming.Go(func() { fresh, failed = newcomers(loaded, p.addr) })
	}
	r, err := wrk(ctx, p.addr, conns, window, script)
	ended()
	coming.Wait()
	if err != nil {
		return sample{}, errors.Join(fmt.Errorf("%s: %w", p.Name, err), p.alive())
	}
	if failed != nil {
		r.errors = strings.TrimPrefix(r.errors+"; a newcomer: "+failed.Error(), "; ")
	}
	wall := time.Since(began).Seconds()
	after, err := p.usage()
	if err != nil {
		return sample{}, errors.Join(err, p.alive())
	}
	return sample{server: p.Name, load: load, conns: conns, result: r, fresh: fresh,
		cpu: (after.cpu - before.cpu).Seconds(), cpus: float64(runtime.NumCPU()), wall: wall, rss: after.rss}, nil
}
