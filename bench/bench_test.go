//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseWrk(t *testing.T) {
	const whole = `Running 2s test @ http://127.0.0.1:18200
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.31ms    2.33ms  40.93ms   98.01%
    Req/Sec    60.75k    13.10k   83.79k    84.21%
  Latency Distribution
     50%  342.00us
     75%    1.26ms
     90%    2.10ms
     99%    1.50s
  42030 requests in 2.03s, 2.81MB read
Requests/sec:  20718.44
Transfer/sec:      1.38MB
`
	for _, tt := range []struct{ name, out, want string }{
		{"a whole output", whole, `42030 2.03s 342µs 1.5s ""`},
		{"errors", strings.Replace(whole, "Requests/sec", "  Socket errors: connect 0, read 1, write 0, timeout 2\n  Non-2xx or 3xx responses: 3\nRequests/sec", 1),
			`42030 2.03s 342µs 1.5s "Socket errors: connect 0, read 1, write 0, timeout 2; Non-2xx or 3xx responses: 3"`},
		{"minutes", strings.Replace(whole, "2.03s", "1.00m", 1), `42030 1m0s 342µs 1.5s ""`},
		{"nothing", "", "!"},
		{"no requests' time", strings.Replace(whole, "in 2.03s", "in 0.00us", 1), "!"},
		{"a number too large", strings.Replace(whole, "42030", "99999999999999999999", 1), "!"},
	} {
		r, err := parseWrk(tt.out)
		got := fmt.Sprintf("%d %v %v %v %q", r.requests, r.took, r.p50, r.p99, r.errors)
		if err != nil {
			got = "!"
		}
		if got != tt.want {
			t.Errorf("%s: got %s (%v), want %s", tt.name, got, err, tt.want)
		}
	}
}

// statLine is a line of /proc/PID/stat with what is read of it.
func statLine(pid int, name string, parent, user, system, pages int) string {
	return fmt.Sprintf("%d (%s) S %d 1 1 0 -1 4194560 9 0 0 0 %d %d 77 77 20 0 3 0 1000 123456 %d 184467 1 1", pid, name, parent, user, system, pages)
}

func TestParseStat(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{statLine(12, "server", 1, 150, 50, 2), "12 1 2s 2"},
		{statLine(12, "a) S (b", 7, 0, 1, 0), "12 7 10ms 0"},
		{"", "!"},
		{"12 (server) S 1 2 3", "!"},
		{"x" + statLine(12, "server", 1, 1, 1, 1), "!"},
	} {
		s, err := parseStat(tt.line)
		got := fmt.Sprint(s.pid, s.parent, s.cpu, s.rss/int64(pageSize))
		if err != nil {
			got = "!"
		}
		if got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.line, got, tt.want)
		}
	}
}

func TestAProcessIsCountedWithItsDescendantsAndNobodyElse(t *testing.T) {
	stats := map[int]stat{}
	for _, line := range []string{
		statLine(1, "init", 0, 100, 0, 1), statLine(2, "sh", 1, 200, 0, 1),
		statLine(3, "engine", 2, 400, 0, 1), statLine(4, "helper", 3, 800, 0, 1), statLine(5, "other", 1, 1600, 0, 1),
	} {
		s, err := parseStat(line)
		if err != nil {
			t.Fatal(err)
		}
		stats[s.pid] = s
	}
	for pid, want := range map[int]time.Duration{2: 14 * time.Second, 4: 8 * time.Second, 1: 31 * time.Second, 6: 0} {
		if got := tree(stats, pid).cpu; got != want {
			t.Errorf("process %d: %v, want %v", pid, got, want)
		}
	}
}

func TestQuantile(t *testing.T) {
	for _, tt := range []struct {
		took []time.Duration
		q    float64
		want time.Duration
	}{
		{nil, 0.5, 0},
		{[]time.Duration{7}, 0.99, 7},
		{[]time.Duration{3, 1, 2}, 0.5, 2},
		{[]time.Duration{4, 3, 1, 2}, 0.5, 2},
		{[]time.Duration{4, 3, 1, 2}, 0.99, 4},
	} {
		if got := quantile(tt.took, tt.q); got != tt.want {
			t.Errorf("%v, %v: got %v, want %v", tt.took, tt.q, got, tt.want)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		x    []float64
		want string
	}{
		{nil, "-"},
		{[]float64{1500}, "1.5k"},
		{[]float64{3000, 1000, 2500}, "2.5k (1.0-3.0)"},
		{[]float64{1000, 2000}, "1.5k (1.0-2.0)"},
		{[]float64{1001, 1002, 1003}, "1.0k"},
	} {
		if got := spread(tt.x, 1e-3, "%.1f", "k"); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.x, got, tt.want)
		}
	}
}

func TestRatiosAreTakenWithinARound(t *testing.T) {
	make := func(rates ...int) []sample {
		var out []sample
		for round, rate := range rates {
			out = append(out, sample{round: round, cpu: 1, result: result{requests: rate, took: time.Second}})
		}
		return out
	}
	if got := fmt.Sprint(ratios(make(50, 300, 90), make(100, 400, 90))); got != "[0.5 0.75 1]" {
		t.Errorf("got %s, want [0.5 0.75 1]", got)
	}
}

