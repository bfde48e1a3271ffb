//go:build linux || darwin

package shim

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

func TestStandardDescriptors(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()

	g := newTester(t, sockets.Config{Stdin: r, Stdout: w, Stderr: w})
	quiet := nonblockPeer(g)
	for range 2 {
		g.expectPoll("clock:2", read(0), read(quiet), timer(time.Millisecond))
		g.expectPoll("write:1, write:2", read(0), write(1), write(2), read(quiet))
		g.expectPoll("read:3 EBADF", read(0), read(quiet), timer(time.Minute), read(3))
	}
	time.AfterFunc(10*time.Millisecond, func() { w.Write([]byte("x")) })
	g.expectPoll("read:0", read(0), read(quiet), timer(time.Minute))
	// A socket is waited for beside it.
	live := readable(g)
	g.expectPoll("read:0, read:1, read:2 EEXIST", read(0), read(live), read(0))
	r.Read(make([]byte, 1))
	g.expectPoll("read:1", read(0), read(live), timer(time.Minute))
	// The other end closes.
	w.Close()
	g2 := newTester(t, sockets.Config{Stdin: r})
	g2.expectPoll("read:0 hangup", read(0), timer(time.Minute))

	for _, v := range []any{nil, null, file, strings.NewReader("x"), (*os.File)(nil)} {
		g := newTester(t, sockets.Config{Stdin: v, Stdout: v, Stderr: v})
		g.expectPoll("read:0, write:1, write:2", read(0), write(1), write(2), timer(time.Minute))
	}
}

func TestStandardDescriptorsThatTheGuestReplaced(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	open := map[uint32]uint8{0: sockabi.FILETYPE_CHARACTER_DEVICE}
	g := newTester(t, sockets.Config{Stdin: r, FDStat: func(ctx context.Context, fd uint32) (uint8, sockabi.Errno) {
		if ctx == nil {
			t.Error("FDStat gets no context")
		}
		if filetype, ok := open[fd]; ok {
			return filetype, 0
		}
		return 0, sockabi.EBADF
	}})
	subs := []sockabi.Subscription{read(0), write(5), timer(time.Minute)}
	g.expectPoll("write:1 EBADF", subs...)
	open[5] = sockabi.FILETYPE_REGULAR_FILE
	g.expectPoll("write:1", subs...)
	open[0] = sockabi.FILETYPE_REGULAR_FILE // now it is not a pipe, and always ready
	g.expectPoll("read:0, write:1", subs...)
	delete(open, 0)
	g.expectPoll("read:0 EBADF, write:1", subs...)
}
