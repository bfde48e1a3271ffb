package hosttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
)

// aboutLife is how guests begin and end.
var aboutLife = []sentence{
	{
		says: "a guest has listeners as descriptors 3 and up if it shall, and directories follow",
		test: preopenedListeners,
	},
	{
		says:    "a guest has the arguments, environment and standard streams that it was given",
		promise: promiseGiven,
		test:    given,
	},
	{
		says:  "Run returns the exit code of a guest",
		needs: CompilesQuickly | Interruptible,
		test:  exitCodes,
	},
	{
		says: "a guest that returns from _start has exit code 0",
		test: returns,
	},
	{
		says: "a guest can exit in its start function",
		test: exitsInStart,
	},
	{
		says: "ProcessState reports the exit code and what the guest used",
		test: processState,
	},
	{
		says: "a panic of the embedder's Policy, Trace, Stdout or Stderr is an error of Run",
		test: embedderPanics,
	},
	{
		says:  "eight guests that are compiled and run at once do their work",
		needs: Compiled,
		test:  atOnce,
	},
	{
		says: "Compile and Run reject an invalid Cmd",
		test: invalidCmds,
	},
	{
		says: "Start and Wait reject a Cmd in the wrong state",
		test: cmdStates,
	},
	{
		says: "Stop stops a guest that sleeps, polls or accepts",
		test: stops,
	},
	{
		says:  "a guest stops when its context ends, whatever it waits for",
		needs: CompilesQuickly | Interruptible,
		test:  stopsWaiting,
	},
	{
		says: "Stop stops a guest from a callback",
		test: stopsInCall,
	},
	{
		says: "a context that has ended is the error of Compile",
		test: stopsBefore,
	},
	{
		says:  "a guest stops at the deadline of its context",
		needs: CompilesQuickly | Interruptible,
		test:  stopsAtDeadline,
	},
	{
		says:  "Stop interrupts a guest that computes, if Config.Interruptible is set",
		needs: Interruptible,
		test:  interrupts,
	},
	{
		says:  "Stop interrupts any guest that computes",
		needs: InterruptsAlways,
		test:  interruptsAlways,
	},
	{
		says: "Stop interrupts a guest that computes or returns ErrNotInterruptible",
		test: interruptsOrSays,
	},
	{
		says: "OnStop is called once with why a guest is to end, and not when it ends by itself",
		test: toldToStop,
	},
	{
		says: "Signal reaches a guest that handles the signal, and returns ErrSignal for others",
		test: signals,
	},
	{
		says: "Signal ends a wait of package poll that asked for the signal",
		test: signalsPoll,
	},
	{
		says: "Shutdown ends a guest that waits for connections",
		test: shutsDown,
	},
	{
		says: "Shutdown waits for connections until its time is nearly over, and the guest then reads their ends",
		test: shutdownWaits,
	},
	{
		says: "Shutdown stops a guest that does not end in time",
		test: shutdownEnds,
	},
}

func given(t *testing.T, b *bench) {
	for _, test := range []struct {
		name string
		args []string
		cfg  func(*host.Cmd)
		out  string
		err  string
	}{
		{"arguments", []string{"args", "", "a b", "ü"}, nil, "[\"guest\" \"args\" \"\" \"a b\" \"ü\"]\n", ""},
		{"no environment", []string{"env"}, nil, "[]\n", ""},
		{"environment", []string{"env"}, func(c *host.Cmd) { c.Env = []string{"B=", "A=1=2"} }, "[\"A=1=2\" \"B=\"]\n", ""},
		{"stdout and stderr", []string{"both"}, nil, "out", "err"},
		{"no stdin", []string{"stdin"}, nil, "\"\" <nil>\n", ""},
		{"stdin", []string{"stdin"}, func(c *host.Cmd) { c.Stdin = strings.NewReader("hello\n") }, "\"hello\\n\" <nil>\n", ""},
		{"stdin that fails", []string{"stdin"}, func(c *host.Cmd) { c.Stdin = readFunc(func([]byte) (int, error) { return 0, errors.New("no") }) }, "\"\" read /dev/stdin: I/O error\n", ""},
		{"stdin that panics", []string{"stdin"}, func(c *host.Cmd) { c.Stdin = readFunc(func([]byte) (int, error) { panic("no") }) }, "\"\" read /dev/stdin: I/O error\n", ""},
		{"no network", []string{"dial", "127.0.0.1:1024"}, func(c *host.Cmd) { c.Policy = nil }, "refused\n", ""},
		{"some network", []string{"dial", "127.0.0.1:1023"}, nil, "refused\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out, stderr bytes.Buffer
			cfg := command(t, test.args...)
			cfg.Stdout, cfg.Stderr = &out, &stderr
			if test.cfg != nil {
				test.cfg(cfg)
			}
			if code, err := b.runProgram(t, t.Context(), Config{}, cfg); code != 0 || err != nil {
				t.Error(code, err)
			}
			if out.String() != test.out || stderr.String() != test.err {
				t.Errorf("stdout %q, stderr %q; want %q, %q", &out, &stderr, test.out, test.err)
			}
		})
	}
}