func TestCommandLine(t *testing.T) {
	for _, tt := range []struct {
		args string // separated by |
		want string // an error if it begins with "!"
	}{
		{"-server|a=b c=d", "[{a b c=d}] [0 1000 5000] [1 64] 3 4s 3s"},
		{"-server|a=b|-server|c=d|-idle|7|-conns|2,3|-rounds|1|-window|2s|-rest|1s", "[{a b} {c d}] [7] [2 3] 1 2s 1s"},
		{"", "!-server is missing"},
		{"-server|a=b|x", `!unknown argument "x"`},
		{"-server|a", `!invalid value "a" for flag -server: not NAME=COMMAND`},
		{"-server|a=b|-idle|-1", `!"-1" is not a list of numbers of at least 0`},
		{"-server|a=b|-conns|0", `!"0" is not a list of numbers of at least 1`},
		{"-server|a=b|-rounds|0", "!-rounds 0 is less than 1"},
		{"-server|a=b|-rest|0", "!-rest 0s is not more than 0"},
		{"-server|a=b|-window|1500ms", "!-window 1.5s is not whole seconds"},
	} {
		p, err := parse(strings.FieldsFunc(tt.args, func(c rune) bool { return c == '|' }))
		got := fmt.Sprint(p.servers, p.levels, p.conns, p.rounds, p.window, p.rest)
		if err != nil {
			got = "!" + err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.args, got, tt.want)
		}
	}
}

func TestTablesNameEveryServerAtEveryLevel(t *testing.T) {
	s := &session{plan: plan{servers: []Server{{Name: "yard"}, {Name: "mine"}}, levels: []int{0, 9}, conns: []int{1}, rounds: 1}}
	for i, server := range s.servers {
		for _, idle := range s.levels {
			s.samples = append(s.samples,
				sample{server: server.Name, load: "POST", idle: idle, conns: 1, cpu: float64(1 + i), wall: 2, cpus: 2,
					result: result{requests: 30000 / (1 + idle), took: time.Second, p50: 1500 * time.Nanosecond, p99: 12 * time.Millisecond, wrkCPU: time.Second}},
				sample{server: server.Name, load: "rest", idle: idle, cpu: 0.03, wall: 3, rss: 5e6})
		}
		s.samples = append(s.samples, sample{server: server.Name, load: "start", wall: 0.15})
	}
	got := s.markdown()
	for _, want := range []string{
		"### POST, 0 idle connections",
		"| mine | 15.0k | 50 % | 30.0k | 67 % | 1 us, 12.0 ms | - |",
		"### POST, 9 idle connections",
		"| yard | 3.0k | 100 % | 10 % | 3.0k | 33 % | 1 us, 12.0 ms | - |",
		"| mine | 150 ms | 1.00 % | 5 MB | 1.00 % | 5 MB |",
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no line %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "GET") || strings.Contains(got, "Faults") {
		t.Errorf("a table of what was not measured:\n%s", got)
	}
}

func TestPlotsShowEveryServer(t *testing.T) {
	s := &session{plan: plan{
		servers: []Server{{Name: "native"}, {Name: "sandbox"}},
		jobs:    []job{{"compiler", "", "compile"}, {"native", "", "memory"}, {"sandbox", "", "memory"}},
		levels:  []int{0, 9000}, conns: []int{1, 64}, out: t.TempDir(),
	}}
	// The sandbox takes twice the CPU in one round, and four times in the next.
	for round, times := range []float64{2, 4} {
		for _, idle := range s.levels {
			for _, conns := range s.conns {
				for _, load := range loads {
					for i, server := range s.servers {
						cpu := 1.0
						if i == 1 {
							cpu = times
						}
						s.samples = append(s.samples, sample{server: server.Name, load: load.name, idle: idle, conns: conns, round: round,
							result: result{requests: 1000, took: time.Second}, cpu: cpu})
					}
				}
			}
			for _, server := range s.servers {
				s.samples = append(s.samples, sample{server: server.Name, load: "rest", idle: idle, round: round, rss: 1e6, wall: 1})
			}
		}
		for _, server := range s.servers {
			s.samples = append(s.samples, sample{server: server.Name, load: "start", round: round, wall: 0.25})
		}
		s.samples = append(s.samples, sample{server: "compiler", load: "compile", round: round, cpu: 12},
			sample{server: "native", load: "memory", round: round, result: result{requests: 1000}, cpu: 1},
			sample{server: "sandbox", load: "memory", round: round, result: result{requests: 1000}, cpu: 4 * times})
	}
	if err := s.plots(); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]string{
		"cpu-memory": {"CPU for a request from memory", "native", "sandbox", ">12<"},
		"cpu-POST":   {"CPU for a POST, 64 connections; native is 1", "native", "sandbox", ">3.0<"},
		"cpu-GET":    {"CPU for a GET", "sandbox", ">3.0<"},
		"start":      {"native", "sandbox", ">0.25<"},
		"compile":    {"compiler", ">12<"},
		"idle":       {"1 active", "native", "sandbox", "idle connections"},
		"memory":     {"native", "sandbox", ">MB<"},
	} {
		text, err := os.ReadFile(filepath.Join(s.out, file+".svg"))
		if err != nil {
			t.Error(err)
		}
		for _, want := range want {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s.svg does not say %q", file, want)
			}
		}
	}
}
