//go:build unix

package stdnet

import (
	"bytes"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestStdout gives a guest a pipe as standard output that another process makes non-blocking,
// and that is read slowly.
func TestStdout(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		cmd := e.with([]string{guestTest(t), "-test.v", "-test.run=^TestStdout$"})
		cmd.Stdout, cmd.Stderr = w, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Process.Kill()
		if err := syscall.SetNonblock(int(w.Fd()), true); err != nil {
			t.Fatal(err)
		}
		w.Close()
		var said bytes.Buffer
		b := make([]byte, 20_000)
		for {
			n, err := r.Read(b)
			said.Write(b[:n])
			if err != nil {
				break
			}
			time.Sleep(3 * time.Millisecond)
		}
		err = cmd.Wait()
		if lines := bytes.Count(said.Bytes(), append(bytes.Repeat([]byte("x"), 499), '\n')); lines != 2000 || err != nil || !bytes.Contains(said.Bytes(), []byte("--- PASS")) {
			t.Errorf("%d lines of 2000, %v", lines, err)
		}
	})
}
