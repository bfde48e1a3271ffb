package commandtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/outputtest"
	"github.com/wasisock/wasisock/internal/porttest"
)

// DrainDelay tests --drain-delay.
func DrainDelay(t *testing.T, command string) {
	const delay = 2 * time.Second
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s := Serve(t, command, "--drain-delay", delay.String())
		stop := s.Load()
		time.Sleep(200 * time.Millisecond)
		began := time.Now()
		s.Signal(sig)
		s.Says("server.wasm goes on for 2s before it shuts down; another signal ends it at once\n")
		s.Signal(syscall.SIGHUP) // no new version is loaded any more
		time.Sleep(delay / 2)
		t.Log(stop(), "requests")
		s.Exits(0)
		if took := time.Since(began); took < delay {
			t.Errorf("it ended after %v", took)
		}
		if text := s.Output(); strings.Contains(text, "the new one") {
			t.Error("it has loaded a new version")
		}
	}

	s := Serve(t, command, "--drain-delay", "10m")
	s.Signal(syscall.SIGTERM)
	s.Says("goes on for 10m0s")
	if _, err := Get(http.DefaultClient, s.URL+"/"); err != nil {
		t.Error(err)
	}
	began := time.Now()
	s.Signal(syscall.SIGTERM)
	s.Exits(128 + int(syscall.SIGTERM))
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the second signal took %v", took)
	}

	s = Serve(t, command, "--drain-delay", "10m") // a guest that ends meanwhile has ended
	s.Signal(syscall.SIGTERM)
	s.Says("goes on for 10m0s")
	Get(http.DefaultClient, s.URL+"/exit?4")
	s.Exits(4)
}

// heldBack returns flags for a guest that does not listen before release is called.
func heldBack(t *testing.T) (flags []string, release func()) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "hold")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	return []string{"--dir", dir + ":/held:ro", "--env", "HOLD=/held/hold"}, func() { os.Remove(file) }
}

// A prober asks the probes of a server.
type prober struct {
	*testing.T
	command, at string
}

// newProber returns a prober, and the flags that the server must have.
func newProber(t *testing.T, command string) (p prober, flags []string) {
	t.Helper()
	p = prober{t, command, "127.0.0.1:" + porttest.Free(t)}
	return p, []string{"--health", p.at}
}

// get returns the status and the body of a probe.
func (p prober) get(path, accept string) (status int, body string) {
	r, err := http.NewRequest(http.MethodGet, "http://"+p.at+path, nil)
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.Error(err)
	}
	return answer.StatusCode, string(text)
}

// wants checks the answer of a probe: as text, as JSON and of wasisock health.
func (p prober) wants(path string, status int, text string) {
	p.Helper()
	if got, body := p.get(path, "*/*"); got != status || body != text+"\n" {
		p.Errorf("%s: %d, %q; want %d, %q", path, got, body, status, text)
	}
	made, code := `{"ok":true}`, 0
	if status != http.StatusOK {
		made, code = fmt.Sprintf(`{"ok":false,"reason":%q}`, text), 1
	}
	if got, body := p.get(path, "application/json"); got != status || body != made+"\n" {
		p.Errorf("%s: %d, %q; want %d, %s", path, got, body, status, made)
	}
	args := []string{"health", p.at}
	if path == "/livez" {
		args = []string{"health", "--live", p.at}
	}
	if got, stdout, stderr := ExecuteFile(p.T, p.command, args...); got != code || stdout != text+"\n" || stderr != "" {
		p.Errorf("wasisock health: %d, %q, %q; want %d, %q", got, stdout, stderr, code, text)
	}
}

// Health tests --health and wasisock health.
func Health(t *testing.T, command string) {
	p, flags := newProber(t, command)
	held, release := heldBack(t)
	s := NewServer(t, command, nil, append(append(flags, held...), "--instances", "2", "--drain-delay", "2s")...)
	s.Says("held\n")
	p.wants("/readyz", 503, "0 of 2 instances of server.wasm listen")
	p.wants("/livez", 200, "ok")
	release()
	s.Eventually("it is ready", func() bool { status, _ := p.get("/readyz", ""); return status == 200 })
	p.wants("/readyz", 200, "ok")

	// A load balancer goes on sending connections for some time after a 503.
	stop := s.Load()
	time.Sleep(200 * time.Millisecond)
	s.Signal(syscall.SIGTERM)
	s.Eventually("it is not ready", func() bool { status, _ := p.get("/readyz", ""); return status == 503 })
	p.wants("/readyz", 503, "wasisock is shutting down")
	p.wants("/livez", 200, "ok")
	time.Sleep(500 * time.Millisecond)
	if _, err := Get(&http.Client{Transport: new(http.Transport)}, s.URL+"/"); err != nil {
		t.Error("a connection fails after the first 503:", err)
	}
	t.Log(stop(), "requests")
	s.Exits(0)
	if code, stdout, stderr := ExecuteFile(t, command, "health", p.at); code != 1 || stdout != "" || !strings.Contains(stderr, "wasisock: no answer: ") {
		t.Errorf("of a wasisock that has ended: %d, %q, %q", code, stdout, stderr)
	}
}

