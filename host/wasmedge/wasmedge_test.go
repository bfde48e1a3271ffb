//go:build wasmedge

package wasmedge

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
)

// What guests of every engine do is tested by the conformance suite, in
// conformance_test.go.

// Modules with one function, _start.
var (
	returns  = module("")
	traps    = module("\x00")                                                                     // unreachable
	reaches  = module("\x41\x7f\x28\x02\x00\x1a")                                                 // i32.load of the last byte that an i32 can name
	divides  = module("\x41\x01\x41\x00\x6d\x1a")                                                 // 1/0
	computes = module("\x03\x40\x0c\x00\x0b")                                                     // forever
	stores   = module("\x03\x40\x41\x00\x41\x00\x28\x02\x00\x41\x01\x6a\x36\x02\x00\x0c\x00\x0b") // adds 1 to memory, forever
	grows    = module("\x03\x40\x41\x7f\x40\x00\x1a\x0c\x00\x0b")                                 // memory.grow of too much, forever
	fills    = module("\x03\x40\x41\x00\x41\x01\x41\xc0\x00\xfc\x0b\x00\x0c\x00\x0b")             // memory.fill, forever
	recurses = module("\x10\x00\x41\x00\x41\x00\x28\x02\x00\x41\x01\x6a\x36\x02\x00")             // forever, and adds 1 to memory after each
	counts   = module("\x03\x40\x20\x00\x41\x01\x6a\x22\x00\x41\x80\xda\xc4\x09\x47\x0d\x00\x0b") // to 20,000,000
)

// module is one with a page of memory, and a local.
func module(code string) []byte {
	body := "\x01\x01\x7f" + code + "\x0b"
	return []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x05\x03\x01\x00\x01" +
		"\x07\x13\x02\x06_start\x00\x00\x06memory\x02\x00" +
		"\x0a" + string(rune(len(body)+2)) + "\x01" + string(rune(len(body))) + body)
}

func compile(t *testing.T, wasm []byte, cfg Config) *Module {
	t.Helper()
	if cfg.CacheDir == "" {
		cfg.CacheDir = t.TempDir()
	}
	m, err := Compile(t.Context(), wasm, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// library is one that exports a function f of that type, besides _initialize.
func library(params, results, code string) []byte {
	sized := func(s string) string { return string(binary.AppendUvarint(nil, uint64(len(s)))) + s }
	section := func(id byte, content string) string { return string(id) + sized(content) }
	return []byte("\x00asm\x01\x00\x00\x00" +
		section(1, "\x02\x60\x00\x00\x60"+sized(params)+sized(results)) +
		section(3, "\x02\x00\x01") +
		section(7, "\x02\x0b_initialize\x00\x00\x01f\x00\x01") +
		section(10, "\x02\x02\x00\x0b"+sized("\x00"+code+"\x0b")))
}

// eachWay runs a test with guests that are interpreted, and with compiled ones.
func eachWay(t *testing.T, test func(*testing.T, Config)) {
	for name, cfg := range map[string]Config{
		"interpreted":             {AOT: AOTOff},
		"compiled":                {AOT: AOTWait},
		"compiled, interruptible": {AOT: AOTWait, Interruptible: true},
	} {
		t.Run(name, func(t *testing.T) { test(t, cfg) })
	}
}

func TestTraps(t *testing.T) {
	eachWay(t, func(t *testing.T, cfg Config) {
		for _, test := range []struct {
			wasm []byte
			want string
		}{
			{traps, "unreachable"},
			{reaches, "out of bounds memory access"},
			{divides, "integer divide by zero"},
		} {
			m := compile(t, test.wasm, cfg)
			err := host.Command(m, "trap").Run(t.Context())
			var trap *host.TrapError
			if !errors.As(err, &trap) || !strings.Contains(trap.Text, test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
			goFaults(t)
		}
	})
}

// goFaults makes Go fault in each way, and recover.
func goFaults(t *testing.T) {
	t.Helper()
	var pointer *struct{ far [1 << 10]byte }
	zero := len(os.Args) - len(os.Args)
	for want, fault := range map[string]func(){
		"invalid memory address": func() { pointer.far[1<<9] = 1 },
		"integer divide by zero": func() { zero = 1 / zero },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
					t.Errorf("%q, want %q", got, want)
				}
			}()
			fault()
		}()
	}
}

