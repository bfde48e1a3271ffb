// Nethttp is an ordinary server on net/http that answers "echo: " and the request's
// body: what bench/run.sh measures, natively and on wasip1.
package main

import (
	"flag"
	"io"
	"log"
	"net/http"
	"strconv"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	memory := flag.Int("memory", 0, "answer so many requests that come from memory, without a socket, and end")
	flag.Parse()
	if *memory > 0 {
		serveMemory(*memory, http.HandlerFunc(echo))
		return
	}
	l, err := listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(l, http.HandlerFunc(echo)))
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len("echo: ")+len(body)))
	io.WriteString(w, "echo: ")
	w.Write(body)
}
