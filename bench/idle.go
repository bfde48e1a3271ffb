//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Another process of this program holds the idle connections, because one process has too few
// descriptors for the connections to all servers.

// atOnce is how many connections are opened at a time, well below 128, the queue of a server with
// a small backlog: if the queue is full, the kernel delays a connection by a second.
const atOnce = 64

// patience is how long an answer may take.
const patience = 20 * time.Second

// A crowd holds idle connections to one server. Each has had one answer.
type crowd struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
	n     int
}

// openCrowd opens n connections to addr.
func openCrowd(ctx context.Context, addr string, n int) (*crowd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &crowd{cmd: exec.CommandContext(ctx, self, "idle", addr, strconv.Itoa(n)), n: n}
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C does not reach it; the end of stdin ends it
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.lines = bufio.NewScanner(out)
	if !c.lines.Scan() {
		c.cmd.Wait()
		return nil, fmt.Errorf("could not open %d connections to %s", n, addr)
	}
	return c, nil
}

// close requests one more answer on every connection, closes the connections, and returns an error
// if one was not alive.
func (c *crowd) close() error {
	c.stdin.Close()
	c.lines.Scan()
	alive, err := strconv.Atoi(c.lines.Text())
	if waitErr := c.cmd.Wait(); err == nil {
		err = waitErr
	}
	if err == nil && alive != c.n {
		err = fmt.Errorf("%d of %d idle connections were alive at the end", alive, c.n)
	}
	return err
}

// idleMain opens connections, reports that on standard output, waits for the end of standard input,
// and prints how many connections still answer.
func idleMain(addr, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	conns := make([]net.Conn, n)
	var mu sync.Mutex
	var failed error
	each(n, func(i int) {
		c, err := net.DialTimeout("tcp", addr, patience)
		if err == nil {
			conns[i], err = c, ask(c)
		}
		if err != nil {
			mu.Lock()
			failed = err
			mu.Unlock()
		}
	})
	if failed != nil {
		return failed
	}
	fmt.Println(n)
	io.Copy(io.Discard, os.Stdin)
	alive := 0
	each(n, func(i int) {
		if ask(conns[i]) == nil {
			mu.Lock()
			alive++
			mu.Unlock()
		}
	})
	fmt.Println(alive)
	return nil
}

// each calls do with 0 to n-1, atOnce at a time.
func each(n int, do func(int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range atOnce {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// ask sends a request and reads the answer.
func ask(c net.Conn) error {
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: bench\r\n\r\n"); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReaderSize(c, 512), nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode != 200 || !strings.HasPrefix(string(body), "echo: ")) {
		err = fmt.Errorf("answer %s %q", res.Status, body)
	}
	return err
}
