//go:build linux || darwin

package wazero

import (
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/sockabi"
)

// clockTimeGet is a guest that asks a clock for the time, to be written to ptr, and exits
// with what code makes of the errno.
func clockTimeGet(id, ptr int32, code ...[]byte) []byte {
	m := exitWith(constI32(id), constI64(0), constI32(ptr), callFunc(1), instructions(code...))
	m.imports = append(m.imports, wasmFunc{name: "clock_time_get", params: "iIi", results: "i"})
	return m.bytes()
}

func TestTheTimeIsWrittenWhereAGuestSays(t *testing.T) {
	const size = 1 << 16
	for _, test := range []struct {
		name    string
		id, ptr int32
		errno   sockabi.Errno
	}{
		{"the real time", sockabi.CLOCK_REALTIME, 0, 0},
		{"the monotonic time", sockabi.CLOCK_MONOTONIC, 8, 0},
		{"an odd address", sockabi.CLOCK_MONOTONIC, 3, 0},
		{"the last 8 bytes", sockabi.CLOCK_REALTIME, size - 8, 0},
		{"the last 7 bytes", sockabi.CLOCK_REALTIME, size - 7, sockabi.EFAULT},
		{"behind the memory", sockabi.CLOCK_MONOTONIC, size, sockabi.EFAULT},
		{"the last address of all", sockabi.CLOCK_MONOTONIC, -1, sockabi.EFAULT},
		{"7 bytes before zero", sockabi.CLOCK_REALTIME, -7, sockabi.EFAULT},
		{"the time of the process", 2, 0, sockabi.EINVAL},
		{"no clock", -1, 0, sockabi.EINVAL},
		{"no clock and no address", -1, -1, sockabi.EINVAL},
	} {
		if code, err := run(t.Context(), clockTimeGet(test.id, test.ptr), &host.Cmd{}); code != int(test.errno) || err != nil {
			t.Errorf("%s: errno %d, %v; want %d", test.name, code, err, test.errno)
		}
	}
}

// TestTheTimeIsRight holds both clocks against the host's: the monotonic one counts from
// the guest's start.
func TestTheTimeIsRight(t *testing.T) {
	const ptr, patience = 3, time.Minute
	fromTo := func(from, to int64) []byte {
		loadI64, greaterEqual, lessEqual, and := []byte{0x29, 0, 0}, []byte{0x59}, []byte{0x57}, []byte{0x71}
		at := instructions(constI32(ptr), loadI64)
		return instructions(drop, at, constI64(from), greaterEqual, at, constI64(to), lessEqual, and)
	}
	now := time.Now().UnixNano()
	for name, wasm := range map[string][]byte{
		"real":      clockTimeGet(sockabi.CLOCK_REALTIME, ptr, fromTo(now, now+int64(patience))),
		"monotonic": clockTimeGet(sockabi.CLOCK_MONOTONIC, ptr, fromTo(1, int64(patience))),
	} {
		if code, err := run(t.Context(), wasm, &host.Cmd{}); code != 1 || err != nil {
			t.Errorf("%s: %d, %v; want 1, that it is right", name, code, err)
		}
	}
}
