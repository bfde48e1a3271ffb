//go:build linux || darwin

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A tracedCall is one of the test guest's calls, as far as all forms show it.
type tracedCall struct {
	Name   string            `json:"name"`
	FD     int64             `json:"fd"` // 0 means none
	Args   map[string]string `json:"args"`
	Result string            `json:"result"`
	Errno  string            `json:"errno"`
}

// readJSON reads what --trace=json writes.
func readJSON(t *testing.T, text string) (calls []tracedCall) {
	t.Helper()
	last := time.Time{}
	for line := range strings.Lines(text) {
		var c struct {
			tracedCall
			Time     time.Time `json:"time"`
			Duration *int64    `json:"duration_ns"`
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if c.Time.Before(last) || time.Since(c.Time) > time.Hour || c.Duration == nil || *c.Duration < 0 {
			t.Errorf("the call after %v is %s", last, line)
		}
		last = c.Time
		calls = append(calls, c.tracedCall)
	}
	return calls
}

// readChrome reads what --trace=chrome writes.
func readChrome(t *testing.T, text string) (calls []tracedCall) {
	t.Helper()
	var events []struct {
		tracedCall
		Phase    string  `json:"ph"`
		Time     float64 `json:"ts"`
		Duration float64 `json:"dur"`
		Process  int     `json:"pid"`
		Track    int     `json:"tid"`
	}
	if err := json.Unmarshal([]byte(text), &events); err != nil {
		t.Fatalf("%v in %.1000q", err, text)
	}
	tracks := map[int]int64{} // to descriptors
	ends := map[int]float64{}
	for _, e := range events {
		switch {
		case e.Phase == "M" && e.Name == "thread_name":
			number, _ := strings.CutPrefix(e.Args["name"], "fd ")
			tracks[e.Track], _ = strconv.ParseInt(number, 10, 64)
		case e.Phase == "X":
			fd, named := tracks[e.Track]
			if !named || e.Process != 1 || e.Time < ends[e.Track] || e.Duration < 0 {
				t.Errorf("%+v, on a track of %d that ended at %v", e, fd, ends[e.Track])
			}
			ends[e.Track] = e.Time
			e.FD, e.Result, e.Errno = fd, e.Args["result"], e.Args["errno"]
			calls = append(calls, e.tracedCall)
		}
	}
	return calls
}

var textLine = regexp.MustCompile(`^(\w+)\((.*)\) = (\S+)( .*)? <\d+\.\d{6}>\n$`)

// readText parses the lines that --trace writes.
func readText(t *testing.T, text string) (calls []tracedCall) {
	t.Helper()
	for line := range strings.Lines(text) {
		m := textLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("no call: %q", line)
		}
		c := tracedCall{Name: m[1], Args: map[string]string{"": m[2]}, Result: m[3] + m[4]}
		if m[3][0] == 'E' {
			c.Errno, c.Result = m[3], ""
		}
		calls = append(calls, c)
	}
	return calls
}

// TestTraceOfAGuest runs one with each form, and finds its calls in what was written.
func TestTraceOfAGuest(t *testing.T) {
	for _, test := range []struct {
		form string
		read func(*testing.T, string) []tracedCall
	}{{"--trace", readText}, {"--trace=text", readText}, {"--trace=json", readJSON}, {"--trace=chrome", readChrome}} {
		for _, toFile := range []bool{false, true} {
			if test.form == "--trace=chrome" && !toFile {
				continue
			}
			t.Run(fmt.Sprintf("%s file=%v", test.form, toFile), func(t *testing.T) {
				name := filepath.Join(t.TempDir(), "trace")
				flags := []string{"run", "--allow-all", test.form}
				if toFile {
					flags = append(flags, "--trace-file", name)
				}
				code, stdout, trace := start(t, append(flags, "GUEST", "work")...)
				if toFile {
					if trace != "" {
						t.Errorf("stderr has %q", trace)
					}
					text, err := os.ReadFile(name)
					if err != nil {
						t.Fatal(err)
					}
					trace = string(text)
				}
				if code != 0 || stdout != "worked\n" {
					t.Errorf("%d, %q", code, stdout)
				}
				checkWork(t, test.form, test.read(t, trace))
			})
		}
	}
}

// checkWork holds that calls are those of the test guest's work: a listener, 20
// connections to it, and a wait.
func checkWork(t *testing.T, form string, calls []tracedCall) {
	t.Helper()
	text := strings.HasPrefix(form, "--trace=t") || form == "--trace"
	opened := map[int64]bool{}
	connected, waited := 0, 0
	for _, c := range calls {
		all := c.Args[""]
		switch {
		case c.Name == "sock_open_v2":
			fd, err := strconv.ParseInt(c.Result, 10, 64)
			if err != nil || c.Errno != "" || !text && c.FD != fd || c.Args["af"]+", "+c.Args["type"] != "INET4, STREAM" && all != "INET4, STREAM" {
				t.Errorf("%+v", c)
			}
			opened[fd] = true
		case c.Name == "sock_connect_v2":
			if c.Errno != "" && c.Errno != "EINPROGRESS" || !strings.Contains(all+c.Args["addr"], "127.0.0.1:") || !text && !opened[c.FD] {
				t.Errorf("%+v", c)
			}
			connected++
		case c.Name == "poll_oneoff":
			if c.FD != 0 || !strings.Contains(all+c.Args["subs"], "clock ") {
				t.Errorf("%+v", c)
			}
			waited++
		}
	}
	if len(opened) != 21 || connected != 20 || waited == 0 {
		t.Errorf("%d sockets, %d connections, %d waits: %+v", len(opened), connected, waited, calls)
	}
}

