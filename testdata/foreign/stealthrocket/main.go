// Command stealthrocket is a guest that uses github.com/stealthrocket/net: a
// server, and clients of it.
//
//	stealthrocket http tcp ADDRESS         serves HTTP
//	stealthrocket get URL                  prints what a server answers
//	stealthrocket echo NETWORK ADDRESS     sends connections what they send
//	stealthrocket say NETWORK ADDRESS TEXT sends text, ends its direction, and prints what comes back
//	stealthrocket packets NETWORK ADDRESS  sends itself a datagram, and prints it
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	_ "github.com/stealthrocket/net/http"
	"github.com/stealthrocket/net/wasip1"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]...); err != nil {
		fmt.Println(err)
		if errors.Is(err, syscall.ECONNREFUSED) {
			fmt.Println("which is ECONNREFUSED")
		}
		os.Exit(1)
	}
}

func run(what string, args ...string) error {
	switch what {
	case "http":
		l, err := wasip1.Listen(args[0], args[1])
		if err != nil {
			return err
		}
		return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s", r.Method, r.URL, body)
		}))
	case "get":
		res, err := http.Get(args[0])
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, err = io.Copy(os.Stdout, res.Body)
		return err
	case "echo":
		l, err := wasip1.Listen(args[0], args[1])
		if err != nil {
			return err
		}
		for {
			c, err := l.Accept()
			if err != nil {
				return err
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	case "say":
		c, err := wasip1.Dial(args[0], args[1])
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := io.WriteString(c, args[2]); err != nil {
			return err
		}
		if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			return err
		}
		_, err = io.Copy(os.Stdout, c)
		return err
	case "packets":
		c, err := wasip1.ListenPacket(args[0], args[1])
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := c.WriteTo([]byte("hello"), c.LocalAddr()); err != nil {
			return err
		}
		buf := make([]byte, 16)
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return err
		}
		host, _, err := net.SplitHostPort(from.String()) // it reads the port as no WasmEdge writes it
		if err != nil {
			host = "a path"
		}
		fmt.Printf("%s from %s", buf[:n], host)
		return nil
	}
	return fmt.Errorf("there is no %q", what)
}