func exitCodes(t *testing.T, b *bench) {
	for _, test := range []struct {
		args []string
		want int
	}{
		{[]string{"args"}, 0},
		{[]string{"exit", "0"}, 0},
		{[]string{"exit", "1"}, 1},
		{[]string{"exit", "255"}, 255},
		{[]string{"exit", "256"}, 256},
		{[]string{"exit", "-1"}, 0xffffffff},
		{[]string{"exit", "-268435457"}, 0xefffffff}, // the code that wazero itself uses for a deadline
		{[]string{"panic"}, 2},
	} {
		for _, interruptible := range []bool{false, true} {
			cfg := Config{Interruptible: interruptible}
			code, err := b.runProgram(t, t.Context(), cfg, command(t, test.args...))
			if code != test.want || err != nil {
				t.Errorf("%q: exit code %#x, error %v; want %#x", test.args, code, err, test.want)
			}
		}
	}
}

func returns(t *testing.T, b *bench) {
	if code, err := b.run(t.Context(), asm.Module{NoMemory: true}.Bytes(), &host.Cmd{}); code != 0 || err != nil {
		t.Error(code, err)
	}
}

func exitsInStart(t *testing.T, b *bench) {
	m := asm.Exit(asm.ConstI32(7))
	m.IsStart = true
	if code, err := b.run(t.Context(), m.Bytes(), &host.Cmd{}); code != 7 || err != nil {
		t.Error(code, err)
	}
}

func processState(t *testing.T, b *bench) {
	m := b.compiled(t, Config{})
	cmd := commandOf(t, m, "exit", "3")
	err := cmd.Run(t.Context())
	var exit *host.ExitError
	if !errors.As(err, &exit) || exit.ProcessState != cmd.ProcessState || cmd.ProcessState.ExitCode != 3 || err.Error() != "exit status 3" {
		t.Errorf("%v, %+v", err, cmd.ProcessState)
	}
	cmd = commandOf(t, m, "work")
	if err := cmd.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := cmd.ProcessState
	if s.ExitCode != 0 || s.WallTime <= 0 || s.Memory < 8<<20 || s.Dialled != 20 || s.Sockets != 0 {
		t.Errorf("%+v", s)
	}
	if runtime.GOOS == "linux" && (s.CPUTime <= 0 || s.CPUTime > s.WallTime+time.Second) {
		t.Errorf("%v of CPU time in %v", s.CPUTime, s.WallTime)
	}
	cmd = commandOf(t, m, "dial", "127.0.0.1:80", "127.0.0.1:81")
	if err := cmd.Run(t.Context()); err != nil || cmd.ProcessState.Refused != 2 || cmd.ProcessState.Dialled != 0 {
		t.Errorf("%v, %+v", err, cmd.ProcessState)
	}
}

// embedderPanics checks that panics are errors of Run and leave nothing locked.
func embedderPanics(t *testing.T, b *bench) {
	boom := func([]byte) (int, error) { panic("boom") }
	for _, test := range []struct {
		name string
		args []string
		want string
		cfg  func(*host.Cmd)
	}{
		{"in the policy", []string{"dial", "127.0.0.1:2000"}, "boom", func(c *host.Cmd) { c.Policy = func(host.Request) error { panic("boom") } }},
		{"in the policy, of the runtime", []string{"dial", "127.0.0.1:2000"}, "index out of range", func(c *host.Cmd) {
			c.Policy = func(host.Request) error { return errors.New([]string{}[len("boom")]) }
		}},
		{"in stdout", []string{"args"}, "boom", func(c *host.Cmd) { c.Stdout = writeFunc(boom) }},
		{"in stderr", []string{"both"}, "boom", func(c *host.Cmd) { c.Stderr = writeFunc(boom) }},
		{"in the trace", []string{"dial", "127.0.0.1:2000"}, "boom", func(c *host.Cmd) { c.Trace = func(host.Call) { panic("boom") } }},
	} {
		cfg := command(t, test.args...)
		test.cfg(cfg)
		code, err := b.runProgram(t, t.Context(), Config{}, cfg)
		var trap *host.TrapError
		if code != -1 || err == nil || !strings.Contains(err.Error(), test.want) || errors.As(err, &trap) {
			t.Errorf("%s: %d, %v; want an error that is not a trap of the guest's", test.name, code, err)
		}
	}
}

