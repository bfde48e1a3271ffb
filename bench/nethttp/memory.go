package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const request = "POST / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Length: 13\r\n\r\nname=WasmEdge"

// serveMemory answers n requests on one connection that has no socket: what a request
// costs in net/http itself, on any engine.
func serveMemory(n int, handler http.Handler) {
	conns := make(chan net.Conn, 1)
	done := make(chan struct{})
	conns <- &memoryConn{requests: n, done: done}
	go http.Serve(memoryListener(conns), handler)
	<-done
}

type memoryListener chan net.Conn

func (l memoryListener) Accept() (net.Conn, error) { return <-l, nil }
func (l memoryListener) Close() error              { return nil }
func (l memoryListener) Addr() net.Addr            { return &net.TCPAddr{} }

type memoryConn struct {
	requests int
	left     strings.Reader
	done     chan struct{}
}

func (c *memoryConn) Read(b []byte) (int, error) {
	if c.left.Len() == 0 {
		if c.requests == 0 {
			return 0, io.EOF
		}
		c.requests--
		c.left.Reset(request)
	}
	return c.left.Read(b)
}
func (c *memoryConn) Write(b []byte) (int, error)      { return len(b), nil }
func (c *memoryConn) Close() error                     { close(c.done); return nil }
func (c *memoryConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *memoryConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *memoryConn) SetDeadline(time.Time) error      { return nil }
func (c *memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }
