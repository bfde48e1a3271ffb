package hosttrace_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hosttrace"
)

var began = time.Date(2026, 11, 25, 20, 4, 5, 123456789, time.FixedZone("", 3600))

// calls are one of each kind.
var calls = []host.Call{
	{
		Name: "sock_open_v2", Args: []host.Arg{{Name: "af", Text: "INET4"}, {Name: "type", Text: "STREAM"}},
		FD: 1048576, Result: "1048576", Start: began, Duration: 12 * time.Microsecond,
	},
	{
		Name: "sock_connect_v2", Args: []host.Arg{{Name: "fd", Text: "1048576"}, {Name: "addr", Text: "127.0.0.1:80"}},
		FD: 1048576, Errno: "EACCES", Reason: "denied: no rule allows it", Start: began.Add(20 * time.Microsecond), Duration: 1234 * time.Nanosecond,
	},
	{
		Name: "poll_oneoff", Args: []host.Arg{{Name: "subs", Text: "[write 1048576, clock 1m0s]"}, {Name: "nsubs", Text: "2"}},
		FD: -1, Result: "1 [write 1048576]", Start: began.Add(time.Second), Duration: 61 * time.Second,
	},
	{
		Name: "sock_connect", Args: []host.Arg{{Name: "fd", Text: "5"}, {Name: "addr", Text: "/a\n\x1b[2Jb\xff"}},
		FD: 5, Errno: "errno 999", Reason: "two\nlines", Start: began.Add(2 * time.Second),
	},
	{Name: "fd_close", Args: []host.Arg{{Name: "fd", Text: "9"}}, FD: 9, Errno: "EBADF", Start: began.Add(3 * time.Second)},
	{Name: "fd_close", Args: []host.Arg{{Name: "fd", Text: "1048576"}}, FD: 1048576, Start: began.Add(4 * time.Second), Duration: time.Microsecond},
	{Name: "sched_yield", FD: -1, Start: began.Add(5 * time.Second)},
}

const wantText = `sock_open_v2(INET4, STREAM) = 1048576 <0.000012>
sock_connect_v2(1048576, 127.0.0.1:80) = EACCES (denied: no rule allows it) <0.000001>
poll_oneoff([write 1048576, clock 1m0s], 2) = 1 [write 1048576] <61.000000>
sock_connect(5, /a\n\x1b[2Jb\xff) = errno 999 (two\nlines) <0.000000>
fd_close(9) = EBADF <0.000000>
fd_close(1048576) = 0 <0.000001>
sched_yield() = 0 <0.000000>
`

const wantJSON = `{"time":"2026-11-25T19:04:05.123456789Z","duration_ns":12000,"name":"sock_open_v2","fd":1048576,"args":{"af":"INET4","type":"STREAM"},"result":"1048576"}
{"time":"2026-11-25T19:04:05.123476789Z","duration_ns":1234,"name":"sock_connect_v2","fd":1048576,"args":{"fd":"1048576","addr":"127.0.0.1:80"},"errno":"EACCES","reason":"denied: no rule allows it"}
{"time":"2026-11-25T19:04:06.123456789Z","duration_ns":61000000000,"name":"poll_oneoff","args":{"subs":"[write 1048576, clock 1m0s]","nsubs":"2"},"result":"1 [write 1048576]"}
{"time":"2026-11-25T19:04:07.123456789Z","duration_ns":0,"name":"sock_connect","fd":5,"args":{"fd":"5","addr":"/a\\n\\x1b[2Jb\\xff"},"errno":"errno 999","reason":"two\\nlines"}
{"time":"2026-11-25T19:04:08.123456789Z","duration_ns":0,"name":"fd_close","fd":9,"args":{"fd":"9"},"errno":"EBADF"}
{"time":"2026-11-25T19:04:09.123456789Z","duration_ns":1000,"name":"fd_close","fd":1048576,"args":{"fd":"1048576"}}
{"time":"2026-11-25T19:04:10.123456789Z","duration_ns":0,"name":"sched_yield","args":{}}
`

