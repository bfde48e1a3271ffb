package sockabi

import (
	"bytes"
	"encoding/binary"
	"go/build"
	"slices"
	"strings"
	"testing"
)

func TestFunctionsAreUnique(t *testing.T) {
	seen := map[[2]string]bool{}
	for _, f := range Functions() {
		key := [2]string{f.Name, strings.Repeat("i", f.NumParams())}
		if seen[key] {
			t.Errorf("%s stands twice with %d parameters", f.Name, f.NumParams())
		}
		seen[key] = true
		if got := len(strings.Fields(f.Args)); got != f.NumParams() {
			t.Errorf("%s: NumParams = %d, but Args names %d", f.Name, f.NumParams(), got)
		}
		if strings.Contains(f.Args, "  ") {
			t.Errorf("%s: Args has two spaces in a row", f.Name)
		}
	}
}

// TestVersionTwoNames holds the rule that a name which exists in two signatures
// has its version 2 signature under the _v2 name as well.
func TestVersionTwoNames(t *testing.T) {
	byName := map[string][]Function{}
	for _, f := range Functions() {
		byName[f.Name] = append(byName[f.Name], f)
	}
	for name, plain := range byName {
		if v2 := byName[name+"_v2"]; len(v2) == 1 {
			if last := plain[len(plain)-1]; last.Args != v2[0].Args {
				t.Errorf("%s and %s differ", last, v2[0])
			}
		} else if len(plain) > 1 {
			t.Errorf("%s has %d signatures and no _v2 name", name, len(plain))
		}
	}
}

func TestFunctionsIsACopy(t *testing.T) {
	Functions()[0].Name = "changed"
	if Functions()[0].Name == "changed" {
		t.Error("a caller changed the table")
	}
}

func TestErrnoNames(t *testing.T) {
	for _, test := range []struct {
		errno  Errno
		number int
		name   string
	}{
		{ESUCCESS, 0, "ESUCCESS"},
		{E2BIG, 1, "E2BIG"},
		{EACCES, 2, "EACCES"},
		{EAGAIN, 6, "EAGAIN"},
		{EFAULT, 21, "EFAULT"},
		{EINPROGRESS, 26, "EINPROGRESS"},
		{EINTR, 27, "EINTR"},
		{ENOTCONN, 53, "ENOTCONN"},
		{ENOTCAPABLE, 76, "ENOTCAPABLE"},
		{EAI_ADDRFAMILY, 77, "EAI_ADDRFAMILY"},
		{EAI_NONAME, 84, "EAI_NONAME"},
		{EAI_SYSTEM, 87, "EAI_SYSTEM"},
		{88, 88, ""},
		{0xffff, 0xffff, ""},
	} {
		if int(test.errno) != test.number || test.errno.Name() != test.name {
			t.Errorf("errno %d is %q, want %d and %q", test.errno, test.errno.Name(), test.number, test.name)
		}
	}
	for e := range Errno(88) {
		if e.Name() == "" {
			t.Errorf("errno %d has no name", e)
		}
	}
}

// TestGoldenBytes states the layouts a second time, as bytes.
func TestGoldenBytes(t *testing.T) {
	for _, test := range []struct {
		name  string
		value any
		want  []byte
	}{
		{"Address", Address{Buf: 0x01020304, Len: 16}, []byte{4, 3, 2, 1, 16, 0, 0, 0}},
		{"FDStat", FDStat{Filetype: 6, Flags: 4, RightsBase: RIGHTS_OPENED},
			[]byte{6, 0, 4, 0, 0, 0, 0, 0, 0x4a, 0, 0, 0xf8, 0xf, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"Subscription of a clock", Subscription{Userdata: 0x0102, Target: CLOCK_MONOTONIC, Timeout: 5, Precision: 6, Flags: SUBCLOCK_ABSTIME},
			[]byte{2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}},
		{"Subscription of a descriptor", Subscription{Userdata: 7, Tag: EVENTTYPE_FD_WRITE, Target: 0x30353b0a},
			[]byte{7, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0x3b, 0x35, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"Event", Event{Userdata: 7, Errno: EBADF, Type: EVENTTYPE_FD_READ, NBytes: 0x0102, Flags: EVENTRW_HANGUP},
			[]byte{7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 1, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}},
		{"AddrInfo", AddrInfo{Flags: AI_PASSIVE, Family: AF_INET6, SockType: SOCK_STREAM, Protocol: IPPROTO_TCP, AddrLen: 28, Addr: 1, CanonName: 2, CanonNameLen: 3, Next: 4},
			[]byte{1, 0, 2, 2, 1, 0, 0, 0, 28, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0}},
		{"SockAddr", SockAddr{Family: AF_INET4, DataLen: 14, Data: 0x0506}, []byte{1, 0, 0, 0, 14, 0, 0, 0, 6, 5, 0, 0}},
	} {
		got, err := binary.Append(nil, binary.LittleEndian, test.value)
		if err != nil || !bytes.Equal(got, test.want) {
			t.Errorf("%s:\n got %v\nwant %v (%v)", test.name, got, test.want, err)
		}
	}
}

// TestImports holds the promise that lets these files be compiled inside the
// standard library.
func TestImports(t *testing.T) {
	p, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Imports, []string{"structs", "unsafe"}) {
		t.Errorf("sockabi imports %s; it may import structs and unsafe only", p.Imports)
	}
}

func TestOptions(t *testing.T) {
	names, numbers := map[string]bool{}, map[[2]uint32]bool{}
	for _, o := range Options() {
		if names[o.Name] || numbers[[2]uint32{o.Level, o.Number}] {
			t.Errorf("%s stands twice", o.Name)
		}
		names[o.Name], numbers[[2]uint32{o.Level, o.Number}] = true, true
		if got, ok := OptionOf(o.Level, o.Number); !ok || got != o {
			t.Errorf("%s is %+v", o.Name, got)
		}
		if o.ReadOnly && o.Inherited {
			t.Errorf("%s is read-only, and inherited", o.Name)
		}
		if wasmedge := o.Level == SOL_SOCKET && o.Number <= SO_BINDTODEVICE; o.Ours == wasmedge {
			t.Errorf("%s is wasisock's: %t", o.Name, o.Ours)
		}
	}
	if _, ok := OptionOf(SOL_TCP, SO_BINDTODEVICE); ok {
		t.Error("an option has two levels")
	}
}
