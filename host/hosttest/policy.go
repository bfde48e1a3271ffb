package hosttest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/wasisock/wasisock/host"
)

// aboutPolicy tests what guests may do with the network and with what the host has.
var aboutPolicy = []sentence{
	{
		says:    "a guest that was given nothing has no network, files, arguments or environment",
		promise: promiseGiven,
		test:    givenNothing,
	},
	{
		says:    "the policy sees the address that is used",
		promise: promiseAddress,
		test:    addressUsed,
	},
	{
		says:    "rules and addresses with a zone are refused",
		promise: promiseAddress,
		test:    zonesRefused,
	},
	{
		says:    "listening at all addresses needs a rule for that",
		promise: promiseAddress,
		test:    listensEverywhere,
	},
	{
		says:    "wide rules allow no link-local address and none of a cloud's metadata",
		promise: promiseWide,
		test:    wideRules,
	},
	{
		says:    "a rule with a wildcard name allows public addresses alone",
		promise: promiseWide,
		test:    wideNames,
	},
	{
		says:    "a rule with a name allows the addresses that the host told this guest for it",
		promise: promiseNames,
		test:    namesTold,
	},
	{
		says:    "what another nameserver says allows nothing",
		promise: promiseNames,
		test:    anotherNameserver,
	},
	{
		says:    "a listener that a guest was given outlives it",
		promise: promiseHosts,
		test:    listenerOutlives,
	},
	{
		says:    "Stats counts refusals and limits",
		promise: promiseGiven,
		test:    countsRefusals,
	},
	{
		says:    "a guest that reads faster than its rate is delayed",
		promise: promiseLimits,
		test:    readRate,
	},
	{
		says:    "a guest that writes faster than its rate is delayed",
		promise: promiseLimits,
		test:    writeRate,
	},
	{
		says:    "one listener more than its limit fails with ENOBUFS",
		promise: promiseLimits,
		test:    listenerLimit,
	},
	{
		says:    "one connection more than its limit waits, and no poll reports it until another closes",
		promise: promiseLimits,
		test:    connectionLimit,
	},
	{
		says:    "one look-up more than its rate fails with EAI_AGAIN",
		promise: promiseLimits,
		test:    lookupRate,
	},
}

// output runs testdata/program and returns what it wrote to standard output.
func (b *bench) output(t *testing.T, cmd *host.Cmd) string {
	t.Helper()
	var out strings.Builder
	cmd.Stdout = &out
	if code, err := b.runProgram(t, t.Context(), Config{}, cmd); code != 0 || err != nil {
		t.Fatalf("%q: %d, %v, %s", cmd.Args, code, err, &out)
	}
	return out.String()
}

func givenNothing(t *testing.T, b *bench) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"args"}, "[\"guest\" \"args\"]\n"},
		{[]string{"env"}, "[]\n"},
		{[]string{"files", "read /etc/passwd", "list /"}, "read /etc/passwd: Bad file number\nlist /: Bad file number\n"},
		{[]string{"dial", "127.0.0.1:1024", "[::1]:1024"}, "refused\nrefused\n"},
		{[]string{"listen", "127.0.0.1:0", "0.0.0.0:0"}, "refused\nrefused\n"},
		{[]string{"lookup", "localhost"}, "localhost refused\n"},
	} {
		cmd := &host.Cmd{Args: append([]string{"guest"}, test.args...)}
		if got := b.output(t, cmd); got != test.want {
			t.Errorf("%q: %q, want %q", test.args, got, test.want)
		}
	}
}

// addressUsed dials a listener of the host by other forms of its address.
func addressUsed(t *testing.T, b *bench) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
	for _, form := range []string{"127.0.0.1", "0.0.0.0", "[::ffff:127.0.0.1]"} {
		var asked []string
		cmd := command(t, "dial", fmt.Sprintf("%s:%d", form, port))
		cmd.Policy = func(r host.Request) error {
			asked = append(asked, netip.AddrPortFrom(r.Addr.Addr().Unmap(), r.Addr.Port()).String())
			return nil
		}
		b.output(t, cmd)
		if !slices.Equal(asked, []string{at.String()}) {
			t.Errorf("dialling %s, the policy saw %q, want %s", form, asked, at)
		}
		c, err := l.Accept() // the connection is to that address
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		cmd = command(t, "dial", fmt.Sprintf("%s:%d", form, port))
		cmd.Policy = policy(t, "dial tcp *:*", fmt.Sprintf("deny dial tcp 127.0.0.1:%d", port))
		if got := b.output(t, cmd); got != "refused\n" {
			t.Errorf("dialling %s, which a rule denies: %q", form, got)
		}
	}
}

