package libraries

import (
	"fmt"
	"maps"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// A server is a program of a Debian package that runs once, for all guests.
type server struct {
	version string
	env     map[string]string // for guests
	allow   []string          // rules of policy that guests need to reach it
	launch  func() (*process, error)
	process *process
	err     error      // why it does not run
	used    sync.Mutex // held by the library that uses it, which may restart it
}

// kinds are the servers there are, by name.
var kinds = map[string]func(*world) (*server, error){
	"redis": redisServer, "postgres": postgres, "mariadb": mariadb, "memcached": memcached,
	"bind9": bind9, "sshd": sshd, "nats": nats, "mosquitto": mosquitto, "beanstalkd": beanstalkd, "etcd": etcd,
}

// A missing error reports that a program is not installed.
type missing struct{ program, debian string }

func (m missing) Error() string {
	return fmt.Sprintf("%s is not installed: apt-get install %s (scripts/install-servers.sh installs all servers)", m.program, m.debian)
}

// installed finds a program of a Debian package, where Debian has servers.
func installed(program, debian string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/lib/postgresql/*/bin"} {
		if found, _ := filepath.Glob(filepath.Join(dir, program)); len(found) > 0 {
			return slices.Max(found), nil
		}
	}
	return "", missing{program, debian}
}

var number = regexp.MustCompile(`[0-9]+(\.[0-9]+)+`)

// version is the first number that a program writes.
func version(argv ...string) (string, error) {
	out, err := command(nil, argv...)
	if err != nil {
		return "", err
	}
	if v := number.FindString(out); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("no version in %q", out)
}

// server starts a server, unless it runs.
func (w *world) server(name string) (*server, error) {
	w.starting.Lock()
	defer w.starting.Unlock()
	if s := w.servers[name]; s != nil {
		return s, s.err
	}
	kind := kinds[name]
	if kind == nil {
		return nil, fmt.Errorf("there is no server %s", name)
	}
	s, err := kind(w)
	if err == nil && s.launch != nil {
		s.process, err = s.launch()
	}
	if err != nil {
		s = &server{err: fmt.Errorf("%s: %w", name, err)}
	}
	w.servers[name] = s
	return s, s.err
}

// version is that of a server, "" if it does not run.
func (w *world) version(name string) string {
	w.starting.Lock()
	defer w.starting.Unlock()
	if s := w.servers[name]; s != nil {
		return s.version
	}
	return ""
}

// restart is called by guests, while nothing else uses the server.
func (w *world) restart(name string) (err error) {
	w.starting.Lock()
	defer w.starting.Unlock()
	s := w.servers[name]
	if s == nil || s.launch == nil || s.err != nil {
		return fmt.Errorf("no server %q runs", name)
	}
	s.process.stop()
	s.process, err = s.launch()
	return err
}

// A gift holds the addresses and files that a guest gets.
type gift struct {
	env   map[string]string
	allow []string
}

func (w *world) give(servers ...*server) gift {
	g := gift{map[string]string{
		"CONTROL": w.control.Addr().String(), "ECHO": w.echo.Addr().String(), "TLS_ROOT": w.tls.root,
		"SILENT": w.silent.Addr().String(), "SILENT_UDP": w.silentUDP.LocalAddr().String(),
	}, []string{
		"dial tcp " + w.control.Addr().String(), "dial tcp " + w.silent.Addr().String(), "dial udp " + w.silentUDP.LocalAddr().String(),
	}}
	for _, s := range servers {
		maps.Copy(g.env, s.env)
		g.allow = append(g.allow, s.allow...)
	}
	return g
}

// oneLine is text with its lines' ends written as guests expect.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "|") }

// tool builds a program that go.mod names as a tool.
func (w *world) tool(pkg string) (string, error) {
	program := filepath.Join(w.dir, path.Base(pkg)+".tool")
	_, err := goCommand(nil, "build", "-o", program, pkg)
	return program, err
}

// simple is a server at one TCP port.
func (w *world) simple(name, variable, prefix string, user *syscall.Credential, argv func(port string) []string) (*server, error) {
	tcp, err := port()
	if err != nil {
		return nil, err
	}
	addr := "127.0.0.1:" + tcp
	s := &server{env: map[string]string{variable: prefix + addr}, allow: []string{"dial tcp " + addr}}
	s.launch = func() (*process, error) {
		p, err := w.start(name, user, argv(tcp)...)
		if err != nil {
			return nil, err
		}
		return p, p.await(answers("tcp", addr))
	}
	return s, nil
}
