// Package porttest finds ports for servers that tests start.
package porttest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// The kernel takes ports from 32768 on for connections. A client that tries again until a server
// listens would get the server's port for its own some time, connect to itself, and so keep the
// server from it.
const low, high = 10000, 32768

var returned sync.Map // the ports that Free has returned

// Free returns a TCP port at which nobody listens now, and another one with each call.
func Free(t testing.TB) string {
	t.Helper()
	var err error
	for range 100 {
		port := strconv.Itoa(low + rand.IntN(high-low))
		if _, again := returned.LoadOrStore(port, true); again {
			continue
		}
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatalf("no port is free: %v", err)
	return ""
}
