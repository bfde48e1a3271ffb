//go:build wasmtime && cgo && linux

package wasmtime

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
)

// sleeps writes a byte to standard output, and waits for an hour.
var sleeps = asm.Module{
	Pages:   1,
	Imports: []asm.Func{{Name: "fd_write", Params: "iiii", Results: "i"}, {Name: "poll_oneoff", Params: "iiii", Results: "i"}},
	Data: "\x00\x00\x00\x00\x01\x00\x00\x00" + // an iovec: the byte at 0
		strings.Repeat("\x00", 8+16+8) + "\x00\xa0\xb8\x30\x46\x03\x00\x00" + strings.Repeat("\x00", 16), // a subscription, of a clock
	Code: asm.Join(
		asm.ConstI32(1), asm.ConstI32(0), asm.ConstI32(1), asm.ConstI32(512), asm.Call(0), asm.Drop,
		asm.ConstI32(16), asm.ConstI32(512), asm.ConstI32(1), asm.ConstI32(1024), asm.Call(1), asm.Drop,
	),
}

// TestManyGuests runs 2,000 guests at once, each with its 4.1 GiB of addresses, and in a cgroup
// with 512 MiB of memory too. TestWithoutAddresses has less addresses than a guest takes.
func TestManyGuests(t *testing.T) {
	const variable = "WASISOCK_MANY_GUESTS"
	if os.Getenv(variable) != "" {
		manyGuests(t)
		return
	}
	run := func(t *testing.T, before string) {
		cmd := exec.Command("/bin/sh", "-c", before+`exec "$0" -test.v -test.run='^TestManyGuests$'`, self)
		cmd.Env = append(os.Environ(), variable+"=1")
		out, err := cmd.CombinedOutput()
		t.Logf("%.3000s", out)
		if err != nil {
			t.Error(err)
		}
	}
	t.Run("as it is", func(t *testing.T) { run(t, "") })
	t.Run("in a cgroup", func(t *testing.T) {
		const limit = 512 << 20
		run(t, "echo $$ >"+memoryCgroup(t, limit)+"/cgroup.procs && ")
	})
}

func manyGuests(t *testing.T) {
	const n = 2000
	m := compile(t, sleeps, Config{})
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := resident(t)
	guests := make([]*host.Cmd, n)
	for i := range guests {
		guests[i] = host.Command(m)
		guests[i].Stdout = out
		if err := guests[i].Start(t.Context()); err != nil {
			t.Fatalf("guest %d: %v", i, err)
		}
	}
	in.SetReadDeadline(time.Now().Add(2 * time.Minute))
	for written := 0; written < n; {
		got, err := in.Read(make([]byte, n))
		if err != nil {
			t.Fatalf("%d guests run: %v", written, err)
		}
		written += got
	}
	t.Logf("%d guests run at once, with %d KiB each", n, (resident(t)-before)/n)
	var all sync.WaitGroup
	for _, g := range guests {
		all.Go(func() {
			if err := g.Stop(); err != nil {
				t.Error(err)
			}
			if err := g.Wait(); err != host.ErrStopped {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// resident is this process's resident memory, in KiB.
func resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// memoryCgroup is a new cgroup with a limit of memory, of either version, until the test has ended.
func memoryCgroup(t *testing.T, limit int) string {
	t.Helper()
	for _, of := range []struct{ root, file string }{
		{"/sys/fs/cgroup", "memory.max"}, {"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
	} {
		dir := filepath.Join(of.root, fmt.Sprintf("wasisock-test-%d", os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		})
		// The kernel makes the file in the directory of a cgroup, and in no other one.
		f, err := os.OpenFile(filepath.Join(dir, of.file), os.O_WRONLY, 0)
		if err != nil {
			continue
		}
		_, err = f.WriteString(strconv.Itoa(limit))
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	t.Skip("cannot make a cgroup with a limit of memory: needs root, and cgroups that can be written")
	return ""
}
