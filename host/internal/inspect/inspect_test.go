package inspect

import (
	"errors"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/wasisock/wasisock/host"
)

const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64
)

// unusable checks that err is a *host.ModuleError with the text want, or nil if want is "".
func unusable(t *testing.T, what string, err error, want string) {
	t.Helper()
	var module *host.ModuleError
	switch {
	case want == "" && err != nil, want != "" && !errors.As(err, &module):
		t.Errorf("%s: %v, want %q", what, err, want)
	case want != "" && !strings.Contains(module.Text, want):
		t.Errorf("%s: %q, want %q", what, module.Text, want)
	}
}

func TestModule(t *testing.T) {
	for module, want := range map[string]string{
		"":                                     "it is empty",
		"#!/bin/sh":                            `it begins with "#!/b"`,
		"\x00asm\x01":                          "it ends after 5 bytes",
		"\x00asm\x0d\x00\x01\x00":              "it is a component",
		"\x00asm\x02\x00\x00\x00":              "its wasm version is 0x2",
		"\x00asm\x01\x00\x00\x00":              "",
		"\x00asm\x01\x00\x00\x00\x01\x7f":      "it is not a module that can run here",
		"\x00asm\x01\x00\x00\x00\x01\x01\x00":  "",
		"\x00asm\x01\x00\x00\x00\x01\x02\xff ": "it is not a module that can run here",
	} {
		m, err := Module([]byte(module))
		if unusable(t, module, err, want); (m != nil) != (err == nil) {
			t.Errorf("%q: %v and %v", module, m, err)
		}
	}
}

func TestCommandsAndLibraries(t *testing.T) {
	nothing, takes := NewSignature(nil, nil), NewSignature([]api.ValueType{i32}, nil)
	for _, test := range []struct {
		name             string
		exports          Exports
		imports          int
		command, library string
	}{
		{"program", Exports{map[string]Signature{"_start": nothing}, []string{"memory"}}, 1, "", "it exports no _initialize"},
		{"library", Exports{map[string]Signature{"_initialize": nothing}, []string{"memory"}}, 1, "it is a library", ""},
		{"neither", Exports{nil, []string{"memory"}}, 1, "it exports no _start", "it exports no _initialize"},
		{"odd start", Exports{map[string]Signature{"_start": takes, "_initialize": takes}, []string{"memory"}}, 1, "its _start is (i32) and must", "its _initialize is (i32) and must"},
		{"no memory", Exports{map[string]Signature{"_start": nothing, "_initialize": nothing}, []string{"other"}}, 1, "no memory named", "no memory named"},
		{"no use for memory", Exports{map[string]Signature{"_start": nothing, "_initialize": nothing}, nil}, 0, "", ""},
	} {
		unusable(t, test.name+" as a command", CheckCommand(test.exports, test.imports), test.command)
		unusable(t, test.name+" as a library", CheckLibrary(test.exports, test.imports), test.library)
	}
}

func TestSignatures(t *testing.T) {
	for want, got := range map[Signature]Signature{
		"()":                NewSignature(nil, nil),
		"(i32 i64) i32":     NewSignature([]api.ValueType{i32, i64}, []api.ValueType{i32}),
		"() i32 i64":        NewSignature(nil, []api.ValueType{i32, i64}),
		"(f64 externref)":   NewSignature([]api.ValueType{api.ValueTypeF64, api.ValueTypeExternref}, nil),
		"(i32 i32 i32) f32": NewSignature([]api.ValueType{i32, i32, i32}, []api.ValueType{api.ValueTypeF32}),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestMemoryLimit(t *testing.T) {
	for _, test := range []struct {
		limit, elements, size, left uint64
		want                        string
	}{
		{0, 1 << 40, 8, 0, ""},
		{100, 0, 8, 100, ""},
		{100, 10, 8, 20, ""},
		{80, 10, 8, 0, "its tables can take 80 bytes, and all its memory may have 80"},
	} {
		left, err := MemoryLimit(test.limit, test.elements, test.size)
		if unusable(t, "tables", err, test.want); left != test.left {
			t.Errorf("%+v: %d bytes are left", test, left)
		}
	}
}

// TestTextsAreSafe puts texts that a module can choose into errors: line ends, escapes, and very
// long ones.
func TestTextsAreSafe(t *testing.T) {
	evil := "a\nb\x1b[31m" + strings.Repeat("x", 1<<20)
	for name, err := range map[string]error{
		"a text":      Unusable("it imports %s", evil),
		"a signature": Unusable("it is %s", Signature(evil)),
		"an error":    Damaged(errors.New(evil)),
	} {
		if text := err.Error(); strings.ContainsAny(text, "\n\x1b") || len(text) > 1<<16 {
			t.Errorf("%s: %d bytes, %.100q", name, len(text), text)
		}
	}
	if text := Trap("trap\n\tat f\x1b[31m").Error(); !strings.Contains(text, "trap\n\tat f") || strings.Contains(text, "\x1b") {
		t.Errorf("a trap: %q", text)
	}
}

func TestRecover(t *testing.T) {
	compile := func(v any) (err error) {
		defer Recover("the engine", &err)
		if v != nil {
			panic(v)
		}
		return nil
	}
	unusable(t, "a panic", compile("index out of range"), "the engine panics at it: index out of range")
	unusable(t, "no panic", compile(nil), "")
}
