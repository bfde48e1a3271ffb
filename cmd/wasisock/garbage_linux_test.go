package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/asm"
	"github.com/wasisock/wasisock/internal/porttest"
)

// computesOrCalls returns a guest: its first instance with a directory computes without end, and
// the others make calls that allocate some kilobytes each.
func computesOrCalls() []byte {
	const stat, path, length = 0, 64, 4000
	isZero := []byte{0x45}
	return asm.Module{
		Imports: []asm.Func{
			{Name: "path_create_directory", Params: "iii", Results: "i"},
			{Name: "path_filestat_get", Params: "iiiii", Results: "i"},
		},
		Pages:  1,
		Data:   strings.Repeat("\x00", path) + strings.Repeat("a/", length/2),
		Locals: 1,
		Code: asm.Join(
			asm.ConstI32(3), asm.ConstI32(path), asm.ConstI32(1), asm.Call(0), asm.LocalTee(0), asm.Drop,
			asm.Loop(asm.LocalGet(0), isZero, asm.BranchIf(0)),
			asm.Loop(asm.ConstI32(3), asm.ConstI32(0), asm.ConstI32(path), asm.ConstI32(length), asm.ConstI32(stat), asm.Call(1), asm.Drop, asm.Branch(0)),
		),
	}.Bytes()
}

// TestGarbageWhileAGuestComputes tests that the command ends and prints the reason, and that its
// memory is bounded until then.
func TestGarbageWhileAGuestComputes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes more than 10 s; run it without -short")
	}
	file := filepath.Join(t.TempDir(), "guest.wasm")
	if err := os.WriteFile(file, computesOrCalls(), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := child(t, "--listen=tcp:127.0.0.1:"+porttest.Free(t), "--instances=2", "--restart=always", "--dir", t.TempDir()+":/", file)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer kill.Stop()
	peak := peakMemory(cmd.Process.Pid)
	cmd.Wait()
	t.Logf("it ended after %v with %d MB at most", time.Since(began), peak)
	const why = "no garbage was collected for 10s"
	if code := cmd.ProcessState.ExitCode(); code != 125 || strings.Count(stderr.String(), why) != 1 {
		t.Errorf("exit code %d, want 125 and %q: %s", code, why, stderr.String())
	}
	if peak > 1000 {
		t.Errorf("it had %d MB, want 1000 at most", peak)
	}
}

// peakMemory waits until a process ends, and returns the megabytes that it had at most. Rusage's
// Maxrss counts what the parent had when it started the process.
func peakMemory(pid int) int {
	peak := 0
	for {
		status, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
		match := regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(status)
		if match == nil {
			return peak
		}
		kilobytes, _ := strconv.Atoi(string(match[1]))
		peak = kilobytes >> 10
		time.Sleep(10 * time.Millisecond)
	}
}
