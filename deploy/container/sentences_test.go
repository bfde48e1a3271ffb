//go:build linux

package container

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/porttest"
)

// A sentence is a row of the table in docs/containers.md. It returns what a kind of container does.
type sentence struct {
	text string
	run  func(*testing.T, kind) string
	want string // of a container with wasisock
}

var sentences = []sentence{
	{"serves as user 65534, on a read-only file system, without capabilities", serves, "yes"},
	{"after SIGTERM, answers the request in work and ends with exit code 0", drains, "yes"},
	{"is not ready before the guest listens, and not once it drains", probes, "yes"},
	{"has the guest's exit code, here 7", exits, "7"},
	{"prints a line when the guest does", prints, "yes"},
	{"runs without standard input", reads, "yes"},
	{"resolves a name that the container has", resolves, "yes"},
	{"trusts the certificates in the image, or those of the node", trusts, "yes"},
	{"refuses an address that no rule allows", refuses, "yes"},
	{"at the memory limit of the container, ends with a message", remembers, "yes"},
	{"`podman kill` ends it, with exit code 137", killed, "yes"},
	{"`podman stats` has its memory", counted, "yes"},
	{"`podman exec` runs `wasisock health` and `doctor` in it", execs, "yes"},
}

func verdict(err error) string {
	if err == nil {
		return "yes"
	}
	return "no: " + err.Error()
}

func serves(t *testing.T, k kind) string {
	at := "127.0.0.1:" + porttest.Free(t)
	began := time.Now()
	c := k.start(t, []string{"--", "--listen", at}, "serve", at)
	answers(t, "http://"+at)
	_, pid := do(t, "inspect", "--format", "{{.State.Pid}}", c.name)
	status, err := os.ReadFile("/proc/" + strings.TrimSpace(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`Uid:\s+65534\s+65534\s+65534\s+65534`, `CapEff:\s+0+\n`, `CapBnd:\s+0+\n`, `NoNewPrivs:\s+1\n`, `Seccomp:\s+2\n`} {
		if !regexp.MustCompile(line).Match(status) {
			t.Errorf("%s is not in %s", line, status)
		}
	}
	t.Logf("made and served after %v", time.Since(began))
	return "yes"
}

func drains(t *testing.T, k kind) string {
	at := "127.0.0.1:" + porttest.Free(t)
	c := k.start(t, []string{"--", "--listen", at, "--grace", "20s"}, "serve", at)
	answers(t, "http://"+at)
	answered := make(chan error, 1)
	go func() {
		answer, err := http.Get("http://" + at + "/sleep?1s")
		if err == nil {
			err = answer.Body.Close()
		}
		answered <- err
	}()
	for !strings.Contains(c.out.String(), "asleep") {
		time.Sleep(time.Millisecond)
	}
	do(t, "stop", "--time=5", c.name)
	code := c.ended()
	switch err := <-answered; {
	case err != nil:
		return fmt.Sprintf("no: the request is lost, and the exit code %d", code)
	case code != 0:
		return fmt.Sprintf("no: exit code %d", code)
	}
	return "yes"
}

func probes(t *testing.T, k kind) string {
	if k.program == "" {
		return "no: it has no probes"
	}
	at, health := "127.0.0.1:"+porttest.Free(t), "127.0.0.1:"+porttest.Free(t)
	c := k.start(t, []string{"--", "--listen", at, "--health", health, "--drain-delay", "1s"}, "serve", at)
	answers(t, "http://"+health+"/readyz")
	if code, out := do(t, "exec", c.name, k.program, "health", health); code != 0 {
		return fmt.Sprintf("no: wasisock health: %d, %s", code, out)
	}
	do(t, "kill", "--signal=TERM", c.name)
	for {
		answer, err := http.Get("http://" + health + "/readyz")
		if err != nil {
			return verdict(err)
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusServiceUnavailable {
			break
		}
	}
	if answer, err := http.Get("http://" + at); err != nil {
		return verdict(err)
	} else if err := answer.Body.Close(); err != nil {
		return verdict(err)
	}
	if code := c.ended(); code != 0 {
		return fmt.Sprintf("no: exit code %d", code)
	}
	return "yes"
}

func exits(t *testing.T, k kind) string {
	code, _ := k.run(t, []string{"--"}, "exit", "7")
	return fmt.Sprint(code)
}

func prints(t *testing.T, k kind) string {
	at := "127.0.0.1:" + porttest.Free(t)
	c := k.start(t, []string{"--", "--listen", at}, "serve", at)
	answers(t, "http://"+at)
	go http.Get("http://" + at + "/sleep?30s")
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, logs := do(t, "logs", c.name); strings.Contains(logs, "asleep\n") {
			return "yes"
		}
	}
	return "no"
}

func reads(t *testing.T, k kind) string {
	if code, out := k.run(t, []string{"--"}, "copy"); code != 0 || out != "0\n" {
		return fmt.Sprintf("no: exit code %d", code)
	}
	return "yes"
}

func resolves(t *testing.T, k kind) string {
	code, out := k.run(t, []string{"--add-host=shop.test:127.0.0.7", "--", "--allow", "dial tcp shop.test:80"}, "lookup", "shop.test")
	if code != 0 || !strings.HasPrefix(out, "1 ") {
		return fmt.Sprintf("no: exit code %d", code)
	}
	return "yes"
}

func trusts(t *testing.T, k kind) string {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "over TLS\n") }))
	defer s.Close()
	code, out := k.run(t, []string{"--", "--tls-roots", "--allow", "dial tcp " + strings.TrimPrefix(s.URL, "https://")}, "get", s.URL)
	if code != 0 || !strings.Contains(out, "over TLS") {
		return fmt.Sprintf("no: exit code %d", code)
	}
	return "yes"
}

