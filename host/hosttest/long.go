package hosttest

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
	"github.com/wasisock/wasisock/sockabi"
)

// aboutLongCalls tests calls whose length a guest chooses.
var aboutLongCalls = []sentence{
	{
		says:    "a guest ends at its limit of time in the middle of a call that takes long",
		promise: promiseLimits,
		test:    longCalls,
	},
	{
		says:    "one call transfers 16 MiB at most, and of more than 1024 buffers nothing",
		promise: promiseLimits,
		test:    largeBuffers,
	},
	{
		says:    "fd_readdir fails with EINVAL for a buffer of more than 1 MiB",
		promise: promiseLimits,
		test:    largeDirectoryBuffer,
	},
}

const pageSize = 1 << 16

// iovecs returns an array of buffers that begin at address 0.
func iovecs(sizes ...uint32) string {
	var array []byte
	for _, size := range sizes {
		array = binary.LittleEndian.AppendUint32(array, 0)
		array = binary.LittleEndian.AppendUint32(array, size)
	}
	return string(array)
}

func longCalls(t *testing.T, b *bench) {
	const size = 1 << 30
	for _, test := range []struct {
		name  string
		limit host.Limits
		guest asm.Module
	}{
		{"random_get of 1 GiB", host.Limits{CPUTime: 20 * time.Millisecond}, asm.Module{
			Imports: []asm.Func{{Name: "random_get", Params: "ii", Results: "i"}},
			Code:    asm.Join(asm.ConstI32(0), asm.ConstI32(size), asm.Call(0), asm.Drop),
		}},
		{"fd_write of 1 GiB to a full pipe", host.Limits{WallTime: 50 * time.Millisecond}, asm.Module{
			Imports: []asm.Func{{Name: "fd_write", Params: "iiii", Results: "i"}},
			Data:    iovecs(size),
			Code:    asm.Join(asm.ConstI32(1), asm.ConstI32(0), asm.ConstI32(1), asm.ConstI32(64), asm.Call(0), asm.Drop),
		}},
	} {
		if test.limit.CPUTime > 0 && runtime.GOOS != "linux" {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			unblock := time.AfterFunc(30*time.Second, func() { r.Close() })
			defer unblock.Stop()
			test.guest.Pages = size / pageSize
			cmd := &host.Cmd{Module: b.module(t, test.guest.Bytes(), Config{}), Stdout: w, Limits: test.limit}
			err = cmd.Run(t.Context())
			if !atLimit(err) {
				t.Errorf("%v, want the end at a limit", err)
			}
			if used := cmd.ProcessState.CPUTime; used > 400*time.Millisecond {
				t.Errorf("it used %v of CPU time", used)
			}
			if !unblock.Stop() {
				t.Error("it ended with the pipe alone")
			}
		})
	}
}

// largeBuffers writes several buffers to a file.
func largeBuffers(t *testing.T, b *bench) {
	const most = 16 << 20
	const iovs, name, fd, written = 0, 1 << 14, 1<<14 + 64, 1<<14 + 68
	many := make([]uint32, sockabi.MaxIOVecs+1)
	for i := range many {
		many[i] = 1
	}
	for _, test := range []struct {
		name  string
		sizes []uint32
		want  int // bytes, or -1 for EINVAL
	}{
		{"one that is too large", []uint32{17 << 20}, most},
		{"one too many", []uint32{8 << 20, 8 << 20, 1}, most},
		{"a large one behind a small one", []uint32{0, 100, most}, 100},
		{"a small one behind one that is too large", []uint32{17 << 20, 100}, most},
		{"as many as one call takes", many[1:], sockabi.MaxIOVecs},
		{"more than one call takes", many, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := []byte(strings.Repeat("\xff", 1<<15))
			copy(data[iovs:], iovecs(test.sizes...))
			copy(data[name:], "file")
			m := asm.Exit(
				asm.ConstI32(3), asm.ConstI32(0), asm.ConstI32(name), asm.ConstI32(4), asm.ConstI32(1), // O_CREAT
				asm.ConstI64(1<<6), asm.ConstI64(0), asm.ConstI32(0), asm.ConstI32(fd), asm.Call(1), asm.Drop,
				asm.ConstI32(fd), asm.LoadI32, asm.ConstI32(iovs), asm.ConstI32(int32(len(test.sizes))), asm.ConstI32(written), asm.Call(2), asm.Drop,
				asm.ConstI32(written), asm.LoadI32)
			m.Imports = append(m.Imports, asm.Func{Name: "path_open", Params: "iiiiiIIii", Results: "i"}, asm.Func{Name: "fd_write", Params: "iiii", Results: "i"})
			m.Pages, m.Data = 18<<20/pageSize, string(data)
			dir := t.TempDir()
			code, err := b.run(t.Context(), m.Bytes(), &host.Cmd{Dirs: []host.Dir{{Host: dir, Guest: "/"}}})
			if err != nil || int32(code) != int32(test.want) {
				t.Errorf("%d, %v; want %d", int32(code), err, test.want)
			}
			// All buffers begin at address 0.
			var want []byte
			memory := append(data, make([]byte, 18<<20-len(data))...)
			binary.LittleEndian.PutUint32(memory[fd:], 4) // the file's number
			for left, i := test.want, 0; left > 0; i++ {
				n := min(left, int(test.sizes[i]))
				want, left = append(want, memory[:n]...), left-n
			}
			got, err := os.ReadFile(filepath.Join(dir, "file"))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("the file has %d bytes, %v; want %d", len(got), err, len(want))
			}
		})
	}
}

func largeDirectoryBuffer(t *testing.T, b *bench) {
	for size, want := range map[int32]sockabi.Errno{1 << 20: 0, 1<<20 + 1: sockabi.EINVAL, -1: sockabi.EINVAL} {
		m := asm.Exit(asm.ConstI32(3), asm.ConstI32(0), asm.ConstI32(size), asm.ConstI64(0), asm.ConstI32(1<<20), asm.Call(1))
		m.Imports = append(m.Imports, asm.Func{Name: "fd_readdir", Params: "iiiIi", Results: "i"})
		m.Pages = 1<<20/pageSize + 1
		code, err := b.run(t.Context(), m.Bytes(), &host.Cmd{Dirs: []host.Dir{{Host: t.TempDir(), Guest: "/"}}})
		if code != int(want) || err != nil {
			t.Errorf("%d bytes: %d, %v; want %d", uint32(size), code, err, want)
		}
	}
}
