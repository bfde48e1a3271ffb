// Package libraries runs libraries that others wrote, unmodified, in guests: against
// real servers, which it starts, and against themselves on the other side of a
// connection. README.md has the table that it makes.
package libraries

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasisock/wasisock/stdnet"
)

// A library is one to prove.
type library struct {
	name    string
	module  string                             // whose version is told; "" for Go's own
	guest   string                             // directory below guest
	servers []string                           // that it is used with
	brief   bool                               // it runs on WasmEdge with -short too
	peers   bool                               // TestServer serves the other tests, which are native, and the other way round
	client  []string                           // policy of the tests, besides dialling the servers
	server  []string                           // policy of TestServer, besides listening at loopback by TCP
	native  func(t *testing.T, addrs []string) // native programs against TestServer
	absent  string                             // what its package, which is its module's, does not find when it is compiled for wasip1
}

var libraries = []library{
	{name: "go-redis", brief: true, module: "github.com/redis/go-redis/v9", guest: "redis", servers: []string{"redis"}},
	{name: "pgx", module: "github.com/jackc/pgx/v5", guest: "pgx", servers: []string{"postgres"}},
	{name: "lib/pq", module: "github.com/lib/pq", guest: "pq", servers: []string{"postgres"}},
	{name: "go-sql-driver/mysql", module: "github.com/go-sql-driver/mysql", guest: "mysql", servers: []string{"mariadb"}},
	{name: "gomemcache", brief: true, module: "github.com/bradfitz/gomemcache", guest: "memcache", servers: []string{"memcached"}},
	{name: "nats.go", module: "github.com/nats-io/nats.go", guest: "nats", servers: []string{"nats"}},
	{name: "paho.mqtt", module: "github.com/eclipse/paho.mqtt.golang", guest: "paho", servers: []string{"mosquitto"}},
	{name: "go-beanstalk", module: "github.com/beanstalkd/go-beanstalk", guest: "beanstalk", servers: []string{"beanstalkd"}},
	{name: "etcd client", module: "go.etcd.io/etcd/client/v3", guest: "etcd", servers: []string{"etcd"}},
	{name: "x/crypto/ssh", module: "golang.org/x/crypto", guest: "ssh", servers: []string{"sshd"}},
	{name: "miekg/dns", brief: true, module: "github.com/miekg/dns", guest: "dns", servers: []string{"bind9"}, peers: true,
		server: []string{"listen udp 127.0.0.1:0", "send udp 127.0.0.1:*"}},
	{name: "grpc-go", module: "google.golang.org/grpc", guest: "grpc", peers: true},
	{name: "connect", module: "connectrpc.com/connect", guest: "connect", peers: true},
	{name: "coder/websocket", brief: true, module: "github.com/coder/websocket", guest: "coder", peers: true},
	{name: "gorilla/websocket", module: "github.com/gorilla/websocket", guest: "gorilla", peers: true},
	{name: "yamux", module: "github.com/hashicorp/yamux", guest: "yamux", peers: true},
	{name: "quic-go", module: "github.com/quic-go/quic-go", guest: "quic", peers: true,
		server: []string{"listen udp 127.0.0.1:0", "send udp 127.0.0.1:*"}, client: []string{"listen udp *:0", "send udp 127.0.0.1:*"}},
	{name: "net/http", guest: "nethttp", peers: true, native: httpPrograms},
	{name: "chi", brief: true, module: "github.com/go-chi/chi/v5", guest: "chi", peers: true},
	{name: "gin", module: "github.com/gin-gonic/gin", guest: "gin", peers: true},
	{name: "echo", module: "github.com/labstack/echo/v4", guest: "echo", peers: true},
	{name: "fasthttp", module: "github.com/valyala/fasthttp", guest: "fasthttp", peers: true},
	{name: "pkg/sftp", module: "github.com/pkg/sftp", absent: "fileStatFromInfoOs"},
}

var (
	update = flag.Bool("update", false, "write the results into README.md")
	limit  = flag.Duration("limit", 2*time.Minute, "`time` for each run of a guest; an interpreter gets five times that")
)