// zonesRefused asks policies, since no call of a guest has room for a zone.
func zonesRefused(t *testing.T, _ *bench) {
	at := netip.MustParseAddrPort("[fe80::1%eth0]:80")
	if policy(t, "dial tcp *:*", "dial tcp [fe80::1]:80")(host.Request{Op: host.OpDial, Network: "tcp", Addr: at}) == nil {
		t.Error("an address with a zone is allowed")
	}
	if _, err := host.ParsePolicy("dial tcp " + at.String()); err == nil {
		t.Error("a rule with a zone is accepted")
	}
}

func listensEverywhere(t *testing.T, b *bench) {
	for _, test := range []struct{ rule, want string }{
		{"listen tcp 127.0.0.1:*", "<nil>\nrefused\nrefused\n"},
		{"listen tcp 0.0.0.0:*", "refused\n<nil>\nrefused\n"},
		{"listen tcp [::]:*", "refused\nrefused\n<nil>\n"},
	} {
		cmd := command(t, "listen", "127.0.0.1:0", "0.0.0.0:0", "[::]:0")
		cmd.Policy = policy(t, test.rule)
		if got := b.output(t, cmd); got != test.want {
			t.Errorf("%s: %q, want %q", test.rule, got, test.want)
		}
	}
}

func wideRules(t *testing.T, b *bench) {
	inside := []string{"169.254.169.254:80", "[fe80::1]:80", "[fd00:ec2::254]:80", "100.100.100.200:80", "[::ffff:169.254.169.254]:80"}
	cmd := command(t, append([]string{"dial"}, inside...)...)
	cmd.Policy = policy(t, "dial tcp *:*", "dial tcp 0.0.0.0/0:*", "dial tcp [::/0]:*")
	if got := b.output(t, cmd); got != strings.Repeat("refused\n", len(inside)) {
		t.Errorf("%q: %q", inside, got)
	}
	for _, rule := range []string{"dial tcp 169.254.169.254:80", "all"} {
		var to dials
		cmd = command(t, "dial", inside[0])
		cmd.Policy, cmd.Dial = policy(t, rule), to.dial
		if got := b.output(t, cmd); got == "refused\n" || !slices.Equal(to.all, inside[:1]) {
			t.Errorf("with the rule %q: %q, dialled %q", rule, got, to.all)
		}
	}
}

// dials are the addresses that a guest's dialling leads to.
type dials struct {
	mu  sync.Mutex
	all []string
}

// dial is Cmd.Dial for a network that refuses every connection.
func (d *dials) dial(_ context.Context, _, address string) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, address)
	return nil, errors.New("no such network")
}

func wideNames(t *testing.T, b *bench) {
	names := zone{
		"public.example.com.": "93.184.216.34", "private.example.com.": "10.0.0.7", "loopback.example.com.": "127.0.0.1",
		"metadata.example.com.": "169.254.169.254",
	}
	for _, test := range []struct{ rule, name, want string }{
		{"*.example.com", "public.example.com", "93.184.216.34"},
		{"*.example.com", "private.example.com", ""},
		{"*.example.com", "metadata.example.com", ""},
		{"*.example.com", "loopback.example.com", ""},
		{"*.example.com IN 10.0.0.0/8", "private.example.com", "10.0.0.7"},
		{"private.example.com", "private.example.com", "10.0.0.7"},
		{"loopback.example.com", "loopback.example.com", ""},
		{"metadata.example.com", "metadata.example.com", ""},
	} {
		var to dials
		cmd := command(t, "lookup", test.name+":80")
		cmd.Policy, cmd.Resolver, cmd.Dial = policy(t, "resolve "+test.name, dialling(test.rule)), names.resolver(), to.dial
		b.output(t, cmd)
		want := []string{}
		if test.want != "" {
			want = append(want, test.want+":80")
		}
		if !slices.Equal(to.all, want) && len(to.all)+len(want) > 0 {
			t.Errorf("%s by %s: dialled %q, want %q", test.name, test.rule, to.all, want)
		}
	}
}

// dialling returns a rule to dial port 80 of a name, which may be followed by IN and a
// prefix.
func dialling(name string) string {
	name, prefix, ok := strings.Cut(name, " IN ")
	if ok {
		return "dial tcp " + name + ":80 in " + prefix
	}
	return "dial tcp " + name + ":80"
}

func namesTold(t *testing.T, b *bench) {
	names := zone{"a.example.com.": "93.184.216.34"}
	var to dials
	allowed := policy(t, "resolve a.example.com", "dial tcp a.example.com:80")
	run := func(args ...string) string {
		cmd := command(t, args...)
		cmd.Policy, cmd.Resolver, cmd.Dial = allowed, names.resolver(), to.dial
		return b.output(t, cmd)
	}
	run("lookup", "a.example.com:80")
	if !slices.Equal(to.all, []string{"93.184.216.34:80"}) {
		t.Errorf("dialled %q", to.all)
	}
	if got := run("dial", "93.184.216.34:80"); got != "refused\n" || len(to.all) != 1 {
		t.Errorf("what another guest was told allows %q, %q", got, to.all)
	}
}

