package libraries

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestEnd checks that nothing is left of a world: no process, not even one that ignores
// signals or was started by another, and no file.
func TestEnd(t *testing.T) {
	w, err := newWorld()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	p, err := w.start("family", nil, "sh", "-c", "sleep 1000 & echo $! $$; trap '' TERM; wait; wait")
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	if err := p.await(func() error {
		if pids = strings.Fields(string(p.output())); len(pids) != 2 {
			return errors.New("they have not said who they are")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	p.patience = 0
	w.close()
	for _, text := range pids {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		// Those that this program did not start take a moment to end.
		for end := time.Now().Add(5 * time.Second); syscall.Kill(pid, 0) == nil && !zombie(text); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("process %d is left", pid)
			}
		}
	}
	if _, err := os.Stat(w.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is left: %v", err)
	}
	if _, err := w.start("late", nil, "true"); err == nil {
		t.Error("something was started after the end")
	}
}

// zombie is whether a process has ended, while nobody has asked how.
func zombie(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	_, state, _ := strings.Cut(string(stat), ") ")
	return err != nil || strings.HasPrefix(state, "Z")
}

// TestMissing checks what happens where a server is not installed.
func TestMissing(t *testing.T) {
	_, err := installed("no-such-server", "some-package")
	var m missing
	if !errors.As(err, &m) || !strings.Contains(err.Error(), "apt-get install some-package") {
		t.Errorf("the error is %v", err)
	}
}