// Live tests --live-after: with guests that wait, and that compute.
func Live(t *testing.T, command string) {
	p, flags := newProber(t, command)
	s := Serve(t, command, append(flags, "--live-after", "1s")...)
	go Get(http.DefaultClient, s.URL+"/sleep?1h")
	s.Says("asleep\n")
	for range 15 {
		time.Sleep(100 * time.Millisecond)
		if status, text := p.get("/livez", ""); status != 200 {
			t.Fatalf("%d, %s of a guest that waits", status, text)
		}
	}
	go Get(http.DefaultClient, s.URL+"/spin")
	s.Says("spins\n")
	s.Eventually("it is not live", func() bool { status, _ := p.get("/livez", ""); return status == 503 })
	if _, text := p.get("/livez", ""); !strings.HasPrefix(text, "server.wasm has made no call for ") || !strings.HasSuffix(text, "s, and has 2 connections open\n") {
		t.Errorf("%q", text)
	}
	if code, _, _ := ExecuteFile(t, command, "health", "--live", p.at); code != 1 {
		t.Errorf("wasisock health --live: %d", code)
	}
}

// ListenWhenReady tests --listen-when-ready: without it, clients connect before the guest listens.
func ListenWhenReady(t *testing.T, command string) {
	for _, late := range []bool{false, true} {
		held, release := heldBack(t)
		if late {
			held = append(held, "--listen-when-ready")
		}
		s := NewServer(t, command, nil, held...)
		s.Says("held\n")
		c, err := net.DialTimeout("tcp", strings.TrimPrefix(s.URL, "http://"), 500*time.Millisecond)
		if (err != nil) != late {
			t.Errorf("%q: connecting before the guest listens: %v", held, err)
		}
		if err == nil {
			c.Close()
		}
		release()
		if text, err := Get(&http.Client{Timeout: time.Minute}, s.URL+"/"); text != "hello /\n" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		s.Signal(syscall.SIGTERM)
		s.Exits(0)
	}
}

// Logs tests --log-format, --log-level and --log-guest.
func Logs(t *testing.T, command string) {
	// run runs a server whose guest asks for one connection, which is refused, and shuts down.
	run := func(flags ...string) (stdout, stderr string) {
		var out, errs outputtest.Buffer
		s := NewServer(t, command, func(c *exec.Cmd) { c.Stdout, c.Stderr = &out, &errs }, append(flags, "--health", "127.0.0.1:0", "--drain-delay", "1ms")...)
		s.Eventually("it answers", func() bool { _, err := Get(http.DefaultClient, s.URL+"/"); return err == nil })
		if text, err := Get(http.DefaultClient, s.URL+"/dial?192.0.2.1:7"); text != "true\n" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		s.Signal(syscall.SIGTERM)
		s.Exits(0)
		return out.String(), errs.String()
	}
	type message struct {
		Time                      time.Time
		Level, Msg, Guest, Stream string
		Instance                  int
	}
	messages := func(text string) (all []message) {
		for line := range strings.Lines(text) {
			var m message
			d := json.NewDecoder(strings.NewReader(line))
			d.DisallowUnknownFields()
			if err := d.Decode(&m); err != nil || m.Guest != "server.wasm" || m.Time.IsZero() {
				t.Errorf("%v: %q", err, line)
			}
			all = append(all, m)
		}
		return all
	}
	// has returns the number of messages with these fields whose text starts with begin.
	has := func(all []message, level, begin, stream string, instance int) (n int) {
		for _, m := range all {
			if m.Level == level && strings.HasPrefix(m.Msg, begin) && m.Stream == stream && m.Instance == instance {
				n++
			}
		}
		return n
	}
	const refused, told, drains = "refused: dial tcp 192.0.2.1:7; allow it with --allow", "--health is at http://127.0.0.1:", "server.wasm goes on for 1ms"

	stdout, stderr := run("--log-format", "json")
	own := regexp.MustCompile(`(?m)^accept tcp .*\n`) // of the guest
	if !own.MatchString(stderr) {
		t.Errorf("what the guest prints is not in %s", stderr)
	}
	if all := messages(own.ReplaceAllString(stderr, "")); has(all, "WARN", refused, "", 1) != 1 || has(all, "INFO", told, "", 0) != 1 || has(all, "INFO", drains, "", 0) != 1 {
		t.Errorf("%s", stderr)
	}
	if !strings.HasPrefix(stdout, "127.0.0.1:") {
		t.Errorf("the guest's own output is %q", stdout)
	}

	stdout, stderr = run("--log-format", "json", "--log-guest", "--log-level", "info")
	if all := messages(stderr); has(all, "INFO", "127.0.0.1:", "stdout", 1) != 1 || has(all, "WARN", refused, "", 1) != 1 || has(all, "INFO", "accept tcp", "stderr", 1) != 1 || stdout != "" {
		t.Errorf("%q, %s", stdout, stderr)
	}

	stdout, stderr = run("--log-format=text", "--log-level=warn")
	if line := regexp.MustCompile(`(?m)^time=20\S+ level=WARN msg="refused: dial tcp 192\.0\.2\.1:7; allow .*" guest=server\.wasm instance=1$`); !line.MatchString(stderr) || strings.Contains(stderr, "level=INFO") || !strings.HasPrefix(stdout, "127.0.0.1:") {
		t.Errorf("%q, %s", stdout, stderr)
	}

	if _, stderr = run("--log-level=warn"); !strings.HasPrefix(stderr, "wasisock: "+refused) || strings.Contains(stderr, "--health is at") {
		t.Error(stderr)
	}

	if code, _, stderr := ExecuteFile(t, command, "run", "--log-guest", "server.wasm"); code != 125 || stderr != "wasisock: --log-guest has no fields in plain messages; add --log-format text or json\n" {
		t.Errorf("%d, %q", code, stderr)
	}
}

