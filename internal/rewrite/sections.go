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

// replaceSections declares the old bodies, and says of them what is said of the functions
// that they were. What says where lines of source are in the code is left out.
func replaceSections(m *wasm.Module, old []uint32) error {
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
		if r.Err() != nil {
			return r.Err()
		}
		sections = append(sections, s)
	}
	m.Sections = append(sections, wasm.Section{ID: wasm.CustomSection, Name: Mark, Data: []byte(Version)})
	return nil
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

// withProducer adds wasisock to what has processed the module. A section that is not as
// the tool conventions have it stays as it is.
//
// Source: https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md
func withProducer(data []byte) []byte {
	const processed = "processed-by"
	add := func(out []byte) []byte { return appendName(appendName(out, "wasisock"), "rewrite "+Version) }
	r := wasm.NewReader(data, 0)
	fields := uint32(r.Count(2))
	var out []byte
	added := false
	for range fields {
		name := r.Name()
		n := r.Count(2)
		begin := r.Pos()
		for range n {
			r.Name()
			r.Name()
		}
		if r.Err() != nil {
			return data
		}
		values := data[begin:r.Pos()]
		if name == processed && !added {
			n, values, added = n+1, add(values[:len(values):len(values)]), true
		}
		out = append(wasm.AppendUint32(appendName(out, name), uint32(n)), values...)
	}
	if r.Err() != nil || r.Len() > 0 {
		return data
	}
	if !added {
		fields++
		out = add(wasm.AppendUint32(appendName(out, processed), 1))
	}
	return append(wasm.AppendUint32(nil, fields), out...)
}

func appendName(b []byte, name string) []byte {
	return append(wasm.AppendUint32(b, uint32(len(name))), name...)
}
