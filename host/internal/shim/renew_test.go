//go:build linux || darwin

package shim

import (
	"sync"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/sockabi"
)

// TestNamesAreRenewed tests that an expired name is looked up again once after a refusal.
func TestNamesAreRenewed(t *testing.T) {
	lookups := 0
	var mu sync.Mutex
	policy, err := host.ParsePolicy("send udp both.test:9999 in 192.0.2.0/24")
	if err != nil {
		t.Fatal(err)
	}
	g := newNameTesterOf(t, counting(policy, func(r host.Request) {
		if r.Op == host.OpResolve {
			mu.Lock()
			lookups++
			mu.Unlock()
		}
	}))
	g.Names.Life = 1 // it is over at once
	g.ok("sock_getaddrinfo", g.ask("both.test", "80", sockabi.AddrInfo{SockType: sockabi.SOCK_STREAM}, g.list(2, 26, 0))...)
	g.Names.Life = time.Minute
	s := g.open(sockabi.AF_INET4, sockabi.SOCK_DGRAM)
	send := func() (errno sockabi.Errno) {
		g.scratch(func() { errno = g.sendTo(s, g.addr("192.0.2.1"), 9999) })
		return errno
	}
	g.want(sockabi.EACCES, "sock_send_to_v2", s, g.iovs("x"), 1, g.addr("192.0.2.1"), 9999, 0, g.alloc(4))
	for end := time.Now().Add(10 * time.Second); send() == sockabi.EACCES; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is not looked up again")
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if lookups != 2 {
		t.Errorf("looked up %d times", lookups)
	}
}

// counting returns a policy that calls f, and then policy.
func counting(policy host.Policy, f func(host.Request)) host.Policy {
	return func(r host.Request) error {
		f(r)
		return policy(r)
	}
}
