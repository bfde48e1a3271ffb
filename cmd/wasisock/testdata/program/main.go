// Command program is an ordinary program that knows nothing of wasm.
package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// word is the server's answer; a test replaces it.
var word = "hello"

func main() {
	args := append(os.Args[1:], "", "")
	var err error
	switch args[0] {
	case "serve":
		err = serve(args[1])
	case "talk":
		err = talk(args[1])
	case "signals":
		n, _ := strconv.Atoi(args[1])
		err = signals(args[2], n)
	case "get":
		err = get(args[1])
	case "dial":
		_, err = net.Dial("tcp", args[1])
		fmt.Println(errors.Is(err, fs.ErrPermission))
	case "lookup":
		err = lookup(args[1])
	case "copy":
		var n int64
		n, err = io.Copy(os.Stdout, os.Stdin)
		fmt.Println(n)
	case "allocate": // so many MB
		n, _ := strconv.Atoi(args[1])
		for kept := [][]byte{}; len(kept) < n; {
			kept = append(kept, make([]byte, 1<<20))
			kept[len(kept)-1][0] = 1
		}
		fmt.Println("allocated")
	case "list": // the names in a directory
		var files []fs.DirEntry
		files, err = os.ReadDir(args[1])
		for _, f := range files {
			fmt.Println(f.Name())
		}
	case "write": // a file in the working directory
		if err = os.WriteFile(args[1], []byte(word), 0o666); err == nil {
			fmt.Println("written")
		}
	case "exit":
		n, _ := strconv.Atoi(args[1])
		os.Exit(n)
	default:
		fmt.Printf("%s %q\n", word, os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

func handler() http.Handler {
	var mine [4]byte
	rand.Read(mine[:])
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/sleep":
			fmt.Println("asleep")
			d, _ := time.ParseDuration(r.URL.RawQuery)
			time.Sleep(d)
		case "/stream": // with pauses of that time
			d, _ := time.ParseDuration(r.URL.RawQuery)
			for range 3 {
				fmt.Fprint(w, word, " ")
				http.NewResponseController(w).Flush()
				time.Sleep(d)
			}
		case "/upload":
			fmt.Println("uploads")
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprintln(w, n, err)
			return
		case "/exit":
			code, _ := strconv.Atoi(r.URL.RawQuery)
			os.Exit(code)
		case "/crash":
			go panic("crash") // which net/http would recover from here
			select {}
		case "/spin":
			fmt.Println("spins")
			for {
			}
		case "/print":
			for {
				fmt.Println(r.URL)
			}
		case "/env":
			fmt.Fprintln(w, os.Getenv(r.URL.RawQuery))
			return
		case "/dial":
			c, err := net.Dial("tcp", r.URL.RawQuery)
			if err == nil {
				c.Close()
			}
			fmt.Fprintln(w, errors.Is(err, fs.ErrPermission))
			return
		case "/mine": // differs from guest to guest
			fmt.Fprintf(w, "%x\n", mine)
			return
		}
		fmt.Fprintf(w, "%s %s\n", word, r.URL.Path)
	})
}

func serve(addr string) error {
	for held := false; os.Getenv("HOLD") != ""; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(os.Getenv("HOLD")); err != nil {
			break
		}
		if !held {
			held = true
			fmt.Println("held")
		}
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	if os.Getenv("QUIET") == "" {
		fmt.Println(l.Addr())
	}
	s := http.Server{Handler: handler(), Protocols: new(http.Protocols)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s.Serve(l)
}

// talk is a server that speaks first, as one of SMTP, and answers each line.
func talk(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			fmt.Fprintln(c, word)
			for lines := bufio.NewScanner(c); lines.Scan() && lines.Text() != "bye"; {
				fmt.Fprintln(c, word, lines.Text())
			}
		}()
	}
}

// lookup prints how many addresses a name has, and what it is an alias of.
func lookup(name string) error {
	addrs, err := net.LookupHost(name)
	if err != nil {
		return err
	}
	cname, err := net.LookupCNAME(name)
	fmt.Println(len(addrs), cname)
	return err
}

func get(url string) error {
	answer, err := http.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(os.Stdout, answer.Body)
	return err
}