// TestFaultsOfGo makes Go fault while compiled guests run, on their threads and on
// others, and as they come and go.
func TestFaultsOfGo(t *testing.T) {
	goFaults(t)
	m := compile(t, returns, Config{})
	var guests sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 {
		guests.Go(func() {
			for ctx.Err() == nil {
				if err := host.Command(m, "returns").Run(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 2000 {
		goFaults(t)
	}
	cancel()
	guests.Wait()

	counting := compile(t, counts, Config{})
	cmd := host.Command(counting, "counts")
	if err := cmd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	goFaults(t)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	goFaults(t)
}

// TestCompiledCodeIsFaster shows that Compiled is true: a silent interpreter takes more
// than 10 times as long.
func TestCompiledCodeIsFaster(t *testing.T) {
	times := map[bool]time.Duration{}
	for _, aot := range []AOT{AOTOff, AOTWait} {
		m := compile(t, counts, Config{AOT: aot})
		cmd := host.Command(m, "counts")
		cmd.Limits.CPUTime = 20 * time.Second
		err := cmd.Run(t.Context())
		var limit *host.LimitError
		if err != nil && (m.Compiled() || !errors.As(err, &limit)) {
			t.Fatal(err)
		}
		times[m.Compiled()] = cmd.ProcessState.CPUTime
	}
	if len(times) != 2 || times[false] < 4*times[true] {
		t.Errorf("compiled and interpreted it takes %v", times)
	}
}

// TestStoppedWhileComputing stops many guests at any moment, on threads where others have
// just ended, while Go faults beside them.
func TestStoppedWhileComputing(t *testing.T) {
	eachWay(t, func(t *testing.T, cfg Config) {
		sure := cfg.AOT == AOTOff || cfg.Interruptible
		type computing struct {
			*Module
			times int
		}
		all := []computing{
			{compile(t, computes, cfg), 100},
			{compile(t, stores, cfg), 100},
			{compile(t, grows, cfg), 2},
			{compile(t, fills, cfg), 2},
		}
		ctx, cancel := context.WithCancel(t.Context())
		var faults, guests sync.WaitGroup
		faults.Go(func() {
			for ctx.Err() == nil {
				goFaults(t)
				time.Sleep(time.Millisecond)
			}
		})
		for _, c := range all {
			for range 4 {
				guests.Go(func() {
					for range c.times {
						cmd := host.Command(c)
						if err := cmd.Start(t.Context()); err != nil {
							t.Error(err)
							return
						}
						time.Sleep(rand.N(2 * time.Millisecond))
						if err := cmd.Stop(); err != nil && (sure || err != host.ErrNotInterruptible) {
							t.Error(err)
						}
						if err := cmd.Wait(); err != host.ErrStopped {
							t.Error(err)
						}
					}
				})
			}
			guests.Wait()
		}
		cancel()
		faults.Wait()
	})
}

// TestCompiledBesides starts guests while the module is being compiled, and then finds
// the code in the cache.
func TestCompiledBesides(t *testing.T) {
	told := make(chan error, 2)
	cfg := Config{AOT: AOTAuto, CacheDir: t.TempDir(), OnCompiled: func(err error) { told <- err }}
	m := compile(t, returns, cfg)
	for done := false; !done; {
		select {
		case err := <-told:
			if done = true; err != nil || !m.Compiled() {
				t.Fatal(err, m.Compiled())
			}
		case <-time.After(time.Millisecond):
		}
		if err := host.Command(m, "returns").Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if again := compile(t, returns, cfg); !again.Compiled() {
		t.Error("what is in the cache is not used at once")
	}
}

func TestManyGuests(t *testing.T) {
	eachWay(t, func(t *testing.T, cfg Config) {
		m := compile(t, returns, cfg)
		var guests sync.WaitGroup
		for range 200 {
			guests.Go(func() {
				if err := host.Command(m, "returns").Run(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		guests.Wait()
	})
}

// TestDeepRecursion is in processes of their own, which have to live on, and to remain small.
func TestDeepRecursion(t *testing.T) {
	const variable = "WASISOCK_RECURSE"
	ways := map[string]AOT{"interpreted": AOTOff, "compiled": AOTWait}
	if way := os.Getenv(variable); way != "" {
		recurseAtOnce(t, ways[way])
		return
	}
	for way := range ways {
		t.Run(way, func(t *testing.T) {
			cmd := exec.Command(self, "-test.v", "-test.run=^TestDeepRecursion$")
			cmd.Env = append(os.Environ(), variable+"="+way)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %.2000s", err, out)
			} else {
				t.Logf("%s", out)
			}
		})
	}
}

// recurseAtOnce runs four guests of a module at once.
func recurseAtOnce(t *testing.T, aot AOT) {
	const guests, most = 4, 4*2*maxStack + 256<<20
	for _, m := range []*Module{
		compile(t, recurses, Config{AOT: aot}),
		compile(t, asm.Module{Pages: 1, Locals: 1000, Code: []byte("\x10\x00\x41\x00\x41\x00\x36\x02\x00")}.Bytes(), Config{AOT: aot}),
	} {
		var all sync.WaitGroup
		for range guests {
			all.Go(func() {
				cmd := host.Command(m, "recurses")
				cmd.Limits.Memory = 64 << 20
				if err := cmd.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "stack overflow") {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	peak := regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(status)
	if kilobytes, _ := strconv.Atoi(string(peak[1])); kilobytes<<10 > most {
		t.Errorf("it took %d MB", kilobytes>>10)
	}
	t.Logf("%s", regexp.MustCompile(`Vm(HWM|RSS):.*`).FindAll(status, -1))
}

// TestTablesAreNoStack holds that a table can be as large as it may, in each way that it grows.
func TestTablesAreNoStack(t *testing.T) {
	const all = 10_000_000
	for name, code := range map[string][]byte{
		"at once":           asm.GrowTable(0, all),
		"by one at the end": asm.Join(asm.GrowTable(0, all-1), asm.Drop, asm.GrowTable(0, 1)),
		"by half":           asm.Join(asm.GrowTable(0, all/2), asm.Drop, asm.GrowTable(0, 1), asm.Drop, asm.GrowTable(0, all/2-1)),
	} {
		m := asm.Module{Pages: 1, Tables: []uint64{0}, Code: asm.Join(code, asm.Drop)}
		if err := host.Command(compile(t, m.Bytes(), Config{AOT: AOTOff}), "tables").Run(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLargeModulesAreNoStack holds that guests start whose functions and data take more.
func TestLargeModulesAreNoStack(t *testing.T) {
	const instructions = 3_000_000
	code := bytes.Repeat([]byte("\x01"), instructions) // nop
	data := strings.Repeat("x", maxStack+1)
	for name, m := range map[string]asm.Module{
		"code":                       {Pages: 1, Code: code},
		"code with a start function": {Pages: 1, Code: code, IsStart: true},
		"data":                       {Pages: 2048, Data: data},
		"data with a start function": {Pages: 2048, Data: data, IsStart: true},
	} {
		if err := host.Command(compile(t, m.Bytes(), Config{AOT: AOTOff}), "large").Run(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func started(t *testing.T, wasm []byte) *host.Cmd {
	t.Helper()
	cmd := host.Command(compile(t, wasm, Config{AOT: AOTOff, Library: true}))
	if err := cmd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Stop()
		cmd.Wait()
	})
	return cmd
}

func TestManyResults(t *testing.T) {
	const n = 1000
	cmd := started(t, library("", strings.Repeat("\x7e", n), strings.Repeat("\x42\x07", n)))
	results, err := cmd.Call(t.Context(), "f")
	if err != nil || len(results) != n || results[n-1] != 7 {
		t.Errorf("%d results, %v", len(results), err)
	}
	_, err = Compile(t.Context(), library("", strings.Repeat("\x7e", n+1), strings.Repeat("\x42\x07", n+1)), Config{Library: true})
	var unusable *host.ModuleError
	if !errors.As(err, &unusable) {
		t.Errorf("one more: %v", err)
	}
}

func TestOnlyNumbersArePassed(t *testing.T) {
	const funcref = "\x70"
	cmd := started(t, library("", funcref, "\xd0"+funcref))
	for range 2 { // it lives on
		if _, err := cmd.Call(t.Context(), "f"); err == nil || !strings.Contains(err.Error(), "other values than numbers") {
			t.Error(err)
		}
	}
}

// TestOtherMemories are valid for 0.17, whose guests would have the wrong one.
func TestOtherMemories(t *testing.T) {
	for name, section := range map[string]string{"two": "\x05\x05\x02\x00\x01\x00\x01", "of 64 bits": "\x05\x03\x01\x04\x01"} {
		wasm := bytes.Replace(returns, []byte("\x05\x03\x01\x00\x01"), []byte(section), 1)
		_, err := Compile(t.Context(), wasm, Config{AOT: AOTOff})
		var unusable *host.ModuleError
		if !errors.As(err, &unusable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestACacheThatIsBroken(t *testing.T) {
	dir := t.TempDir()
	compile(t, returns, Config{CacheDir: dir})
	for _, size := range []int64{0, 6, 200} {
		files, _ := filepath.Glob(filepath.Join(dir, "*.wasm"))
		if len(files) == 0 {
			t.Fatal("nothing is kept")
		}
		for _, file := range files {
			if err := os.Truncate(file, size); err != nil {
				t.Fatal(err)
			}
		}
		m := compile(t, returns, Config{CacheDir: dir})
		if err := host.Command(m, "returns").Run(t.Context()); err != nil || !m.Compiled() {
			t.Errorf("cut to %d bytes: %v", size, err)
		}
	}
}

// TestACacheThatCannotBeMade holds that a guest is compiled without one.
func TestACacheThatCannotBeMade(t *testing.T) {
	m, err := Compile(t.Context(), returns, Config{CacheDir: filepath.Join(os.DevNull, "cache")})
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
}
