package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// work computes for about d, and neither waits nor asks for the time meanwhile.
func work(d time.Duration) {
	const sample = 1 << 23
	begin := time.Now()
	steps(sample)
	steps(int(sample * float64(d) / float64(time.Since(begin))))
}

var state uint64 = 1

func steps(n int) {
	x := state
	for range n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	state = x
}

// pastClient posts to a server that closes idle connections, again after computing for
// longer than that.
func pastClient(args []string) error {
	post := func() error {
		answer, err := http.Post(args[0], "text/plain", strings.NewReader("body"))
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}
	for name, wait := range map[string]func(){
		"nothing": func() {},
		"yield":   runtime.Gosched,
		"sleep":   func() { time.Sleep(time.Microsecond) },
	} {
		for range 3 {
			if err := post(); err != nil {
				return err
			}
			work(2 * time.Second)
			wait()
			if err := post(); err != nil {
				return fmt.Errorf("after computing and %s: %w", name, err)
			}
		}
	}
	fmt.Println("right")
	return nil
}

// pastServer is a server with short timeouts. One of its handlers computes for longer.
func pastServer([]string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening", l.Addr())
	http.HandleFunc("/compute", func(http.ResponseWriter, *http.Request) {
		time.AfterFunc(20*time.Millisecond, func() { // when all others wait
			fmt.Println("computes")
			work(2 * time.Second)
		})
	})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(w, r.Body); err != nil {
			fmt.Println("failed:", err)
		}
	})
	s := http.Server{ReadTimeout: 500 * time.Millisecond, IdleTimeout: 500 * time.Millisecond}
	return s.Serve(l)
}