func anotherNameserver(t *testing.T, b *bench) {
	names := zone{"a.example.com.": "93.184.216.34"}
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		for buf := make([]byte, 512); ; {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer, err := names.answer(buf[:n]); err == nil {
				c.WriteTo(answer, from)
			}
		}
	}()
	question, err := (&dnsmessage.Message{Questions: []dnsmessage.Question{{
		Name: dnsmessage.MustNewName("a.example.com."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET,
	}}}).Pack()
	if err != nil {
		t.Fatal(err)
	}
	var to dials
	cmd := command(t, "ask", c.LocalAddr().String(), hex.EncodeToString(question), "93.184.216.34:80")
	cmd.Policy = policy(t, "resolve a.example.com", "dial tcp a.example.com:80", "dial udp 127.0.0.0/8:*")
	cmd.Resolver, cmd.Dial = names.resolver(), to.dial
	if got := b.output(t, cmd); got != "47 bytes\nrefused\n" || len(to.all) != 0 {
		t.Errorf("%q, and it dialled %q", got, to.all)
	}
}

func listenerOutlives(t *testing.T, b *bench) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 2 {
		cmd := command(t, "listen", l.Addr().String())
		cmd.Policy, cmd.Listeners = nil, []net.Listener{l}
		if got := b.output(t, cmd); got != "<nil>\n" {
			t.Errorf("listening: %q", got)
		}
	}
	accepted := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			c.Close()
		}
		accepted <- err
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := <-accepted; err != nil {
		t.Error(err)
	}
}

func countsRefusals(t *testing.T, b *bench) {
	cmd := command(t, "dial", "127.0.0.1:80", "127.0.0.1:81")
	b.output(t, cmd)
	if cmd.ProcessState.Refused != 2 || cmd.ProcessState.Limited != 0 {
		t.Errorf("%+v", cmd.ProcessState)
	}
	cmd = command(t, "listen", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
	cmd.Limits.Sockets = 1
	b.output(t, cmd)
	if cmd.ProcessState.Limited != 2 || cmd.ProcessState.Refused != 0 {
		t.Errorf("%+v", cmd.ProcessState)
	}
}

// The rate of a guest, and three times what it may transfer in a second.
const rate, size = 100_000, 300_000

func readRate(t *testing.T, b *bench)  { b.delays(t, host.Limits{ReadRate: rate}) }
func writeRate(t *testing.T, b *bench) { b.delays(t, host.Limits{WriteRate: rate}) }

// delays has a guest receive and send back more than it may.
func (b *bench) delays(t *testing.T, limits host.Limits) {
	t.Helper()
	cmd := commandOf(t, b.compiled(t, Config{}), "echo")
	cmd.Limits = limits
	c, err := net.Dial("tcp", listening(t, cmd))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	began := time.Now()
	go func() {
		c.Write(make([]byte, size))
		c.(*net.TCPConn).CloseWrite()
	}()
	n, err := io.Copy(io.Discard, c)
	if took := time.Since(began); n != size || err != nil || took < time.Second {
		t.Errorf("%d bytes in %v, %v", n, took, err)
	}
	if err := cmd.Wait(); err != nil || cmd.ProcessState.Limited == 0 {
		t.Errorf("%v, %+v", err, cmd.ProcessState)
	}
}

func listenerLimit(t *testing.T, b *bench) {
	cmd := command(t, "listen", "127.0.0.1:0", "127.0.0.1:0")
	cmd.Limits.Listeners = 1
	first, second, _ := strings.Cut(b.output(t, cmd), "\n")
	if first != "<nil>" || !strings.Contains(second, syscall.ENOBUFS.Error()) && !strings.Contains(second, "No buffer space") {
		t.Errorf("%q, then %q", first, second)
	}
}

func connectionLimit(t *testing.T, b *bench) {
	cmd := command(t, "crowd")
	cmd.Limits.Connections = 2
	var told []string
	cmd.OnLimit = func(field string) { told = append(told, field) }
	if got := b.output(t, cmd); got != "true true true false true <nil>\n" || !slices.Equal(told, []string{"Connections"}) {
		t.Errorf("%q, and %q was told", got, told)
	}
}

func lookupRate(t *testing.T, b *bench) {
	cmd := command(t, "lookup", "a.example.com", "a.example.com", "a.example.com", "a.example.com")
	cmd.Policy, cmd.Resolver = policy(t, "resolve a.example.com"), zone{"a.example.com.": "93.184.216.34"}.resolver()
	cmd.Limits.LookupRate = 1
	if got := b.output(t, cmd); !strings.HasPrefix(got, "a.example.com 93.184.216.34\n") || !strings.Contains(got, "EAI_AGAIN") || cmd.ProcessState.Limited == 0 {
		t.Errorf("%q, %+v", got, cmd.ProcessState)
	}
}
