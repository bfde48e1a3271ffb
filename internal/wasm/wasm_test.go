package wasm_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/internal/wasm"
	"github.com/wasisock/wasisock/internal/wasm/wasmtest"
)

func TestNumbers(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 63, 64, -64, -65, 127, 128, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64} {
		r := wasm.NewReader(wasm.AppendInt64(nil, v), 0)
		if got := r.Int64(); got != v || r.Err() != nil || r.Len() != 0 {
			t.Errorf("%d is read as %d, %v", v, got, r.Err())
		}
	}
	for _, v := range []uint32{0, 1, 127, 128, math.MaxUint32} {
		r := wasm.NewReader(wasm.AppendUint32(nil, v), 0)
		if got := r.Uint32(); got != v || r.Err() != nil || r.Len() != 0 {
			t.Errorf("%d is read as %d, %v", v, got, r.Err())
		}
	}
	for _, test := range []struct {
		name, encoding string
		read           func(*wasm.Reader)
		ok             bool
	}{
		{"u32 in five bytes", "\x80\x80\x80\x80\x00", func(r *wasm.Reader) { r.Uint32() }, true},
		{"u32 of 33 bits", "\x80\x80\x80\x80\x10", func(r *wasm.Reader) { r.Uint32() }, false},
		{"u32 in six bytes", "\x80\x80\x80\x80\x80\x00", func(r *wasm.Reader) { r.Uint32() }, false},
		{"u32 without its end", "\x80", func(r *wasm.Reader) { r.Uint32() }, false},
		{"i32 -1 in five bytes", "\xff\xff\xff\xff\x7f", func(r *wasm.Reader) { r.Int32() }, true},
		{"i32 with bits beyond its sign", "\xff\xff\xff\xff\x3f", func(r *wasm.Reader) { r.Int32() }, false},
		{"i32 in six bytes", "\xff\xff\xff\xff\xff\x7f", func(r *wasm.Reader) { r.Int32() }, false},
		{"i33 of 2 to the power of 32", "\x80\x80\x80\x80\x10", func(r *wasm.Reader) { r.Int33() }, false},
		{"i33 of 2 to the power of 31", "\x80\x80\x80\x80\x08", func(r *wasm.Reader) { r.Int33() }, true},
		{"i64 in ten bytes", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", func(r *wasm.Reader) { r.Int64() }, true},
		{"i64 with bits beyond its sign", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", func(r *wasm.Reader) { r.Int64() }, false},
		{"i64 in eleven bytes", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", func(r *wasm.Reader) { r.Int64() }, false},
		{"name that is not UTF-8", "\x01\xff", func(r *wasm.Reader) { r.Name() }, false},
		{"name longer than the rest", "\x02a", func(r *wasm.Reader) { r.Name() }, false},
		{"count without items", "\xff\xff\xff\xff\x0f", func(r *wasm.Reader) { r.Count(1) }, false},
	} {
		r := wasm.NewReader([]byte(test.encoding), 0)
		test.read(r)
		if ok := r.Err() == nil; ok != test.ok {
			t.Errorf("%s: %v", test.name, r.Err())
		}
	}
}

// TestRoundTrip tests that an encoded module equals the parsed one.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(50) {
		module := wasmtest.Random(seed)
		module = append(module, "\x00\x05\x04name"...) // a custom section
		m, err := wasm.Parse(module)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !bytes.Equal(m.Encode(), module) {
			t.Fatalf("seed %d: the encoded module differs", seed)
		}
		for i, b := range m.Bodies {
			r := wasm.NewReader(b.Code, b.Offset)
			var in wasm.Instruction
			var code []byte
			for r.Instruction(&in) {
				code = append(code, b.Code[in.Begin:in.End]...)
			}
			if r.Err() != nil || in.Op != wasm.OpEnd || !bytes.Equal(code, b.Code) {
				t.Fatalf("seed %d, function %d: ends with %v, %v", seed, i, in.Op, r.Err())
			}
			if !bytes.Equal(module[b.Offset:b.Offset+len(b.Code)], b.Code) {
				t.Fatalf("seed %d, function %d: not at its offset", seed, i)
			}
		}
	}
}

