package libraries

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

// A world holds what one run starts: servers, guests and their directory. It ends them all.
type world struct {
	dir     string
	cache   string // of what is compiled
	wasm    string // directory of guests
	native  string // directory of the same tests, natively
	tls     authority
	control net.Listener
	echo    net.Listener

	// They never answer.
	silent    net.Listener
	silentUDP net.PacketConn

	mu      sync.Mutex
	closed  bool
	running map[*process]struct{}

	starting sync.Mutex // held while a server is being started
	servers  map[string]*server
}

var here *world

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if here, err = newWorld(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer here.close()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		s := <-signals
		here.close()
		os.Exit(128 + int(s.(syscall.Signal)))
	}()
	return m.Run()
}

func newWorld() (*world, error) {
	dir, err := os.MkdirTemp("", "libraries-")
	if err != nil {
		return nil, err
	}
	w := &world{dir: dir, running: map[*process]struct{}{}, servers: map[string]*server{}}
	// Servers that run as another user work in it.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	if w.tls, err = newAuthority(dir); err != nil {
		return nil, err
	}
	if w.silent, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if w.silentUDP, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if w.echo, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	go w.serveEcho()
	if w.control, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	go w.serveControl()
	if w.cache, err = cacheDirectory(); err != nil {
		return nil, err
	}
	w.wasm, w.native = filepath.Join(dir, "wasm"), filepath.Join(dir, "native")
	return w, nil
}

// serveControl restarts the servers that guests name.
func (w *world) serveControl() {
	for {
		c, err := w.control.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			name, err := bufio.NewReader(c).ReadString('\n')
			if err != nil {
				return
			}
			if err := w.restart(strings.TrimSpace(name)); err != nil {
				fmt.Fprintf(c, "%q\n", err.Error())
				return
			}
			fmt.Fprintln(c, "ok")
		}()
	}
}

// serveEcho sends everything back.
func (w *world) serveEcho() {
	for {
		c, err := w.echo.Accept()
		if err != nil {
			return
		}
		go given.Echo(c)
	}
}

func (w *world) close() {
	w.mu.Lock()
	w.closed = true
	var all []*process
	for p := range w.running {
		all = append(all, p)
	}
	w.mu.Unlock()
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(p.stop)
	}
	wg.Wait()
	for _, c := range []io.Closer{w.control, w.echo, w.silent, w.silentUDP} {
		c.Close()
	}
	os.RemoveAll(w.dir)
}

// A process is one that ends with the world, or with this program if that is killed.
type process struct {
	cmd      *exec.Cmd
	log      string         // file with what it writes
	end      syscall.Signal // that ends it
	patience time.Duration  // before it is killed
	ended    chan struct{}
	err      error // once ended
}

// start starts a program. What it writes goes to a file in the world's directory.
func (w *world) start(name string, user *syscall.Credential, argv ...string) (*process, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, errors.New("everything is being ended")
	}
	log, err := os.CreateTemp(w.dir, name+"-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), log: log.Name(), end: syscall.SIGTERM, patience: 20 * time.Second, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Dir = w.dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user, Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	w.running[p] = struct{}{}
	go func() {
		p.err = p.cmd.Wait()
		w.mu.Lock()
		delete(w.running, p)
		w.mu.Unlock()
		close(p.ended)
	}()
	return p, nil
}

// stop ends a process and those of its group, and waits until they have ended.
func (p *process) stop() {
	p.cmd.Process.Signal(p.end)
	select {
	case <-p.ended:
	case <-time.After(p.patience):
	}
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// await waits until ready succeeds.
func (p *process) await(ready func() error) error {
	end := time.Now().Add(90 * time.Second)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended: %v\n%s", p.cmd.Args[0], p.err, p.output())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s is not ready: %w\n%s", p.cmd.Args[0], err, p.output())
		}
	}
}

func (p *process) output() []byte {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return []byte(err.Error())
	}
	return text
}

// answers reports whether something listens at an address.
func answers(network, addr string) func() error {
	return func() error {
		c, err := net.Dial(network, addr)
		if err == nil {
			c.Close()
		}
		return err
	}
}

// port is one that is free now.
func port() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, p, err := net.SplitHostPort(l.Addr().String())
	return p, err
}

// nobody is a user for servers that refuse to be root's, or nil.
func nobody() *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	return &syscall.Credential{Uid: 65534, Gid: 65534}
}

// directory is a new one in the world's, that user can write to.
func (w *world) directory(name string, user *syscall.Credential) (string, error) {
	dir := filepath.Join(w.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	if user == nil {
		return dir, nil
	}
	return dir, os.Chown(dir, int(user.Uid), int(user.Gid))
}

// command runs a program to its end.
func command(user *syscall.Credential, argv ...string) (string, error) {
	p, err := here.start(filepath.Base(argv[0]), user, argv...)
	if err != nil {
		return "", err
	}
	select {
	case <-p.ended:
	case <-time.After(10 * time.Minute): // h2spec waits for what interpreters do not answer soon
		p.stop()
	}
	out := p.output()
	if p.err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), p.err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// required is whether what is missing here is an error.
func required() bool {
	ci, _ := strconv.ParseBool(os.Getenv("CI"))
	return ci || os.Getenv("WASISOCK_ENGINES") == "required"
}
