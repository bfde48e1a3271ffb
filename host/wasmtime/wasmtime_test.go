//go:build wasmtime && cgo

package wasmtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
)

// What guests of every engine do is tested by the conformance suite, in
// conformance_test.go.

var (
	returns  = asm.Module{Pages: 1}
	computes = asm.Module{Pages: 1, Code: asm.Loop(asm.Branch(0))}
	recurses = asm.Module{Pages: 1, Code: asm.Call(0)}
	grows    = asm.Module{Pages: 1, Code: asm.Loop(asm.ConstI32(-1), asm.MemoryGrow, asm.Drop, asm.Branch(0))}
)

var fillMemory = []byte{0xfc, 0x0b, 0x00}

// writes has one byte written to its standard output.
var writes = asm.Module{
	Imports: []asm.Func{{Name: "fd_write", Params: "iiii", Results: "i"}},
	Pages:   1, Data: "\x08\x00\x00\x00\x01\x00\x00\x00x", // a buffer of one byte at 8
	Code: asm.Join(asm.ConstI32(1), asm.ConstI32(0), asm.ConstI32(1), asm.ConstI32(16), asm.Call(0), asm.Drop),
}

// fills has its memory of so many pages filled, forever.
func fills(pages int32) asm.Module {
	return asm.Module{Pages: uint64(pages), Code: asm.Loop(asm.ConstI32(0), asm.ConstI32(1), asm.ConstI32(pages<<16-1), fillMemory, asm.Branch(0))}
}