func TestLibraries(t *testing.T) {
	var guests []string
	for _, l := range libraries {
		if l.guest != "" {
			guests = append(guests, l.guest)
		}
	}
	for _, native := range []bool{true, false} {
		if err := here.build(guests, native); err != nil {
			t.Fatal(err)
		}
	}
	found := map[string]row{}
	var mu sync.Mutex // for found
	for _, name := range wanted() {
		t.Run(name, func(t *testing.T) {
			e, err := newEngine(name, here.dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range libraries {
				t.Run(strings.ReplaceAll(l.name, "/", "-"), func(t *testing.T) {
					t.Parallel()
					t.Cleanup(func() {
						mu.Lock()
						defer mu.Unlock()
						l.record(t, found, name)
					})
					l.prove(t, e)
				})
			}
		})
	}
	publish(t, found)
}

// record notes a result, unless the library was skipped.
func (l library) record(t *testing.T, found map[string]row, engine string) {
	if t.Skipped() {
		return
	}
	r, ok := found[l.name]
	if !ok {
		r = row{l.name, "", "", map[string]string{}}
		if l.module == "" {
			r.version = runtime.Version()
		} else if out, err := goCommand(nil, "list", "-m", "-f", "{{.Version}}", l.module); err != nil {
			t.Error(err)
		} else {
			r.version = out
		}
		var with []string
		if l.peers {
			with = []string{"itself"}
			if l.native != nil {
				with = append(with, "h2spec", "h2load", "nginx")
			}
		}
		for _, name := range l.servers {
			if version := here.version(name); version != "" {
				with = append(with, name+" "+version)
			}
		}
		r.server = strings.Join(with, ", ")
	}
	switch {
	case t.Failed():
		r.result[engine] = "fail"
	case l.absent != "":
		r.result[engine] = "does not compile: no " + l.absent
	default:
		r.result[engine] = "pass"
	}
	found[l.name] = r
}

func (l library) prove(t *testing.T, e engine) {
	if testing.Short() && (strings.HasPrefix(e.name, "wasmedge") && !l.brief || e.name == "wasmtime" && !l.peers) {
		t.Skip("-short leaves it out on " + e.name)
	}
	if l.absent != "" {
		l.compile(t, e)
		return
	}
	var servers []*server
	for _, name := range l.servers {
		s, err := here.server(name)
		if m := (missing{}); errors.As(err, &m) && !required() {
			t.Skip(err)
		} else if err != nil {
			t.Fatal(err)
		}
		s.used.Lock()
		t.Cleanup(s.used.Unlock)
		servers = append(servers, s)
	}
	clients := here.give(servers...)
	clients.allow = append(clients.allow, l.client...)
	if !l.peers {
		here.runTests(t, e, l.guest, clients)
		return
	}
	native, err := newEngine("native", here.dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, side := range map[string]struct{ server, client engine }{"server": {e, native}, "client": {native, e}} {
		t.Run(name, func(t *testing.T) {
			addrs := l.serve(t, side.server)
			g := here.give(servers...)
			g.env["PEER"] = strings.Join(addrs, " ")
			g.allow = append(g.allow, l.client...)
			for _, addr := range addrs {
				g.allow = append(g.allow, "dial tcp "+addr, "dial udp "+addr)
			}
			here.runTests(t, side.client, l.guest, g, "-test.skip=^TestServer$")
			if l.native != nil && name == "server" {
				l.native(t, addrs)
			}
		})
	}
}

// compile checks that a library still does not compile for wasip1, for the same reason.
func (l library) compile(t *testing.T, e engine) {
	if e.name == "native" {
		t.Skip("it compiles natively")
	}
	o, err := stdnet.Make(context.Background(), stdnet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := goCommand(o.Env(), "build", "-overlay", o.File, l.module); err == nil || !strings.Contains(err.Error(), "undefined: "+l.absent) {
		t.Errorf("go build %s: %v; want %s to be undefined", l.module, err, l.absent)
	}
}

var serving = regexp.MustCompile(`(?m)^serving (.*)$`)

// serve runs TestServer until the end of t, before which it must not end.
func (l library) serve(t *testing.T, e engine) []string {
	t.Helper()
	p, addrs := l.startServer(t, e)
	t.Cleanup(func() {
		select {
		case <-p.ended:
			t.Errorf("the server ended: %v\n%s", p.err, p.output())
		default:
		}
	})
	return addrs
}

// startServer starts TestServer, and stops it at the end of t.
func (l library) startServer(t *testing.T, e engine) (p *process, addrs []string) {
	t.Helper()
	program, err := here.prepare(e, l.guest)
	if err != nil {
		t.Fatal(err)
	}
	g := here.give()
	g.allow = append([]string{"listen tcp 127.0.0.1:0"}, l.server...)
	g.env["SERVE"], g.env["TLS_CERT"], g.env["TLS_KEY"] = "1", oneLine(here.tls.certText), oneLine(here.tls.keyText)
	p, err = here.start(l.guest+"-server", nil, append(e.command(g), program, "-test.run=^TestServer$", "-test.timeout=0")...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("the server wrote\n%s", p.output())
		}
	})
	if err := p.await(func() error {
		m := serving.FindSubmatch(p.output())
		if m == nil {
			return errors.New("it does not listen")
		}
		addrs = strings.Fields(string(m[1]))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return p, addrs
}

// runTests runs the tests of a guest. They all have to run and pass.
func (w *world) runTests(t *testing.T, e engine, guest string, g gift, flags ...string) {
	t.Helper()
	program, err := w.prepare(e, guest)
	if err != nil {
		t.Fatal(err)
	}
	within := *limit
	if strings.HasPrefix(e.name, "wasmedge") && e.compile == nil {
		within *= 5
	}
	argv := append(append(e.command(g), program, "-test.v", fmt.Sprint("-test.timeout=", within)), flags...)
	p, err := w.start(guest, nil, argv...)
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	select {
	case <-p.ended:
	case <-time.After(within + 10*time.Second):
		p.stop()
		t.Fatalf("it does not end\n%s", p.output())
	}
	out := p.output()
	if skipped.Match(out) || p.err != nil || !passed.Match(out) {
		t.Errorf("%v\n%s", p.err, out)
	}
	for _, line := range passed.FindAll(out, -1) {
		t.Logf("%s", line)
	}
}

var (
	skipped = regexp.MustCompile(`(?m)^ *--- SKIP`)
	passed  = regexp.MustCompile(`(?m)^--- PASS.*`)
)