const wantChrome = `[
{"name":"process_name","ph":"M","ts":0,"dur":0,"pid":1,"tid":1,"args":{"name":"guest"}},
{"name":"thread_name","ph":"M","ts":0,"dur":0,"pid":1,"tid":1,"args":{"name":"no descriptor"}},
{"name":"thread_name","ph":"M","ts":0,"dur":0,"pid":1,"tid":2,"args":{"name":"fd 1048576"}},
{"name":"sock_open_v2","cat":"sock","ph":"X","ts":0,"dur":12,"pid":1,"tid":2,"args":{"af":"INET4","type":"STREAM","result":"1048576"}},
{"name":"sock_connect_v2","cat":"sock","ph":"X","ts":20,"dur":1.234,"pid":1,"tid":2,"args":{"fd":"1048576","addr":"127.0.0.1:80","errno":"EACCES","reason":"denied: no rule allows it"}},
{"name":"poll_oneoff","cat":"poll","ph":"X","ts":1000000,"dur":61000000,"pid":1,"tid":1,"args":{"subs":"[write 1048576, clock 1m0s]","nsubs":"2","result":"1 [write 1048576]"}},
{"name":"thread_name","ph":"M","ts":0,"dur":0,"pid":1,"tid":3,"args":{"name":"fd 5"}},
{"name":"sock_connect","cat":"sock","ph":"X","ts":2000000,"dur":0,"pid":1,"tid":3,"args":{"fd":"5","addr":"/a\\n\\x1b[2Jb\\xff","errno":"errno 999","reason":"two\\nlines"}},
{"name":"fd_close","cat":"fd","ph":"X","ts":3000000,"dur":0,"pid":1,"tid":1,"args":{"fd":"9","errno":"EBADF"}},
{"name":"fd_close","cat":"fd","ph":"X","ts":4000000,"dur":1,"pid":1,"tid":2,"args":{"fd":"1048576"}},
{"name":"sched_yield","cat":"sched","ph":"X","ts":5000000,"dur":0,"pid":1,"tid":1,"args":{}}
]
`

// pieces keeps what each Write wrote.
type pieces []string

func (p *pieces) Write(b []byte) (int, error) {
	*p = append(*p, string(b))
	return len(b), nil
}

var forms = []struct {
	name string
	form func(io.Writer) *hosttrace.Writer
	want string
}{
	{"text", hosttrace.Text, wantText},
	{"json", hosttrace.JSON, wantJSON},
	{"chrome", hosttrace.Chrome, wantChrome},
}

func TestForms(t *testing.T) {
	for _, test := range forms {
		t.Run(test.name, func(t *testing.T) {
			var out pieces
			w := test.form(&out)
			before := len(out)
			for i, c := range calls {
				w.Trace(c)
				if len(out)-before != i+1 {
					t.Errorf("%d calls came in %d pieces", i+1, len(out)-before)
				}
			}
			for range 2 {
				if err := w.Close(); err != nil {
					t.Error(err)
				}
				w.Trace(calls[0])
			}
			got, want := strings.SplitAfter(strings.Join(out, ""), "\n"), strings.SplitAfter(test.want, "\n")
			for i := range max(len(got), len(want)) {
				switch {
				case i >= len(got):
					t.Errorf("missing: %s", want[i])
				case i >= len(want):
					t.Errorf("too much: %s", got[i])
				case got[i] != want[i]:
					t.Errorf("got  %swant %s", got[i], want[i])
				}
			}
		})
	}
}

// TestChromeOfAProcessThatWasKilled reads what there is after each call.
func TestChromeOfAProcessThatWasKilled(t *testing.T) {
	var out bytes.Buffer
	w := hosttrace.Chrome(&out)
	for i := range len(calls) + 1 {
		var events []any
		if err := json.Unmarshal([]byte(out.String()+"]"), &events); err != nil {
			t.Errorf("after %d calls: %v", i, err)
		}
		if i < len(calls) {
			w.Trace(calls[i])
		}
	}
}