func compile(t *testing.T, m asm.Module, cfg Config) host.Module {
	t.Helper()
	if cfg.CacheDir == "" {
		cfg.CacheDir = t.TempDir()
	}
	compiled, err := Compile(t.Context(), m.Bytes(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { compiled.Close() })
	return compiled
}

// TestAPI compiles api.h together with wasmtime's own headers, so that the declarations
// must agree.
func TestAPI(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no cc in PATH; install gcc")
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/bytecodealliance/wasmtime-go/v44").Output()
	if err != nil {
		t.Fatal(err)
	}
	include := filepath.Join(strings.TrimSpace(string(dir)), "build", "include")
	if out, err := exec.Command(cc, "-std=c11", "-Wall", "-Werror", "-fsyntax-only", "-I", include, "testdata/api.c").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
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

// TestFaultsOfGo makes Go fault before there is an engine, while one compiles, while guests come,
// trap and go, within their calls, and after.
func TestFaultsOfGo(t *testing.T) {
	const variable = "WASISOCK_FAULTS_OF_GO"
	if os.Getenv(variable) == "" {
		cmd := exec.Command(self, "-test.v", "-test.run=^TestFaultsOfGo$")
		cmd.Env = append(os.Environ(), variable+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %.3000s", err, out)
		}
		return
	}
	goFaults(t)
	ctx, cancel := context.WithCancel(t.Context())
	var beside sync.WaitGroup
	beside.Go(func() {
		for ctx.Err() == nil {
			goFaults(t)
		}
	})
	code := asm.Join(asm.ConstI32(65533), asm.LoadI32, asm.Drop)
	traps := compile(t, asm.Module{Pages: 1, Code: code}, Config{})
	large := asm.Module{Pages: 1}
	for range 50_000 {
		large.Code = append(large.Code, asm.Block(asm.ConstI32(1), asm.Drop)...)
	}
	beside.Go(func() { compile(t, large, Config{}) })
	for range 2 {
		beside.Go(func() {
			for ctx.Err() == nil {
				if err := host.Command(traps, "traps").Run(t.Context()); err == nil || !strings.Contains(err.Error(), "out of bounds memory access") {
					t.Error(err)
				}
			}
		})
	}
	for range 2000 {
		goFaults(t)
	}
	cancel()
	beside.Wait()
	calls := 0
	m := compile(t, writes, Config{})
	for range 100 {
		cmd := host.Command(m)
		cmd.Stdout = writeFunc(func(p []byte) (int, error) {
			calls++
			goFaults(t)
			return len(p), nil
		})
		if err := cmd.Run(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if calls != 100 {
		t.Errorf("%d calls", calls)
	}
	goFaults(t)
}

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

// TestStoppedWhileComputing stops guests one by one beside others, which go on.
func TestStoppedWhileComputing(t *testing.T) {
	bystander := host.Command(compile(t, computes, Config{}), "bystander")
	if err := bystander.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var longest struct {
		sync.Mutex
		time.Duration
	}
	for name, test := range map[string]struct {
		module asm.Module
		times  int
	}{"computes": {computes, 100}, "recurses": {recurses, 20}, "grows": {grows, 20}, "fills": {fills(16), 20}} {
		m := compile(t, test.module, Config{})
		var guests sync.WaitGroup
		for range 2 {
			guests.Go(func() {
				for range test.times {
					cmd := host.Command(m)
					if err := cmd.Start(t.Context()); err != nil {
						t.Error(err)
						return
					}
					time.Sleep(rand.N(2 * time.Millisecond))
					began := time.Now()
					if err := cmd.Stop(); err != nil {
						t.Error(err)
					}
					err := cmd.Wait()
					took := time.Since(began)
					if err != host.ErrStopped && (name != "recurses" || !strings.Contains(fmt.Sprint(err), "stack overflow")) {
						t.Error(name, err)
					}
					longest.Lock()
					longest.Duration = max(longest.Duration, took)
					longest.Unlock()
				}
			})
		}
		guests.Wait()
	}
	t.Logf("the longest stop took %v", longest.Duration)
	if longest.Duration > 2*time.Second {
		t.Errorf("a stop took %v", longest.Duration)
	}
	bystander.Stop()
	if err := bystander.Wait(); err != host.ErrStopped { // not before
		t.Errorf("the bystander: %v", err)
	}
}

// TestWithoutAddresses runs a guest in a process that may not reserve what its memory needs.
func TestWithoutAddresses(t *testing.T) {
	const variable = "WASISOCK_WITHOUT_ADDRESSES"
	if os.Getenv(variable) == "" {
		cmd := exec.Command("/bin/sh", "-c", "ulimit -v 4000000 && exec \"$0\" -test.run=^TestWithoutAddresses$", self)
		cmd.Env = append(os.Environ(), variable+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %.3000s", err, out)
		}
		return
	}
	m := compile(t, returns, Config{})
	for range 10 { // it lives on
		var module *host.ModuleError
		if err := host.Command(m).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "raise the limit of address space (ulimit -v)") || errors.As(err, &module) {
			t.Fatal(err)
		}
	}
}

// TestCode holds that code is kept, mapped and used again, and made anew where it is damaged or
// another version's.
func TestCode(t *testing.T) {
	dir := t.TempDir()
	var made []os.FileInfo
	look := func() (path string) {
		t.Helper()
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		for _, f := range files {
			if filepath.Ext(f) != ".wasisock" {
				path = f
			}
		}
		info, err := os.Stat(path)
		if err != nil || len(files) != 2 {
			t.Fatal(files, err)
		}
		made = append(made, info)
		return path
	}
	run := func() {
		t.Helper()
		m, err := Compile(t.Context(), asm.Exit(asm.ConstI32(7)).Bytes(), Config{CacheDir: dir, Compiler: self})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if err := host.Command(m, "it").Run(t.Context()); err == nil || err.Error() != "exit status 7" {
			t.Error(err)
		}
	}
	run()
	path := look()
	run()
	look()
	if !os.SameFile(made[0], made[1]) {
		t.Error("the code was made twice")
	}
	whole, _ := os.ReadFile(path)
	other := bytes.Replace(whole, []byte("\x0244\x18"), []byte("\x0243\x18"), 1)
	if bytes.Equal(whole, other) {
		t.Error("the code does not say which version made it")
	}
	for name, text := range map[string][]byte{"another version's": other, "nothing": nil, "a header": whole[:100], "half": whole[:len(whole)/2], "text": []byte("text")} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		run()
		if again, _ := os.ReadFile(path); bytes.Equal(again, text) {
			t.Errorf("%s was kept", name)
		}
	}
}
