//go:build linux

package main

import (
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

//go:embed echo.lua
var echoScript []byte

// loads lists the kinds of requests, each with the script that makes wrk send it, if any.
var loads = []struct{ name, script string }{
	{"POST", "echo.lua"},
	{"GET", ""},
}

// A result holds what wrk reports.
type result struct {
	requests int
	took     time.Duration
	p50, p99 time.Duration
	wrkCPU   time.Duration // CPU time that wrk itself used
	errors   string        // socket errors and answers other than 2xx and 3xx; "" means none
}

// wrk sends requests to addr for window, from one thread and with n connections.
func wrk(ctx context.Context, addr string, n int, window time.Duration, script string) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, window+patience)
	defer cancel()
	args := []string{"-t1", fmt.Sprintf("-c%d", n), fmt.Sprintf("-d%ds", int(window.Seconds())), "--latency"}
	if script != "" {
		args = append(args, "-s", script)
	}
	cmd := exec.CommandContext(ctx, "wrk", append(args, "http://"+addr+"/")...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return result{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	r, err := parseWrk(string(out))
	r.wrkCPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return r, err
}

var (
	wrkTotal   = regexp.MustCompile(`(?m)^\s*(\d+) requests in ([0-9.]+[a-z]+),`)
	wrkLatency = regexp.MustCompile(`(?m)^\s*(50|99)%\s+([0-9.]+[a-z]+)$`)
	wrkErrors  = regexp.MustCompile(`(?m)^\s*((?:Socket errors|Non-2xx).*)$`)
)

func parseWrk(out string) (result, error) {
	var r result
	total := wrkTotal.FindStringSubmatch(out)
	if total == nil {
		return r, fmt.Errorf("wrk said something unexpected:\n%s", out)
	}
	var err, err2 error
	if r.requests, err = strconv.Atoi(total[1]); err == nil {
		r.took, err = time.ParseDuration(total[2])
	}
	for _, line := range wrkLatency.FindAllStringSubmatch(out, -1) {
		to := &r.p50
		if line[1] == "99" {
			to = &r.p99
		}
		*to, err2 = time.ParseDuration(line[2])
	}
	if err != nil || err2 != nil || r.took <= 0 {
		return r, fmt.Errorf("wrk said something unexpected:\n%s", out)
	}
	for _, line := range wrkErrors.FindAllStringSubmatch(out, -1) {
		r.errors = strings.TrimPrefix(r.errors+"; "+line[1], "; ")
	}
	return r, nil
}
