// Command program is an ordinary program that knows nothing of wasm.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// word is what the server answers; a test replaces it.
const word = "hello"

func main() {
	args := append(os.Args[1:], "", "")
	var err error
	switch args[0] {
	case "serve":
		err = serve(args[1])
	case "get":
		err = get(args[1])
	default:
		fmt.Printf("%s %q\n", word, os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

func handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s\n", word, r.URL.Path)
	})
}

func serve(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, handler())
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
