//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A soak is a server under load for a long time, whose guest is replaced again and again.
type soak struct {
	*process
	asked, lost atomic.Int64 // requests of clients that follow HTTP
	resets      atomic.Int64
	last        atomic.Pointer[error] // the error of the last lost request
}

const (
	soakWindow   = 10 * time.Second // time of one line of the table
	soakRestart  = 2 * soakWindow
	soakPause    = 2 * time.Millisecond // of each client between two requests
	soakWrkConns = 32
)

// soakMain soaks a server and prints its use of memory and CPU, one line for each window. It
// returns an error if a request was lost, or if memory or descriptors grow.
func soakMain(ctx context.Context, command, duration string) error {
	d, err := time.ParseDuration(duration)
	if err != nil || d < 4*soakWindow {
		return fmt.Errorf("%s is not a time of at least %v", duration, 4*soakWindow)
	}
	p, err := Server{Name: "soaked", Command: command}.start(ctx)
	if err != nil {
		return err
	}
	defer p.stop()
	s := &soak{process: p}
	ctx, stop := context.WithCancel(ctx)
	var clients sync.WaitGroup
	defer clients.Wait()
	defer stop()
	for i := range 4 {
		clients.Go(func() { s.client(ctx, i%2 == 0) })
	}
	clients.Go(func() { s.reset(ctx) })
	restarts := 0
	var replaced time.Time
	var windows []window
	fmt.Println("seconds\tMB\tdescriptors\tthreads\trequests of wrk\terrors of wrk\tother requests\tlost\tresets\trestarts")
	for began := time.Now(); time.Since(began) < d; {
		if time.Since(replaced) >= soakRestart {
			replaced = time.Now()
			restarts++
			if err := syscall.Kill(p.cmd.Process.Pid, syscall.SIGHUP); err != nil {
				return err
			}
		}
		r, err := wrk(ctx, p.addr, soakWrkConns, soakWindow, "")
		if err != nil {
			return errors.Join(err, p.alive())
		}
		w, err := p.window()
		if err != nil {
			return errors.Join(err, p.alive())
		}
		windows = append(windows, w)
		fmt.Printf("%.0f\t%d\t%d\t%d\t%d\t%s\t%d\t%d\t%d\t%d\n", time.Since(began).Seconds(), w.rss>>20, w.descriptors, w.threads,
			r.requests, strings.TrimPrefix(r.errors, "Socket errors: "), s.asked.Load(), s.lost.Load(), s.resets.Load(), restarts)
	}
	stop()
	clients.Wait()
	if n := s.lost.Load(); n > 0 {
		return fmt.Errorf("%d requests of %d were lost, the last with: %w", n, s.asked.Load(), *s.last.Load())
	}
	return grown(windows)
}

// client sends requests until ctx is done, on a connection that it keeps or on a new one each
// time. net/http repeats a request if a server closes a connection that waited for one, as HTTP
// specifies.
func (s *soak) client(ctx context.Context, keep bool) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: !keep}}
	defer client.CloseIdleConnections()
	for ctx.Err() == nil {
		text := strconv.Itoa(rand.Int())
		if err := s.askOnce(&client, text); err != nil {
			s.lost.Add(1)
			s.last.Store(&err)
		}
		s.asked.Add(1)
		time.Sleep(soakPause)
	}
}

func (s *soak) askOnce(client *http.Client, text string) error {
	req, err := http.NewRequest("GET", "http://"+s.addr+"/", strings.NewReader(text))
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode != 200 || string(body) != "echo: "+text) {
		err = fmt.Errorf("the answer to %s is %s %q", text, res.Status, body)
	}
	return err
}

// reset begins requests, and resets their connections at any moment.
func (s *soak) reset(ctx context.Context) {
	const request = "POST / HTTP/1.1\r\nHost: bench\r\nContent-Length: 100\r\n\r\nhalf of what it should be"
	for ctx.Err() == nil {
		if c, err := net.DialTimeout("tcp", s.addr, patience); err == nil {
			io.WriteString(c, request[:rand.IntN(len(request)+1)])
			time.Sleep(rand.N(soakPause))
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
			s.resets.Add(1)
		}
		time.Sleep(soakPause)
	}
}

// A window is a process's use of memory and CPU at a moment.
type window struct {
	rss                  int64
	descriptors, threads int
}

func (p *process) window() (window, error) {
	u, err := p.usage()
	if err != nil {
		return window{}, err
	}
	count := func(what string) int {
		entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, what))
		return len(entries)
	}
	return window{u.rss, count("fd"), count("task")}, nil
}

// grown returns an error if the last quarter needs a fifth more than the second. The first quarter
// fills caches.
func grown(windows []window) error {
	quarter := len(windows) / 4
	for _, what := range []struct {
		name string
		of   func(window) float64
	}{
		{"bytes of memory", func(w window) float64 { return float64(w.rss) }},
		{"descriptors", func(w window) float64 { return float64(w.descriptors) }},
		{"threads", func(w window) float64 { return float64(w.threads) }},
	} {
		of := func(windows []window) float64 {
			var all []float64
			for _, w := range windows {
				all = append(all, what.of(w))
			}
			return median(all)
		}
		before, after := of(windows[quarter:2*quarter]), of(windows[len(windows)-quarter:])
		fmt.Printf("%s: %.0f in the second quarter, %.0f in the last (medians)\n", what.name, before, after)
		if after > 1.2*before+10 {
			return fmt.Errorf("%s grow: %.0f, later %.0f", what.name, before, after)
		}
	}
	return nil
}