// TestDamagedModules reads modules whose counts and sizes are wrong.
func TestDamagedModules(t *testing.T) {
	const most = "\xff\xff\xff\xff\x0f"
	for _, test := range []struct{ name, sections, want string }{
		{"a section longer than the module", "\x01\x05\x00", "5 bytes are to follow, and there are 1"},
		{"an unknown section", "\x0d\x00", "unknown section 13"},
		{"a section twice", "\x01\x01\x00\x01\x01\x00", "section type after section type"},
		{"sections out of order", "\x03\x01\x00\x01\x01\x00", "section type after section function"},
		{"a data count after the code", "\x0a\x01\x00\x0c\x01\x00", "section data count after section code"},
		{"a type for each byte that there is not", "\x01\x05" + most, "4294967295 items are to follow in 0 bytes"},
		{"parameters that there are not", "\x01\x07\x01\x60" + most, "items are to follow"},
		{"more parameters than a function may have", "\x01\xee\x07\x01\x60\xe9\x07" + strings.Repeat("\x7f", 1001) + "\x00", "has 1001 parameters"},
		{"a type of an unknown form", "\x01\x04\x01\x5f\x00\x00", "unknown form 0x5f"},
		{"a value of an unknown type", "\x01\x05\x01\x60\x01\x6e\x00", "unknown type 0x6e"},
		{"imports that there are not", "\x02\x05" + most, "items are to follow"},
		{"functions that there are not", "\x03\x05" + most, "items are to follow"},
		{"a function of no type", "\x03\x02\x01\x00", "type 0 of 0"},
		{"code that there is not", "\x0a\x05" + most, "items are to follow"},
		{"code without functions", "\x0a\x04\x01\x02\x00\x0b", "0 functions are declared, and 1 have code"},
		{"functions without code", "\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00", "1 functions are declared, and 0 have code"},
		{"groups of locals that there are not", "\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x0a\x08\x01\x06" + most + "\x0b", "items are to follow"},
		{"four thousand million locals", "\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x0a\x0a\x01\x08\x01" + most + "\x7f\x0b", "4294967295 locals"},
		{"tables that there are not", "\x04\x05" + most, "items are to follow"},
		{"a memory of more than wasm has", "\x05\x07\x01\x00" + most, "memory of 4294967295 pages"},
		{"a memory that ends at 4 GiB", "\x05\x05\x01\x00\x80\x80\x04", "memory of 65536 pages"},
		{"globals that there are not", "\x06\x05" + most, "items are to follow"},
		{"a global that calls", "\x06\x07\x01\x7f\x00\x10\x00\x0b\x00", "call in a constant expression"},
		{"a global without the end of its value", "\x06\x05\x01\x7f\x00\x41\x00", "constant expression without end"},
		{"exports that there are not", "\x07\x05" + most, "items are to follow"},
		{"an export of an unknown kind", "\x07\x04\x01\x00\x04\x00", "unknown kind 4"},
		{"elements that there are not", "\x09\x05" + most, "items are to follow"},
		{"elements of a segment that there are not", "\x09\x0a\x01\x00\x41\x00\x0b" + most, "items are to follow"},
		{"expressions of a segment that there are not", "\x09\x08\x01\x05\x70" + most, "items are to follow"},
		{"data that there are not", "\x0b\x05" + most, "items are to follow"},
		{"data longer than the module", "\x0b\x0a\x01\x00\x41\x00\x0b" + most, "4294967295 bytes are to follow"},
		{"bytes after the last type", "\x01\x02\x00\x00", "1 bytes too many"},
	} {
		_, err := wasm.Parse([]byte(wasm.Header + test.sections))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", test.name, err, test.want)
		}
	}
	if _, err := wasm.Parse([]byte("\x00asm\x0d\x00\x01\x00")); err == nil {
		t.Error("a component is read as a module")
	}
}

// TestDamagedNames tests that a section of names that cannot be read is left out.
func TestDamagedNames(t *testing.T) {
	for names, kept := range map[string]bool{
		"\x00\x02\x01m":                                 true,
		"\x01\x04\x01\x00\x01f":                         true,
		"\x02\x06\x01\x00\x01\x00\x01l":                 true,
		"\x07\x02??":                                    true, // of another kind
		"\x01\x05\x01\x00\x02é":                         true,
		"\x01\x05\xff\xff\xff\xff\x0f":                  false,
		"\x01\x05\x01\x00\x02f\n":                       false,
		"\x01\x05\x01\x00\x02\u009b":                    false,
		"\x00\x04\x03\u202e":                            false,
		"\x02\x07\x01\x00\xff\xff\xff\xff\x0f":          false,
		"\x02\x05\xff\xff\xff\xff\x0f":                  false,
		"\x01\x05\x01\x00\x01f?":                        false,
		"\x01\x09\x01\x00\x01f":                         false,
		"\x00\x02\x01m\x01\x06\x01\x00\xff\xff\xff\xff": false,
	} {
		section := "\x04name" + names
		m, err := wasm.Parse([]byte(wasm.Header + "\x00" + string(rune(len(section))) + section))
		if err != nil || (len(m.Sections) == 1) != kept {
			t.Errorf("%q: %v; want it kept: %v", names, err, kept)
		}
	}
}

// TestUnknownInstructions tests that errors for unknown instructions name the proposal.
func TestUnknownInstructions(t *testing.T) {
	for code, want := range map[string]string{
		"\x12\x00":         "unknown instruction 12, of the proposal tail calls",
		"\x1f":             "exception handling",
		"\xfb\x00":         "garbage collection",
		"\xfe\x10\x02\x00": "threads",
		"\xfd\x80\x02":     "relaxed SIMD",
		"\xfc\x12":         "a proposal that is not supported",
		"\x27":             "unknown instruction 27",
		"\x3f\x01":         "second memory",
	} {
		r := wasm.NewReader([]byte(code), 0x40)
		var in wasm.Instruction
		if r.Instruction(&in) || r.Err() == nil || !strings.Contains(r.Err().Error(), want) || !strings.Contains(r.Err().Error(), "offset 0x4") {
			t.Errorf("% x: %v; want %q", code, r.Err(), want)
		}
	}
}

