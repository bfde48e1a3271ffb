//go:build linux || darwin

package wazero

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
)

func noRange(int) ([]byte, error) { return nil, errors.New("injected") }

// withoutRanges makes every reservation fail, as RLIMIT_AS would.
func withoutRanges(t *testing.T) {
	before := reserve
	reserve = noRange
	t.Cleanup(func() { reserve = before })
}

func TestMemoryGrowsAndKeepsWhatItHolds(t *testing.T) {
	const page = 1 << 16
	for _, fallback := range []bool{false, true} {
		if fallback {
			withoutRanges(t)
		}
		a := &allocator{}
		m := a.Allocate(0, 100*page)
		if b := m.Reallocate(0); b == nil || len(b) != 0 {
			t.Errorf("no memory is %v", b)
		}
		for n := 1; n <= 100; n++ {
			b := m.Reallocate(uint64(n) * page)
			if len(b) != n*page || cap(b) != n*page {
				t.Fatalf("fallback %v: %d bytes of %d, want %d", fallback, len(b), cap(b), n*page)
			}
			for i := 1; i < n; i++ {
				if b[(i-1)*page] != byte(i) || b[i*page-1] != byte(i) {
					t.Fatalf("fallback %v: page %d was lost after growing to %d", fallback, i, n)
				}
			}
			last := b[(n-1)*page:]
			if !bytes.Equal(last, make([]byte, page)) {
				t.Fatalf("fallback %v: page %d is not zero", fallback, n)
			}
			last[0], last[page-1] = byte(n), byte(n)
		}
		a.free()
		a.free()
		if a.failed != nil {
			t.Error(a.failed)
		}
	}
}

func TestMemoryThatIsNotThere(t *testing.T) {
	for _, fallback := range []bool{false, true} {
		if fallback {
			withoutRanges(t)
		}
		a := &allocator{}
		if b := a.Allocate(0, 1<<62).Reallocate(1 << 62); b != nil || a.failed == nil {
			t.Errorf("fallback %v: %d bytes, %v", fallback, len(b), a.failed)
		}
		a.free()
	}
}

func TestMemoryThatCannotBeHadAtTheStart(t *testing.T) {
	withoutRanges(t)
	before := mapMemory
	mapMemory = noRange
	defer func() { mapMemory = before }()
	code, err := run(t.Context(), asm.Exit(asm.ConstI32(0)).Bytes(), &host.Cmd{})
	if code != -1 || err == nil || !strings.Contains(err.Error(), "the guest's memory: mmap: injected; give the process more") {
		t.Error(code, err)
	}
}

func TestAGoGuestWithoutReservedRanges(t *testing.T) {
	withoutRanges(t)
	var out bytes.Buffer
	cfg := command(t, "work")
	cfg.Stdout = &out
	if code, err := run(t.Context(), guestWasm(t), cfg); code != 0 || err != nil || out.String() != "worked\n" {
		t.Error(code, err, out.String())
	}
}
