package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// signals prints the signals that come. If the address is not empty it serves there, and
// shuts down at SIGTERM; else it ends after so many signals, with exit code 7.
func signals(addr string, n int) error {
	c := make(chan os.Signal, 10)
	signal.Notify(c, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2)
	fmt.Println("ready")
	if addr == "" {
		for range n {
			fmt.Println("got", <-c)
		}
		os.Exit(7)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	s := http.Server{Handler: handler()}
	ended := make(chan error)
	go func() {
		for sig := range c {
			fmt.Println(word, "got", sig)
			if sig == syscall.SIGTERM {
				ended <- s.Shutdown(context.Background())
			}
		}
	}()
	if err := s.Serve(l); err != http.ErrServerClosed {
		return err
	}
	err = <-ended
	fmt.Println(word, "has shut down")
	time.Sleep(10 * time.Millisecond)
	return err
}
