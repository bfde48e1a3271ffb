//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Server is one row of the tables.
type Server struct {
	Name    string
	Command string // for sh; {port} stands for the port
}

// A process is a running server.
type process struct {
	Server
	addr   string
	cmd    *exec.Cmd
	output bytes.Buffer // its output; read it only after ended
	ended  chan struct{}
	took   time.Duration // time to its first answer
}

// start starts the server and waits until it echoes as it should.
func (s Server) start(ctx context.Context) (*process, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := free.Addr().String()
	free.Close()
	_, port, _ := net.SplitHostPort(addr)

	p := &process{Server: s, addr: addr, ended: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, "sh", "-c", "exec "+strings.ReplaceAll(s.Command, "{port}", port))
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	// A group of its own, so that processes that it starts end with it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.cmd.Cancel = func() error { return syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }
	p.cmd.WaitDelay = 5 * time.Second
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	for deadline := time.Now().Add(time.Minute); ; {
		err = p.check()
		if err == nil {
			p.took = time.Since(began)
			return p, nil
		}
		select {
		case <-p.ended:
			return nil, p.death()
		case <-time.After(2 * time.Millisecond):
		}
		early := errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
		if !early || time.Now().After(deadline) {
			p.stop()
			return nil, fmt.Errorf("%s: %w; it said: %s", s.Name, err, p.said())
		}
	}
}

// check sends one request and compares the answer.
func (p *process) check() error {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Post("http://"+p.addr, "application/x-www-form-urlencoded", strings.NewReader("name=WasmEdge"))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if want := "echo: name=WasmEdge"; err == nil && (res.StatusCode != 200 || string(body) != want) {
		err = fmt.Errorf("the answer is %s with %q, not 200 with %q", res.Status, body, want)
	}
	return err
}

// alive returns an error if the server has ended.
func (p *process) alive() error {
	select {
	case <-p.ended:
		return p.death()
	default:
		return nil
	}
}

func (p *process) death() error {
	return fmt.Errorf("%s ended (%v); it said: %s", p.Name, p.cmd.ProcessState, p.said())
}

func (p *process) said() string {
	said := p.output.String()
	return strings.TrimSpace(said[max(0, len(said)-1000):])
}

func (p *process) stop() {
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// usage holds the CPU time and the resident memory of a process and its descendants.
type usage struct {
	cpu time.Duration
	rss int64 // bytes
}

// usage returns what the server has used so far.
func (p *process) usage() (usage, error) {
	stats := map[int]stat{}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return usage{}, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the process has ended meanwhile
		}
		s, err := parseStat(string(text))
		if err != nil {
			return usage{}, fmt.Errorf("%s: %w", file, err)
		}
		stats[s.pid] = s
	}
	if _, ok := stats[p.cmd.Process.Pid]; !ok {
		return usage{}, fmt.Errorf("%s has ended", p.Name)
	}
	return tree(stats, p.cmd.Process.Pid), nil
}

// tree returns the sum for a process and its descendants.
func tree(stats map[int]stat, pid int) usage {
	sum := stats[pid].usage
	for _, s := range stats {
		if s.parent == pid && s.pid != pid {
			below := tree(stats, s.pid)
			sum.cpu += below.cpu
			sum.rss += below.rss
		}
	}
	return sum
}

// A stat is a line of /proc/PID/stat.
type stat struct {
	pid, parent int
	usage
}

// Units of a stat line.
const tick = time.Second / 100 // USER_HZ, the same on every Linux that Go runs on

var pageSize = os.Getpagesize()

func parseStat(line string) (stat, error) {
	// The program's name, in parentheses, may hold anything.
	end := strings.LastIndexByte(line, ')')
	pid, _, ok := strings.Cut(line, " (")
	fields := strings.Fields(line[end+1:])
	if end < 0 || !ok || len(fields) < 22 {
		return stat{}, fmt.Errorf("unexpected line %q", line)
	}
	var n [5]int64
	for i, field := range []string{pid, fields[1], fields[11], fields[12], fields[21]} {
		var err error
		if n[i], err = strconv.ParseInt(field, 10, 64); err != nil {
			return stat{}, fmt.Errorf("unexpected line %q", line)
		}
	}
	return stat{int(n[0]), int(n[1]), usage{time.Duration(n[2]+n[3]) * tick, n[4] * int64(pageSize)}}, nil
}