func refuses(t *testing.T, k kind) string {
	if _, out := k.run(t, []string{"--"}, "dial", "127.0.0.1:9"); strings.Contains(out, "true\n") {
		return "yes"
	}
	return "no"
}

func remembers(t *testing.T, k kind) string {
	code, out := k.run(t, []string{"--memory=256m", "--", "--max-memory", "auto"}, "allocate", "600")
	if strings.Contains(out, "out of memory") && code != 137 {
		return "yes"
	}
	return fmt.Sprintf("no: exit code %d", code)
}

func killed(t *testing.T, k kind) string {
	at := "127.0.0.1:" + porttest.Free(t)
	c := k.start(t, []string{"--", "--listen", at}, "serve", at)
	answers(t, "http://"+at)
	do(t, "kill", c.name)
	if code := c.ended(); code != 137 {
		return fmt.Sprintf("no: exit code %d", code)
	}
	return "yes"
}

func counted(t *testing.T, k kind) string {
	at := "127.0.0.1:" + porttest.Free(t)
	c := k.start(t, []string{"--memory=512m", "--", "--listen", at}, "serve", at)
	answers(t, "http://"+at)
	code, out := do(t, "stats", "--no-stream", "--format={{.MemUsage}}", c.name)
	if code != 0 || !regexp.MustCompile(`^[1-9][0-9.]*MB / 536\.9MB\n$`).MatchString(out) {
		return "no: " + strings.TrimSpace(out)
	}
	return "yes"
}

func execs(t *testing.T, k kind) string {
	at, health := "127.0.0.1:"+porttest.Free(t), "127.0.0.1:"+porttest.Free(t)
	if k.program == "" {
		return "no: it has none"
	}
	c := k.start(t, []string{"--", "--listen", at, "--health", health}, "serve", at)
	answers(t, "http://"+at)
	if code, out := do(t, "exec", c.name, k.program, "health", health); code != 0 || out != "ok\n" {
		return fmt.Sprintf("no: exit code %d", code)
	}
	if _, out := do(t, "exec", c.name, k.program, "doctor"); !regexp.MustCompile(`(?m)^engine +ok`).MatchString(out) {
		return "no: " + out
	}
	return "yes"
}

// TestContainers runs every sentence with every kind of container, and compares the table with
// that in docs/containers.md. -args -update writes it.
func TestContainers(t *testing.T) {
	results := make([][]string, len(sentences))
	for i, s := range sentences {
		for _, k := range kinds {
			if testing.Short() && k.image != "wazero" {
				continue // takes a minute to link, or to compile
			}
			t.Run(s.text+"/"+k.name, func(t *testing.T) {
				got := s.run(t, k)
				if results[i] = append(results[i], got); k.program != "" && got != s.want {
					t.Errorf("%q, want %q", got, s.want)
				}
			})
		}
	}
	if t.Failed() || testing.Short() {
		return
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("docs/containers.md has no %s and %s", begin, end)
	}
	switch made := before + begin + table(results) + end + after; {
	case made == string(text):
	case !*update:
		t.Errorf("docs/containers.md has another table; run this with -args -update\n%s", table(results))
	default:
		if err := os.WriteFile(page, []byte(made), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// The table's place.
const page, begin, end = "../../docs/containers.md", "<!-- begin containers -->\n", "<!-- end containers -->\n"

var update = flag.Bool("update", false, "write the table in docs/containers.md")

func table(results [][]string) string {
	var b strings.Builder
	b.WriteString("| a container that runs |")
	for _, k := range kinds {
		b.WriteString(" " + k.name + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(kinds)) + "\n")
	for i, s := range sentences {
		b.WriteString("| " + s.text + " | " + strings.Join(results[i], " | ") + " |\n")
	}
	return b.String()
}
