package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"time"
)

// past computes until after the deadlines of reads and contexts, while the peer at an
// address answers in time. Then a goroutine waits in each of these ways.
func past(args []string) error {
	for _, way := range []struct {
		name string
		wait func()
	}{
		{"park", func() {
			c := make(chan int)
			go func() { c <- 1 }()
			<-c
		}},
		{"yield", runtime.Gosched},
		{"sleep", func() { time.Sleep(time.Microsecond) }},
		{"exit", nil},
	} {
		if err := answeredInTime(args[0], way.wait); err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
	}
	if err := closedMeanwhile(args[0]); err != nil {
		return err
	}
	for range 200 {
		if err := closedBefore(); err != nil {
			return err
		}
	}
	fmt.Println("right")
	return nil
}

func compute() { computeFor(time.Second) }

func computeFor(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}

// answeredInTime reads with a deadline from connections, and waits for the reads under
// contexts. If wait is nil, the goroutine that computes ends.
func answeredInTime(addr string, wait func()) error {
	const conns, limit = 20, 500 * time.Millisecond
	var all sync.WaitGroup
	errs := make(chan error, 2*conns)
	for range conns {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		defer c.Close()
		c.SetReadDeadline(time.Now().Add(limit))
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		read, passedOn := make(chan error, 1), make(chan error, 1)
		all.Go(func() {
			b := make([]byte, 1)
			_, err := io.ReadFull(c, b)
			if err == nil {
				_, err = io.ReadFull(c, b)
			}
			read <- err
		})
		all.Go(func() { passedOn <- <-read })
		all.Go(func() {
			select {
			case err := <-passedOn:
				errs <- err
			case <-ctx.Done():
				errs <- ctx.Err()
			}
		})
	}
	if wait == nil {
		go compute()
	} else {
		for range 4 {
			runtime.Gosched()
		}
		compute()
		wait()
	}
	all.Wait()
	close(errs)
	var failed []error
	for err := range errs {
		if err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d answers that came in time are late: %w", len(failed), conns, failed[0])
	}
	return nil
}

// closedMeanwhile computes while the peer closes connections. A goroutine that reads
// from each closes it then, before it is written to or, on the second, after the time
// was asked for.
func closedMeanwhile(addr string) error {
	for _, asks := range []bool{false, true} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		closed := false
		go func() {
			io.Copy(io.Discard, c)
			c.Close()
			closed = true
		}()
		time.Sleep(10 * time.Millisecond)
		compute()
		if asks {
			time.Now()
			if !closed {
				return errors.New("nothing ran when the time was asked for")
			}
		}
		if _, err := c.Write([]byte("late")); !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("writing to a connection that was closed meanwhile: %v", err)
		}
	}
	return nil
}

// closedBefore closes one end of a connection, and computes for a little. A goroutine that
// reads from the other end closes it then, before it is written to.
func closedBefore() error {
	a, b, err := pair()
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, a)
		a.Close()
	}()
	time.Sleep(time.Millisecond)
	b.Close()
	computeFor(2 * time.Millisecond)
	if _, err := a.Write([]byte("late")); !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("writing to a connection of which the other end is closed: %v", err)
	}
	return nil
}
