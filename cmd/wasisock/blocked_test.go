//go:build linux || darwin

package main

import (
	"bufio"
	"encoding/binary"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/asm"
	"github.com/wasisock/wasisock/sockabi"
)

// refusedForever returns a guest that prints ready, and then dials again and again without a rule.
func refusedForever() []byte {
	const fd, address, written = 0, 16, 24
	data := make([]byte, 64)
	le := binary.LittleEndian
	le.PutUint32(data[address:], 40)
	le.PutUint32(data[address+4:], 4)
	copy(data[40:], []byte{192, 0, 2, 1})
	le.PutUint32(data[32:], 48) // an iovec
	le.PutUint32(data[36:], 6)
	copy(data[48:], "ready\n")
	return asm.Module{
		Imports: []asm.Func{
			{Name: "fd_write", Params: "iiii", Results: "i"},
			{Name: "sock_open", Params: "iii", Results: "i"},
			{Name: "sock_connect", Params: "iii", Results: "i"},
			{Name: "fd_close", Params: "i", Results: "i"},
		},
		Pages: 1,
		Data:  string(data),
		Code: asm.Join(
			asm.ConstI32(1), asm.ConstI32(32), asm.ConstI32(1), asm.ConstI32(written), asm.Call(0), asm.Drop,
			asm.Loop(
				asm.ConstI32(sockabi.AF_INET4), asm.ConstI32(sockabi.SOCK_STREAM), asm.ConstI32(fd), asm.Call(1), asm.Drop,
				asm.ConstI32(fd), asm.LoadI32, asm.ConstI32(address), asm.ConstI32(80), asm.Call(2), asm.Drop,
				asm.ConstI32(fd), asm.LoadI32, asm.Call(3), asm.Drop,
				asm.Branch(0),
			),
		),
	}.Bytes()
}

// fullPipe returns the writing end of a full pipe, from which nobody reads.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	w.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	for err == nil {
		_, err = w.Write(make([]byte, 1000))
	}
	for err = nil; err == nil; { // what is left of the last page
		w.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		_, err = w.Write([]byte{0})
	}
	return w
}

// TestMessagesThatNobodyTakes tests that the command ends even if nobody reads its output, and that
// its guests go on.
func TestMessagesThatNobodyTakes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "guest.wasm")
	if err := os.WriteFile(file, refusedForever(), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		flags   []string
		signals int
		code    int
	}{
		{"a signal", nil, 1, 128 + int(syscall.SIGTERM)},
		{"two signals", nil, 2, 128 + int(syscall.SIGTERM)},
		{"a signal during a trace", []string{"--trace"}, 1, 128 + int(syscall.SIGTERM)},
		{"a limit of time", []string{"--timeout=300ms"}, 0, 124},
		{"a limit of time during a trace", []string{"--timeout=300ms", "--trace=json"}, 0, 124},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := child(t, append(test.flags, file)...)
			cmd.Stderr = fullPipe(t)
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			kill := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
			defer kill.Stop()
			if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
				t.Fatalf("%q, %v", line, err)
			}
			time.Sleep(100 * time.Millisecond) // it is refused
			began := time.Now()
			for range test.signals {
				cmd.Process.Signal(syscall.SIGTERM)
			}
			cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != test.code {
				t.Errorf("exit code %d, want %d: %v", code, test.code, cmd.ProcessState)
			}
			t.Logf("it ended after %v", time.Since(began))
		})
	}
}
