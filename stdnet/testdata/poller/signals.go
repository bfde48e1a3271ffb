package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// signals waits for signals, and for nothing else, and says which come.
func signals([]string) error {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM)
	fmt.Println("ready")
	for s := range c {
		fmt.Println("got", s)
		if s == syscall.SIGTERM {
			os.Exit(7)
		}
	}
	return nil
}

// asleep waits without wanting signals.
func asleep([]string) error {
	fmt.Println("ready")
	time.Sleep(time.Hour)
	return nil
}

// raises sends signals to itself.
func raises([]string) error {
	raise := func(s syscall.Signal) error { return syscall.Kill(syscall.Getpid(), s) }
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	for range 3 {
		if err := raise(syscall.SIGUSR1); err != nil {
			return err
		}
		if s := <-c; s != syscall.SIGUSR1 {
			return fmt.Errorf("got %v", s)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	if err := self.Signal(os.Interrupt); err != nil {
		return err
	}
	<-ctx.Done()
	signal.Stop(c)
	signal.Ignore(syscall.SIGUSR1)
	if !signal.Ignored(syscall.SIGUSR1) {
		return errors.New("it is not ignored")
	}
	raise(syscall.SIGUSR1)
	raise(syscall.SIGWINCH)
	select {
	case s := <-c:
		return fmt.Errorf("got %v, which is ignored", s)
	case <-time.After(20 * time.Millisecond):
	}
	signal.Notify(c, syscall.SIGUSR1)
	signal.Reset(syscall.SIGUSR1)
	fmt.Println("resets")
	raise(syscall.SIGUSR1)
	return errors.New("it goes on after SIGUSR1")
}