func atOnce(t *testing.T, b *bench) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var out bytes.Buffer
			cfg := command(t, "work")
			cfg.Stdout = &out
			if code, err := b.runProgram(t, t.Context(), Config{}, cfg); code != 0 || err != nil || out.String() != "worked\n" {
				t.Error(code, err, out.String())
			}
		})
	}
	wg.Wait()
}

func invalidCmds(t *testing.T, b *bench) {
	for _, test := range []struct {
		name string
		cmd  host.Cmd
		want string
	}{
		{"an environment entry without =", host.Cmd{Env: []string{"A"}}, "write KEY=value"},
		{"an environment entry without a key", host.Cmd{Env: []string{"=A"}}, "write KEY=value"},
		{"an environment entry with a NUL", host.Cmd{Env: []string{"A=\x00"}}, "write KEY=value"},
		{"an argument with a NUL", host.Cmd{Args: []string{"a\x00b"}}, "has a NUL"},
		{"less than a page of memory", host.Cmd{Limits: host.Limits{Memory: 65535}}, "the lowest is 65536"},
		{"a directory that does not exist", host.Cmd{Dirs: []host.Dir{{Host: "testdata/none", Guest: "/"}}}, "no such file"},
		{"a file as a directory", host.Cmd{Dirs: []host.Dir{{Host: source(t) + "/go.mod", Guest: "/"}}}, "is not a directory"},
		{"a relative directory in the guest", host.Cmd{Dirs: []host.Dir{{Host: ".", Guest: "data"}}}, "write an absolute path"},
		{"an empty directory in the guest", host.Cmd{Dirs: []host.Dir{{Host: "."}}}, "write an absolute path"},
		{"two directories as one", host.Cmd{Dirs: []host.Dir{{Host: ".", Guest: "/a/"}, {Host: "..", Guest: "/a"}}}, "name another"},
	} {
		code, err := b.run(t.Context(), asm.Exit(asm.ConstI32(0)).Bytes(), &test.cmd)
		var module *host.ModuleError
		if code != -1 || err == nil || !strings.Contains(err.Error(), test.want) || errors.As(err, &module) {
			t.Errorf("%s: %d, %v; want %q", test.name, code, err, test.want)
		}
	}
}

func cmdStates(t *testing.T, b *bench) {
	m := b.compiled(t, Config{})
	ended := commandOf(t, m, "exit", "0")
	if err := ended.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("the reason")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for _, test := range []struct {
		name string
		do   func() error
		want string
	}{
		{"no module", func() error { return new(host.Cmd).Start(t.Context()) }, "has no Module; compile one"},
		{"a second Start", func() error { return ended.Start(t.Context()) }, "make another"},
		{"a second Wait", ended.Wait, "call Start, and then Wait once"},
		{"Wait before Start", host.Command(m).Wait, "call Start, and then Wait once"},
		{"a context that is over", func() error { return host.Command(m).Start(ctx) }, "the reason"},
		{"a limit below 0", func() error { return (&host.Cmd{Module: m, Limits: host.Limits{WallTime: -1}}).Start(t.Context()) }, "below 0"},
	} {
		if err := test.do(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
}

// preopenedListeners dials two listeners of the host's, each when the guest has found that
// nobody has dialled it yet.
func preopenedListeners(t *testing.T, b *bench) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "name"), "text")
	var out strings.Builder
	cmd := command(t, "preopened", "read /data/name")
	var addrs []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		cmd.Listeners = append(cmd.Listeners, l)
		addrs = append(addrs, l.Addr().String())
	}
	var listening []string
	cmd.OnListen = func(a net.Addr) { listening = append(listening, a.String()) }
	cmd.Policy, cmd.ListenFDs, cmd.Stdout = nil, true, &out
	cmd.Dirs = []host.Dir{{Host: dir, Guest: "/data"}}
	dialled := 0
	cmd.Stderr = writeFunc(func(p []byte) (int, error) {
		c, err := net.Dial("tcp", addrs[dialled])
		if err != nil {
			return 0, err
		}
		dialled++
		go func() {
			defer c.Close()
			if got, err := io.ReadAll(c); string(got) != "hello" || err != nil {
				t.Errorf("the client got %q, %v", got, err)
			}
		}()
		return len(p), nil
	})
	code, err := b.runProgram(t, t.Context(), Config{}, cmd)
	const want = "2 true\nNot a directory\nTry again\nNot a directory\nTry again\nread /data/name: text\n<nil> Bad file number Bad file number\n"
	if code != 0 || err != nil || out.String() != want {
		t.Errorf("%d, %v, %q, want %q", code, err, out.String(), want)
	}
	if !slices.Equal(listening, addrs) {
		t.Errorf("told that it listens at %q, want %q", listening, addrs)
	}
}
