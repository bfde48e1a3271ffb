package options

import (
	"testing"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/host"
)

func TestLimits(t *testing.T) {
	var got host.Limits
	_, err := cli.Parse("test", Limits(&got), []string{"--max-sockets=1", "--max-files=9", "--max-listeners=2", "--max-connections=3", "--max-memory=64K",
		"--read-rate=1M", "--write-rate=2M", "--lookup-rate=4", "--timeout=5s", "--cpu-time=6ms"})
	want := host.Limits{
		Sockets: 1, Files: 9, Listeners: 2, Connections: 3, Memory: 64 << 10, ReadRate: 1 << 20, WriteRate: 2 << 20, LookupRate: 4,
		WallTime: 5 * time.Second, CPUTime: 6 * time.Millisecond,
	}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"--max-sockets=0", "--max-files=0", "--max-listeners=-1", "--max-connections=x", "--lookup-rate=1.5", "--timeout=5", "--timeout=-1s", "--cpu-time=0s", "--read-rate=0"} {
		if _, err := cli.Parse("test", Limits(&got), []string{bad}); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]uint64{
		"1": 1, "65536": 65536, "64K": 64 << 10, "64M": 64 << 20, "1G": 1 << 30, "17179869183G": 17179869183 << 30,
		"18446744073709551615": 1<<64 - 1,
	} {
		if got, err := ParseSize(text); got != want || err != nil {
			t.Errorf("%s: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "0K", "K", "-1", "+1", "1.5G", "1k", "1T", "1 M", "1MB", "18446744073709551616", "17179869184G", "18014398509481984K"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// TestShareOfGuests tests that wasisock keeps a quarter of the memory, and 64 MB at least.
func TestShareOfGuests(t *testing.T) {
	const m = 1 << 20
	for limit, want := range map[uint64]uint64{
		0: 0, 64 * m: 0, 128*m - 1: 0, 128 * m: 64 * m, 256 * m: 192 * m, 1024 * m: 768 * m, 1<<64 - 1: 1<<64 - 1 - (1<<64-1)/4,
	} {
		if got, ok := ShareOfGuests(limit); got != want || ok != (want > 0) {
			t.Errorf("of %d bytes %d, %v; want %d", limit, got, ok, want)
		}
	}
}