func TestTraceFilter(t *testing.T) {
	for _, test := range []struct {
		flags []string
		want  string // the functions, sorted
	}{
		{[]string{"--trace-filter", "sock_listen"}, "sock_listen_v2"},
		{[]string{"--trace-filter", "sock_*,1048576,!sock_set*,!sock_get*"}, "sock_bind_v2 sock_listen_v2 sock_open_v2"},
		{[]string{"--trace-filter", "sock_open", "--trace=json"}, "sock_open_v2"},
		{[]string{"--trace-filter", "!*"}, ""},
		{[]string{"--trace-filter", "sock_open", "--trace=false"}, ""},
	} {
		code, _, stderr := start(t, slices.Concat([]string{"run", "--allow-all"}, test.flags, []string{"GUEST", "work"})...)
		read := readText
		if slices.Contains(test.flags, "--trace=json") {
			read = readJSON
		}
		var names []string
		for _, c := range read(t, stderr) {
			names = append(names, c.Name)
		}
		slices.Sort(names)
		if got := strings.Join(slices.Compact(names), " "); code != 0 || got != test.want {
			t.Errorf("%q: %d, %s; want %s", test.flags, code, got, test.want)
		}
	}
}

// TestTraceOfAGuestThatASignalEnds holds that what was traced is in the file, which is
// whole, whatever the guest is doing when the command ends.
func TestTraceOfAGuestThatASignalEnds(t *testing.T) {
	for _, test := range []struct{ name, guest, flag string }{
		{"that waits", "poll", "--interruptible=false"},
		{"that computes", "spin", "--interruptible=false"},
		{"that makes calls without end", "busy", "--interruptible=false"},
		{"that makes calls without end, interruptible", "busy", "--interruptible"},
	} {
		for _, signals := range []int{1, 2} {
			t.Run(fmt.Sprint(test.name, " ", signals), func(t *testing.T) {
				name := filepath.Join(t.TempDir(), "trace")
				cmd := child(t, "--allow-all", "--grace=0s", test.flag, "--trace=chrome", "--trace-file", name, guest(t), test.guest)
				stderr, err := cmd.StderrPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				untilReady(t, stderr)
				time.Sleep(20 * time.Millisecond)
				for range signals {
					cmd.Process.Signal(syscall.SIGTERM)
				}
				said, _ := io.ReadAll(stderr)
				cmd.Wait()
				text, err := os.ReadFile(name)
				if code := cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGTERM) || err != nil || len(said) > 0 && test.guest != "spin" {
					t.Errorf("%d, %v, %q", code, err, said)
				}
				calls := readChrome(t, string(text))
				if test.guest != "spin" && !slices.ContainsFunc(calls, func(c tracedCall) bool { return c.Name == "sock_listen_v2" }) {
					t.Errorf("the trace is %+v", calls)
				}
			})
		}
	}
}

// TestTraceOfACommandThatIsKilled reads what it leaves, to which a bracket is missing.
func TestTraceOfACommandThatIsKilled(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trace")
	cmd := child(t, "--allow-all", "--trace=chrome", "--trace-file", name, guest(t), "busy")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	untilReady(t, stderr)
	time.Sleep(20 * time.Millisecond)
	cmd.Process.Kill()
	cmd.Wait()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if calls := readChrome(t, string(text)+"]"); len(calls) == 0 {
		t.Errorf("the trace is %q", text)
	}
}

// TestTraceToAPipeThatNobodyReads holds that it does not keep the command from ending,
// and that what is lost is told.
func TestTraceToAPipeThatNobodyReads(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trace")
	if err := syscall.Mkfifo(name, 0o666); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(name, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	pipe.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	for err == nil { // it is full then
		_, err = pipe.Write(make([]byte, 1000))
	}
	cmd := child(t, "--allow-all", "--trace-file", name, "--trace-filter", "sock_*", guest(t), "busy")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	defer kill.Stop()
	untilReady(t, stderr)
	time.Sleep(200 * time.Millisecond) // it waits in its first use of a socket
	cmd.Process.Signal(syscall.SIGTERM)
	said, _ := io.ReadAll(stderr)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGTERM) || !strings.HasPrefix(string(said), "wasisock: the trace is not complete: write ") {
		t.Errorf("%d, %q", code, said)
	}
}
