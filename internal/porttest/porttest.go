// Package porttest finds ports for servers that tests start.
package porttest

import (
	"net"
	"testing"
)

// Free returns a TCP port at which nobody listens now.
func Free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