// Systemd tests socket activation, and the notifications and the watchdog of Type=notify.
func Systemd(t *testing.T, command string) {
	dir, err := os.MkdirTemp("", "systemd") // a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	sockets := []string{filepath.Join(dir, "notify")}
	if runtime.GOOS == "linux" {
		sockets = append(sockets, "@"+filepath.Join(dir, "abstract"))
	}
	for _, socket := range sockets {
		systemd(t, command, socket)
	}
}

// systemd tests a command that gets a socket for notifications, as from systemd.
func systemd(t *testing.T, command, socket string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	notifications, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notifications.Close()
	// next returns the next notification that is not of the watchdog, or "" if there is none within
	// that time, and the number of those of the watchdog before it.
	next := func(within time.Duration) (state string, alive int) {
		notifications.SetReadDeadline(time.Now().Add(within))
		for {
			text := make([]byte, 100)
			n, err := notifications.Read(text)
			switch state := string(text[:n]); {
			case err != nil:
				return "", alive
			case state != "WATCHDOG=1":
				return state, alive
			}
			alive++
		}
	}
	held, release := heldBack(t)
	start := func(flags ...string) *Server {
		return newServerAt(t, command, l.Addr().String(), func(c *exec.Cmd) {
			// The variables must hold the number of the process.
			c.Path, c.Args = "/bin/sh", append([]string{"sh", "-c", `export WATCHDOG_PID=$$ LISTEN_PID=$$; exec "$0" "$@"`, c.Path}, c.Args[1:]...)
			c.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=200000", "LISTEN_FDS=1")
			c.ExtraFiles = []*os.File{file}
		}, append(flags, "--listen", "fd:3", "--drain-delay", "500ms")...)
	}

	s := start(append(held, "--instances", "2")...)
	s.Says("held\n")
	if state, alive := next(time.Second); state != "" || alive == 0 {
		t.Errorf("before the guest listens: %q, and the watchdog %d times", state, alive)
	}
	release()
	if state, _ := next(patience); state != "READY=1" {
		t.Errorf("%q; want READY=1", state)
	}
	if text, err := Get(http.DefaultClient, s.URL+"/"); text != "hello /\n" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	s.Signal(syscall.SIGTERM)
	if state, _ := next(patience); state != "STOPPING=1" {
		t.Errorf("%q; want STOPPING=1", state)
	}
	s.Exits(0)
	if state, _ := next(100 * time.Millisecond); state != "" {
		t.Errorf("%q after STOPPING=1", state)
	}

	// The next command gets the same socket. The watchdog gets nothing while a guest is stuck.
	s = start("--live-after", "300ms")
	if state, _ := next(patience); state != "READY=1" {
		t.Errorf("%q; want READY=1", state)
	}
	go Get(http.DefaultClient, s.URL+"/spin")
	s.Says("spins\n")
	s.Eventually("the watchdog hears nothing", func() bool { _, alive := next(time.Second); return alive == 0 })
}
