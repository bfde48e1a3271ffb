package rewrite

import (
	"strings"

	"github.com/wasisock/wasisock/internal/wasm"
)

// Mark is the name of the custom section that says that a module is rewritten. Version is
// what it has: the version of the rewriting.
const (
	Mark    = "wasisock.rewrite"
	Version = "1"
)

// MadeBy returns the version of the rewriting that has made a module, "" if none has.
func MadeBy(m *wasm.Module) string {
	for _, s := range m.Sections {
		if s.ID == wasm.CustomSection && s.Name == Mark {
			return string(s.Data)
		}
	}
	return ""
}

// IsFor reports whether Module changes a module: one that says that Go's own compiler made it,
// and that is not rewritten already.
func IsFor(m *wasm.Module) bool { return MadeBy(m) == "" && isOfGo(m) }

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

// isOfGo reports whether a module says that Go's own compiler made it.
func isOfGo(m *wasm.Module) (found bool) {
	for _, s := range m.Sections {
		if s.ID == wasm.CustomSection && s.Name == "producers" {
			producers(s.Data, func(name string, values [][2]string) {
				for _, v := range values {
					found = found || name == "language" && v[0] == "Go" && strings.HasPrefix(v[1], "go1.")
				}
			})
		}
	}
	return found
}

// replaceSections declares the old bodies, and says of them what is said of the functions
// that they were. What says where lines of source are in the code is left out.
func replaceSections(m *wasm.Module, old []uint32) {
	first := uint32(len(m.Functions)) // of the old bodies
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

// withNames returns the custom section "name", in which old bodies have the names of the
// functions that they were.
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

// withProducer adds wasisock to what has processed the module. A damaged section stays as
// it is.
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
