package rewrite

import (
	"strconv"
	"strings"

	"github.com/wasisock/wasisock/internal/wasm"
)

// Mark is the name of the custom section that marks a rewritten module. Version is its content:
// the version of the rewriting.
const (
	Mark    = "wasisock.rewrite"
	Version = "3"
)

// MadeBy returns the version of the rewriting that has made a module, or "" if it is not rewritten.
func MadeBy(m *wasm.Module) string {
	for _, s := range m.Sections {
		if s.ID == wasm.CustomSection && s.Name == Mark {
			return string(s.Data)
		}
	}
	return ""
}

// IsFor reports whether Module is for a module: its sections name Go's own compiler, and it is not
// rewritten already.
func IsFor(m *wasm.Module) bool { return MadeBy(m) == "" && MinorOfGo(m) >= 0 }

// producers calls field for each field of a section "producers", with its values: names,
// each with a version. It returns false if the section is damaged.
//
// Source: https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md
func producers(data []byte, field func(name string, values [][2]string)) bool {
	r := wasm.NewReader(data, 0)
	for range r.Count(2) {
		name := r.Name()
		values := make([][2]string, r.Count(2))
		for i := range values {
			values[i] = [2]string{r.Name(), r.Name()}
		}
		if r.Err() != nil {
			return false
		}
		field(name, values)
	}
	return r.Err() == nil && r.Len() == 0
}

// GoVersion returns the version of Go whose own compiler made a module, such as "go1.26.1",
// according to its sections, or "" if they do not name it.
func GoVersion(m *wasm.Module) (version string) {
	for _, s := range m.Sections {
		if s.ID == wasm.CustomSection && s.Name == "producers" {
			producers(s.Data, func(name string, values [][2]string) {
				for _, v := range values {
					if name == "language" && v[0] == "Go" && strings.HasPrefix(v[1], "go1.") {
						version = v[1]
					}
				}
			})
		}
	}
	return version
}

// MinorOfGo returns the N of the Go 1.N that GoVersion returns, or -1.
func MinorOfGo(m *wasm.Module) int {
	version, ok := strings.CutPrefix(GoVersion(m), "go1.")
	if !ok {
		return -1
	}
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	n, _ := strconv.Atoi(version[:end]) // 0 if there are no digits
	return n
}

// keepsStacks reports whether a goroutine's stack does not move while a call returns. The runtime
// moves the stack of a goroutine that goes on in the middle of its functions, where it enters
// their old bodies. Before Go 1.26 it also shrinks stacks within systemstack, when an allocation
// assists the garbage collector. And if a function of the host calls an export of Go, the
// goroutine runs meanwhile, so its stack may grow.
//
// Source: callers of copystack, and isShrinkStackSafe, in runtime/stack.go.
func keepsStacks(m *wasm.Module) bool {
	for _, s := range m.Sections {
		if s.ID != wasm.ExportSection {
			continue
		}
		r := wasm.NewReader(s.Data, s.Offset)
		for range r.Count(3) {
			name, kind := r.Name(), r.Byte()
			r.Uint32()
			if r.Err() != nil || wasm.ExternKind(kind) != wasm.ExternMemory && name != "_start" && name != "_initialize" {
				return false
			}
		}
	}
	return MinorOfGo(m) >= firstSafe
}

// firstSafe is the N of the first Go 1.N whose garbage collector does not move the stacks of
// running goroutines.
const firstSafe = 26

// replaceSections declares the old bodies, with the type and name of the functions that they were.
// It removes debugging sections with the source lines of the code.
func replaceSections(m *wasm.Module, old []uint32) {
	first := uint32(len(m.Functions)) // index of the first old body
	sections := m.Sections[:0:0]
	for _, s := range m.Sections {
		r := wasm.NewReader(s.Data, s.Offset)
		switch {
		case s.ID == wasm.FunctionSection:
			data := wasm.AppendUint32(nil, r.Uint32()+uint32(len(old)))
			data = append(data, s.Data[r.Pos():]...)
			for _, f := range old {
				data = wasm.AppendUint32(data, m.Functions[f])
				m.Functions = append(m.Functions, m.Functions[f])
			}
			s.Data = data
		case s.ID != wasm.CustomSection:
		case s.Name == "name":
			s.Data = withNames(r, old, first)
		case s.Name == "producers":
			s.Data = withProducer(s.Data)
		case strings.HasPrefix(s.Name, ".debug_"), s.Name == "sourceMappingURL", s.Name == "external_debug_info":
			continue
		}
		sections = append(sections, s)
	}
	m.Sections = append(sections, wasm.Section{ID: wasm.CustomSection, Name: Mark, Data: []byte(Version)})
}

// withNames returns the custom section "name", in which old bodies have the names of the functions
// that they were.
func withNames(r *wasm.Reader, old []uint32, first uint32) []byte {
	var out []byte
	for r.Len() > 0 {
		id := r.Byte()
		data := r.Bytes(r.Uint32())
		if id == 1 {
			data = withFunctions(wasm.NewReader(data, 0), data, old, first)
		}
		out = append(wasm.AppendUint32(append(out, id), uint32(len(data))), data...)
	}
	return out
}

func withFunctions(r *wasm.Reader, data []byte, old []uint32, first uint32) []byte {
	n := r.Count(2)
	names := make(map[uint32]string, n)
	begin := r.Pos()
	for range n {
		f := r.Uint32()
		names[f] = r.Name()
	}
	var added []byte
	for i, f := range old {
		if name, ok := names[f]; ok {
			added = wasm.AppendUint32(added, first+uint32(i))
			added = append(wasm.AppendUint32(added, uint32(len(name))), name...)
			n++
		}
	}
	return append(append(wasm.AppendUint32(nil, uint32(n)), data[begin:]...), added...)
}

// withProducer adds wasisock to the programs that have processed the module. A damaged section
// stays as it is.
func withProducer(data []byte) []byte {
	const processed = "processed-by"
	own := [2]string{"wasisock", "rewrite " + Version}
	fields := uint32(0)
	var out []byte
	add := func(name string, values [][2]string) {
		fields++
		out = wasm.AppendUint32(appendName(out, name), uint32(len(values)))
		for _, v := range values {
			out = appendName(appendName(out, v[0]), v[1])
		}
	}
	added := false
	if !producers(data, func(name string, values [][2]string) {
		if name == processed && !added {
			values, added = append(values, own), true
		}
		add(name, values)
	}) {
		return data
	}
	if !added {
		add(processed, [][2]string{own})
	}
	return append(wasm.AppendUint32(nil, fields), out...)
}

func appendName(b []byte, name string) []byte {
	return append(wasm.AppendUint32(b, uint32(len(name))), name...)
}
