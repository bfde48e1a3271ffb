package hosttest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
)

// sections are the contents of a module's sections, by number.
type sections map[byte]string

const (
	sectionType   = 1
	sectionFunc   = 3
	sectionTable  = 4
	sectionMemory = 5
	sectionGlobal = 6
	sectionExport = 7
	sectionCode   = 10
	sectionTag    = 13
)

// bytes returns a module of them, and of what each program needs beside them. code is that of
// _start, without its end.
func (s sections) bytes(code string) []byte {
	defaults := sections{
		sectionType:   "\x01\x60\x00\x00",
		sectionFunc:   "\x01\x00",
		sectionMemory: "\x01\x00\x01",
		sectionExport: "\x02\x06_start\x00\x00\x06memory\x02\x00",
		sectionCode:   "\x01" + string(rune(len(code)+2)) + "\x00" + code + "\x0b",
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, id := range []byte{sectionType, sectionFunc, sectionTable, sectionMemory, sectionTag, sectionGlobal, sectionExport, sectionCode} {
		content, ok := s[id]
		if !ok {
			content = defaults[id]
		}
		if content != "" {
			out = append(append(out, id, byte(len(content))), content...)
		}
	}
	return out
}

// A proposal to change wasm, and a module that is valid with it alone. Their names are those
// of github.com/WebAssembly/proposals.
type proposal struct {
	name     string
	runs     bool // it is part of wasm 2.0
	sections sections
	code     string
}

var vector = "\xfd\x0c" + strings.Repeat("\x00", 16)

var proposals = []proposal{
	{"none", true, nil, ""},
	{"mutable globals", true, sections{sectionGlobal: "\x01\x7f\x01\x41\x00\x0b", sectionExport: "\x03\x06_start\x00\x00\x06memory\x02\x00\x01g\x03\x00"}, ""},
	{"sign extension", true, nil, "\x41\x00\xc0\x1a"},
	{"non-trapping conversions", true, nil, "\x43\x00\x00\xc0\x7f\xfc\x00\x1a"},
	{"multi-value", true, sections{sectionType: "\x02\x60\x00\x00\x60\x00\x02\x7f\x7f"}, "\x02\x01\x41\x00\x41\x00\x0b\x1a\x1a"},
	{"bulk memory", true, nil, "\x41\x00\x41\x00\x41\x01\xfc\x0b\x00"},
	{"reference types", true, nil, "\xd0\x6f\x1a"},
	{"fixed-width SIMD", true, nil, vector + "\x1a"},

	{"extended constants", false, sections{sectionGlobal: "\x01\x7f\x00\x41\x01\x41\x01\x6a\x0b"}, ""},
	{"tail calls", false, nil, "\x41\x01\x04\x40\x0f\x0b\x12\x00"},
	{"multiple memories", false, sections{sectionMemory: "\x02\x00\x01\x00\x01"}, ""},
	{"64-bit memory", false, sections{sectionMemory: "\x01\x04\x01"}, ""},
	{"64-bit tables", false, sections{sectionTable: "\x01\x70\x04\x01"}, ""},
	{"threads: shared memory", false, sections{sectionMemory: "\x01\x03\x01\x01"}, ""},
	{"threads: an atomic load", false, nil, "\x41\x00\xfe\x10\x02\x00\x1a"},
	{"threads: a fence", false, nil, "\xfe\x03\x00"},
	{"exceptions: a tag", false, sections{sectionTag: "\x01\x00\x00"}, ""},
	{"exceptions: try_table", false, nil, "\x1f\x40\x00\x0b"},
	{"legacy exceptions", false, nil, "\x06\x40\x19\x0b"},
	{"garbage collection: a structure", false, sections{sectionType: "\x02\x60\x00\x00\x5f\x00"}, ""},
	{"garbage collection: a group", false, sections{sectionType: "\x01\x4e\x01\x60\x00\x00"}, ""},
	{"garbage collection: i31", false, nil, "\x41\x00\xfb\x1c\x1a"},
	{"typed references: a call", false, sections{sectionType: "\x02\x60\x00\x00\x60\x00\x00", sectionTable: "\x01\x70\x00\x01"}, "\x02\x40\xd0\x01\x14\x01\x0b"},
	{"typed references: ref.as_non_null", false, nil, "\x02\x40\xd0\x70\xd4\x1a\x0b"},
	{"a table with a first value", false, sections{sectionTable: "\x01\x40\x00\x70\x00\x01\xd0\x70\x0b"}, ""},
	{"relaxed SIMD", false, nil, vector + vector + "\xfd\x80\x02\x1a"},
	{"wide arithmetic", false, nil, "\x42\x00\x42\x00\x42\x00\x42\x00\xfc\x13\x1a\x1a"},
	{"custom page sizes", false, sections{sectionMemory: "\x01\x08\x01\x00"}, ""},
	{"stack switching", false, sections{sectionType: "\x02\x60\x00\x00\x5d\x00"}, ""},
}

// oneVerdict runs a module of each proposal. What an engine alone would run is rejected, so
// that a program that runs here runs with every engine.
func oneVerdict(t *testing.T, b *bench) {
	for _, p := range proposals {
		t.Run(p.name, func(t *testing.T) {
			code, err := b.run(t.Context(), p.sections.bytes(p.code), &host.Cmd{})
			got := fmt.Sprintf("%d, %v", code, err)
			var module *host.ModuleError
			switch rejected := errors.As(err, &module); {
			case p.runs && got != "0, <nil>":
				t.Errorf("%s; want that it runs", got)
			case !p.runs && (!rejected || !strings.Contains(got, "it is not a module that can run here: ")):
				t.Errorf("%s; want that it is rejected", got)
			}
		})
	}
}
