//go:build linux || darwin

package wazero

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
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

// TestAGuestIsToldThatMemoryEnded asks for pages, having two.
func TestAGuestIsToldThatMemoryEnded(t *testing.T) {
	grown := func(pages int32) wasmModule {
		m := exitWith(constI32(pages), memoryGrow)
		m.pages = 2
		return m
	}
	declared := grown(1)
	declared.maxPages = 2
	for _, test := range []struct {
		name   string
		module wasmModule
		limit  uint64
		want   int
	}{
		{"no limit", grown(100), 0, 2},
		{"a limit that suffices", grown(14), 1 << 20, 2},
		{"one page beyond the limit", grown(15), 1 << 20, 0xffffffff},
		{"a limit that is no whole page", grown(15), 1<<20 + 65535, 0xffffffff},
		{"all there is", grown(65533), 0, 2},
		{"one more than all, so that memory would end at 4 GiB", grown(65534), 0, 0xffffffff},
		{"a limit beyond all", grown(65533), 1 << 40, 2},
		{"more than the module wants itself", declared, 0, 0xffffffff},
		{"a negative number", grown(-1), 0, 0xffffffff},
	} {
		for _, fallback := range []bool{false, true} {
			if fallback && test.want == 2 && test.limit != 1<<20 {
				continue // memory that is not reserved may not be there
			}
			t.Run(test.name, func(t *testing.T) {
				if fallback {
					withoutRanges(t)
				}
				code, err := run(t.Context(), test.module.bytes(), &host.Cmd{Limits: host.Limits{Memory: test.limit}})
				if code != test.want || err != nil {
					t.Errorf("%#x, %v; want %#x", code, err, test.want)
				}
			})
		}
	}
}

// TestAModuleThatMayGrowBeyondTheLimitRuns: what counts is what it uses.
func TestAModuleThatMayGrowBeyondTheLimitRuns(t *testing.T) {
	m := exitWith(constI32(7))
	m.pages, m.maxPages = 1, 65536
	if code, err := run(t.Context(), m.bytes(), &host.Cmd{Limits: host.Limits{Memory: 1 << 20}}); code != 7 || err != nil {
		t.Error(code, err)
	}
}

func TestMemoryThatCannotBeHadAtTheStart(t *testing.T) {
	aboutWazero(t)
	withoutRanges(t)
	before := mapMemory
	mapMemory = noRange
	defer func() { mapMemory = before }()
	code, err := run(t.Context(), exitWith(constI32(0)).bytes(), &host.Cmd{})
	if code != -1 || err == nil || !strings.Contains(err.Error(), "the guest's memory: mmap: injected; give the process more") {
		t.Error(code, err)
	}
}

func TestAGoGuestWithoutReservedRanges(t *testing.T) {
	aboutWazero(t)
	withoutRanges(t)
	var out bytes.Buffer
	cfg := command(t, "work")
	cfg.Stdout = &out
	if code, err := run(t.Context(), guestWasm(t), cfg); code != 0 || err != nil || out.String() != "worked\n" {
		t.Error(code, err, out.String())
	}
}

func TestAGoGuestMeetsItsLimit(t *testing.T) {
	for _, fallback := range []bool{false, true} {
		if fallback {
			withoutRanges(t)
		}
		var out, stderr bytes.Buffer
		cfg := command(t, "grow")
		cfg.Limits.Memory = 64 << 20
		cfg.Stdout, cfg.Stderr = &out, &stderr
		code, err := run(t.Context(), guestWasm(t), cfg)
		if code != 2 || err != nil || out.String() != "16 MB\n" || !strings.Contains(stderr.String(), "out of memory") {
			t.Errorf("%d, %v, %q, %.200q", code, err, &out, &stderr)
		}
	}
}
