//go:build !wasip1

package socket

import (
	"testing"

	"github.com/wasisock/wasisock/sockabi"
)

func FuzzAddressesFromTheHost(f *testing.F) {
	f.Add(uint16(sockabi.AF_UNIX), []byte("\x00abc\x00d"))
	f.Add(uint16(sockabi.AF_UNIX), []byte("/a"))
	f.Fuzz(func(t *testing.T, family uint16, data []byte) {
		st := sockabi.AddrStorage{Family: family}
		copy(st.Data[:], data)
		a := decode(&st, 1, family)
		if len(a.Path) > len("./")+sockabi.MaxUnixPath+1 {
			t.Errorf("a path of %d bytes", len(a.Path))
		}
		var again sockabi.AddrStorage
		if a.encode(family, &again) == 0 {
			if b := decode(&again, 1, family); a != b {
				t.Errorf("%q came back as %q", a, b)
			}
		}
	})
}
