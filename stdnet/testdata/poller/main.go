// Poller does, with package net, what the runtime's network poller must be right
// for: one behaviour per argument. It says on stdout where it listens, then what
// happened.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	commands := map[string]func(args []string) error{
		"echo":      echo,
		"busy":      busy,
		"sender":    sender,
		"ticker":    ticker,
		"blocked":   blocked,
		"refused":   refused,
		"deadlines": deadlines,
		"closing":   closing,
		"past":      past,
		"signals":   signals,
		"asleep":    asleep,
		"raises":    raises,
		"exits":     exits,

		"past client": pastClient,
		"past server": pastServer,
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

// echo is a server that sends back what it gets.
func echo([]string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening", l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go serve(c)
	}
}

// answers counts what serve has sent back.
var answers atomic.Int64

func serve(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 1000)
	for {
		n, err := c.Read(buf)
		if err == nil {
			_, err = c.Write(buf[:n])
			answers.Add(1)
		}
		if err == io.EOF {
			return
		} else if err != nil {
			fmt.Println("ended:", errors.Is(err, syscall.ECONNRESET), err)
			return
		}
	}
}

// busy is echo, while goroutines are runnable all the time: two that yield, and two
// that wake one another.
func busy([]string) error {
	for range 2 {
		go func() {
			for {
				runtime.Gosched()
			}
		}()
	}
	a, b := make(chan int), make(chan int)
	go func() {
		for n := range a {
			b <- n
		}
	}()
	go func() {
		for n := range b {
			a <- n
		}
	}()
	a <- 1
	return echo(nil)
}

// sender is echo, while a goroutine sends datagrams to an address and never waits.
func sender(args []string) error {
	c, err := net.Dial("udp", args[0])
	if err != nil {
		return err
	}
	go func() {
		for {
			c.Write([]byte("x"))
		}
	}()
	return echo(nil)
}

// ticker is echo, and reports how late the least and the middle of 100 ticks of 10 ms were, and
// how long an answer took meanwhile, in microseconds.
func ticker([]string) error {
	go func() {
		const every = 10 * time.Millisecond
		for answers.Load() == 0 {
			time.Sleep(every)
		}
		var late []time.Duration
		began, before := time.Now(), answers.Load()
		for range 100 {
			start := time.Now()
			time.Sleep(every)
			late = append(late, time.Since(start)-every)
		}
		each := time.Since(began) / time.Duration((answers.Load() - before))
		slices.Sort(late)
		fmt.Println("late", late[0].Microseconds(), late[len(late)/2].Microseconds(), each.Microseconds())
	}()
	return echo(nil)
}

// blocked sends 8 MB to an address, and reads nothing.
func blocked(args []string) error {
	c, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	n, err := c.Write(make([]byte, 8<<20))
	fmt.Println("wrote", n, err)
	return nil
}

// refused sends a datagram to an address where nobody is, and waits for an answer.
func refused(args []string) error {
	c, err := net.Dial("udp", args[0])
	if err != nil {
		return err
	}
	if _, err := c.Write([]byte("x")); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 1))
	fmt.Println("refused", errors.Is(err, syscall.ECONNREFUSED), err)
	return nil
}

// pair is the two ends of a connection.
func pair() (a, b net.Conn, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	b, err = l.Accept()
	return a, b, err
}

// deadlines lets reads and writes time out, and succeed afterwards.
func deadlines([]string) error {
	a, b, err := pair()
	if err != nil {
		return err
	}
	const limit = 50 * time.Millisecond
	buf := make([]byte, 1<<20)
	for range 3 {
		start := time.Now()
		a.SetReadDeadline(start.Add(limit))
		if n, err := a.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) < limit {
			return fmt.Errorf("read: %d, %v after %v", n, err, time.Since(start))
		}
	}
	// The row of the read that timed out is still there.
	b.Write([]byte("late"))
	time.Sleep(limit)
	if n, err := a.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("read after its deadline: %d, %v", n, err)
	}
	a.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := a.Read(buf); string(buf[:n]) != "late" || err != nil {
		return fmt.Errorf("read with a new deadline: %q, %v", buf[:n], err)
	}
	time.AfterFunc(limit, func() { a.SetReadDeadline(time.Unix(1, 0)) })
	if n, err := a.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("read whose deadline moves into the past: %d, %v", n, err)
	}
	start := time.Now()
	a.SetWriteDeadline(start.Add(limit))
	sent := 0
	for {
		n, err := a.Write(buf)
		sent += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		} else if err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	a.SetWriteDeadline(time.Time{})
	go func() {
		a.Write([]byte("end"))
		a.Close()
	}()
	got, err := io.Copy(io.Discard, b)
	if err != nil || got != int64(sent)+3 {
		return fmt.Errorf("read %d of %d, %v", got, sent+3, err)
	}
	fmt.Println("right")
	return nil
}

// closing closes connections while goroutines wait for them, and opens others, which
// may get the same numbers, over and over.
func closing([]string) error {
	for range 300 {
		a, b, err := pair()
		if err != nil {
			return err
		}
		var wait sync.WaitGroup
		wait.Add(2)
		var err1, err2 error
		go func() {
			defer wait.Done()
			_, err1 = a.Read(make([]byte, 1))
		}()
		go func() {
			defer wait.Done()
			_, err2 = b.Read(make([]byte, 1))
		}()
		for range 4 {
			runtime.Gosched()
		}
		a.Close()
		wait.Wait()
		if !errors.Is(err1, net.ErrClosed) || err2 != io.EOF {
			return fmt.Errorf("ended with %v, %v", err1, err2)
		}
		b.Close()
	}
	fmt.Println("right")
	return nil
}