// FuzzParse tests that parsed modules can be encoded, and that nothing panics.
func FuzzParse(f *testing.F) {
	for seed := range uint64(5) {
		f.Add(wasmtest.Random(seed))
	}
	f.Fuzz(func(t *testing.T, module []byte) {
		m, err := wasm.Parse(module)
		if err != nil {
			return
		}
		for _, b := range m.Bodies {
			r := wasm.NewReader(b.Code, b.Offset)
			var in wasm.Instruction
			for r.Instruction(&in) {
				_ = in.Op.String()
			}
		}
		again, err := wasm.Parse(m.Encode())
		if err != nil || len(again.Bodies) != len(m.Bodies) || len(again.Sections) != len(m.Sections) {
			t.Fatalf("encoded and parsed again: %v", err)
		}
	})
}

// TestLimitTables checks the maxima that tables get.
func TestLimitTables(t *testing.T) {
	const grow = "\xd0\x70\x41\x01\xfc\x0f\x00\x1a"
	for _, test := range []struct {
		name, tables, exports, code string
		want                        []uint32 // the maxima
	}{
		{"none", "\x00", "", "", nil},
		{"one that cannot grow", "\x01\x70\x00\x07", "", "", []uint32{7}},
		{"one that cannot grow as far as it says", "\x01\x70\x01\x07\x09", "", "", []uint32{7}},
		{"one that can grow", "\x01\x70\x00\x07", "", grow, []uint32{10_000_000}},
		{"one that can grow, by a longer number", "\x01\x70\x00\x07", "", "\xd0\x70\x41\x01\xfc\x8f\x80\x00\x00\x1a", []uint32{10_000_000}},
		{"one that a number only looks like", "\x01\x70\x00\x07", "", "\x41\xfc\x0f\x1a", []uint32{7}},
		{"one that is exported", "\x01\x70\x00\x07", "\x01\x01t\x01\x00", "", []uint32{10_000_000}},
		{"one that declares less", "\x01\x70\x01\x07\x08", "", grow, []uint32{8}},
		{"two", "\x02\x6f\x00\x06\x70\x00\x02", "", grow, []uint32{5_000_002, 4_999_998}},
		{"all there is", "\x01\x70\x00\x80\xad\xe2\x04", "", grow, []uint32{10_000_000}},
		{"more than there is", "\x01\x70\x00\x81\xad\xe2\x04", "", "", nil},
		{"more than there is in two", "\x02\x70\x00\x80\xad\xe2\x04\x70\x00\x01", "", "", nil},
		{"as many as there are numbers", "\x01\x70\x00\xff\xff\xff\xff\x0f", "", "", nil},
	} {
		section := func(id byte, data string) string {
			if data == "" {
				return ""
			}
			return string(id) + string(rune(len(data))) + data
		}
		body := "\x00" + test.code + "\x0b"
		module := wasm.Header + section(1, "\x01\x60\x00\x00") + section(3, "\x01\x00") + section(4, test.tables) +
			section(7, test.exports) + section(10, "\x01"+string(rune(len(body)))+body)
		m, err := wasm.Parse([]byte(module))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		refused := strings.HasPrefix(test.name, "more than") || strings.HasPrefix(test.name, "as many")
		if err := m.LimitTables(); (err != nil) != refused {
			t.Errorf("%s: %v", test.name, err)
		}
		if refused {
			continue
		}
		again, err := wasm.Parse(m.Encode())
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var maxima []uint32
		for _, table := range again.Tables {
			maxima = append(maxima, table.Max)
		}
		if !slices.Equal(maxima, test.want) {
			t.Errorf("%s: %d, want %d", test.name, maxima, test.want)
		}
	}
}

func TestAddExport(t *testing.T) {
	module := (&wasmtest.Module{Funcs: []wasmtest.Func{{Name: "f", Code: nil}}, Globals: []wasmtest.Global{{Type: wasm.I32}}}).Encode()
	m, err := wasm.Parse(module)
	if err != nil {
		t.Fatal(err)
	}
	added := wasm.Export{Name: "g", Kind: wasm.ExternGlobal, Index: 0}
	m.AddExport(added)
	again, err := wasm.Parse(m.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if want := append(m.Exports[:1:1], added); !slices.Equal(again.Exports, want) || want[0].Name != "f" || !m.Changed {
		t.Errorf("exports %v; want %v", again.Exports, want)
	}
}

// FuzzCheck tests that a module that CheckCode accepts is accepted again when it is encoded: so the
// module that an engine reads is checked, too. Nothing may panic.
func FuzzCheck(f *testing.F) {
	for seed := range uint64(5) {
		f.Add(wasmtest.Random(seed))
	}
	f.Fuzz(func(t *testing.T, module []byte) {
		m, err := wasm.Parse(module)
		if err != nil || m.CheckCode() != nil {
			return
		}
		again, err := wasm.Parse(m.Encode())
		if err == nil {
			err = again.CheckCode()
		}
		if err != nil {
			t.Fatalf("encoded and checked again: %v", err)
		}
	})
}