// TestChromeTracksHaveAnEnd holds that a guest cannot make the host keep what it
// likes: a number that is not open has no track.
func TestChromeTracksHaveAnEnd(t *testing.T) {
	var out bytes.Buffer
	w := hosttrace.Chrome(&out)
	for fd := range int64(1000) {
		w.Trace(host.Call{Name: "fd_close", FD: fd, Errno: "EBADF"})
	}
	if n := strings.Count(out.String(), "thread_name"); n != 1 {
		t.Errorf("%d tracks", n)
	}
}

// full is a disk that is.
type full struct{ writes int }

var errFull = errors.New("no space left")

func (f *full) Write(b []byte) (int, error) {
	f.writes++
	return 0, fmt.Errorf("write %d: %w", f.writes, errFull)
}

func TestErrorsOfWriting(t *testing.T) {
	for _, test := range forms {
		var disk full
		w := test.form(&disk)
		w.Trace(calls[0])
		w.Trace(calls[1])
		if err := w.Close(); !errors.Is(err, errFull) || err.Error() != "write 1: no space left" || disk.writes != 1 {
			t.Errorf("%s: %v after %d writes", test.name, err, disk.writes)
		}
	}
}

// TestGuestsThatShareAWriter also closes it while they go on.
func TestGuestsThatShareAWriter(t *testing.T) {
	for _, test := range forms {
		var out bytes.Buffer
		w := test.form(&out)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 100 {
					for _, c := range calls {
						w.Trace(c)
					}
				}
			})
		}
		w.Trace(calls[0])
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		closed := out.String()
		wg.Wait()
		if out.String() != closed {
			t.Errorf("%s: there is more after Close", test.name)
		}
		if test.name == "chrome" && !json.Valid([]byte(closed)) {
			t.Errorf("no JSON:\n%s", closed)
		}
	}
}

func TestFilter(t *testing.T) {
	for _, test := range []struct {
		spec string
		want string // of calls, by number
	}{
		{"*", "0123456"},
		{"sock_*", "013"},
		{"sock_connect", "13"},
		{"sock_connect_v2", "1"},
		{"sock_open_v2,sock_connect_v2", "01"},
		{"!sock_connect", "02456"},
		{"!sock_connect_v2", "023456"},
		{"!poll_oneoff,!fd_*", "0136"},
		{"sock_*,!sock_open", "13"},
		{"1048576", "015"},
		{"1048576,5", "0135"},
		{" sock_* , 1048576 ", "01"},
		{"!1048576", "2346"},
		{"fd_close,! 9", "5"},
		{"fd_[cr]*", "45"},
		{"9,!fd_close", ""},
		{"4294967295", ""},
	} {
		var got string
		for i, c := range calls {
			tracer, err := hosttrace.Filter(func(host.Call) { got += fmt.Sprint(i) }, test.spec)
			if err != nil {
				t.Fatal(err)
			}
			tracer(c)
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.spec, got, test.want)
		}
	}
}

func TestFiltersThatAreNone(t *testing.T) {
	for spec, want := range map[string]string{
		"":              `filter "": a name or a number is missing; write such as`,
		"sock_*,":       `filter "sock_*,": a name or a number is missing`,
		"!":             "a name or a number is missing",
		"sock_*,,1":     "a name or a number is missing",
		"!!sock_*":      `no function that is traced is called "!sock_*"; write such as`,
		"sock_opne":     `no function that is traced is called "sock_opne"`,
		"sock_open 7":   `no function that is traced is called "sock_open 7"`,
		"connect*":      `no function that is traced is called "connect*"`,
		"path_open":     `no function that is traced is called "path_open"`,
		"-1":            `no function that is traced is called "-1"`,
		"sock_[":        `"sock_[" is not a pattern; write such as sock_*`,
		"[]a]":          `"[]a]" is not a pattern`,
		"1,4294967296":  "4294967296 is not a descriptor: they have 32 bits",
		"!99999999999":  "99999999999 is not a descriptor",
		"sock_*\nfd_*":  `filter "sock_*\nfd_*": no function`,
		"1048576-10500": "no function that is traced",
	} {
		tracer, err := hosttrace.Filter(func(host.Call) {}, spec)
		if tracer != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", spec, err, want)
		}
	}
}
