//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// A job is a command that ends, whose CPU time is measured.
type job struct {
	name    string
	command string // for sh; {out} stands for an empty directory, {requests} for plan.requests
	load    string // compile, or memory for one that answers requests from memory
}

// longJob is the time from which a job is done only once, and not in every round.
const longJob = 20 * time.Second

// work does every job.
func (s *session) work(ctx context.Context, round int) error {
	for _, j := range s.jobs {
		if before := s.find(j.name, j.load, 0, 0); len(before) > 0 && before[0].wall > longJob.Seconds() {
			continue
		}
		say("%s: %s", j.load, j.name)
		sample, err := s.do(ctx, j)
		if err != nil {
			return err
		}
		sample.round = round
		s.samples = append(s.samples, sample)
	}
	return nil
}

func (s *session) do(ctx context.Context, j job) (sample, error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return sample{}, err
	}
	defer os.RemoveAll(dir)
	command := strings.NewReplacer("{out}", dir, "{requests}", strconv.Itoa(s.requests)).Replace(j.command)
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+command)
	began := time.Now()
	said, err := cmd.CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("%s, %s: %w; it said: %s", j.load, j.name, err, said)
	}
	done := sample{server: j.name, load: j.load, wall: time.Since(began).Seconds(),
		cpu: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()}
	if j.load == "memory" {
		done.requests = s.requests
	}
	return done, nil
}

// named returns the names of the jobs of a load.
func (s *session) named(load string) []string {
	var names []string
	for _, j := range s.jobs {
		if j.load == load {
			names = append(names, j.name)
		}
	}
	return names
}
