// Package wasm reads the binary format of WebAssembly modules, and writes it.
//
// It supports the format of version 2.0 of the specification: the instructions and types of the
// proposals in wazero's CoreFeaturesV2. It takes time and memory linear in the size of a module,
// even of a hostile one. It does not validate: types of operands, for instance, are not checked.
//
// Source: https://www.w3.org/TR/wasm-core-2/, chapter 5.
package wasm

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// Header is the beginning of each module: the magic number and version 1.
const Header = "\x00asm\x01\x00\x00\x00"

// A SectionID is the kind of a section.
type SectionID byte

// The sections, in the order of their numbers.
const (
	CustomSection SectionID = iota
	TypeSection
	ImportSection
	FunctionSection
	TableSection
	MemorySection
	GlobalSection
	ExportSection
	StartSection
	ElementSection
	CodeSection
	DataSection
	DataCountSection
)

// A Section is a part of a module.
type Section struct {
	ID     SectionID
	Name   string // of a custom section
	Data   []byte // the contents, without the name of a custom section
	Offset int    // of Data in the module that was parsed
}

// A Type is the type of a value.
type Type byte

// The types.
const (
	I32       Type = 0x7f
	I64       Type = 0x7e
	F32       Type = 0x7d
	F64       Type = 0x7c
	V128      Type = 0x7b
	FuncRef   Type = 0x70
	ExternRef Type = 0x6f
)

// A FuncType is the type of a function or block.
type FuncType struct{ Params, Results []Type }

// An ExternKind is the kind of an import or export.
type ExternKind byte

// The kinds.
const (
	ExternFunc ExternKind = iota
	ExternTable
	ExternMemory
	ExternGlobal
)

// A Body is a function's code.
type Body struct {
	Locals  []byte // the encoded declaration of locals
	Code    []byte // the instructions; the last one is end
	Declare int    // number of locals in Locals, without parameters
	Offset  int    // of Code in the module that was parsed
}

// A Module holds the declarations of a module that its code refers to.
type Module struct {
	Sections  []Section
	Types     []FuncType
	Imports   []Import
	Exports   []Export
	Functions []uint32 // the type of each function, imported ones first
	Imported  int      // how many of Functions are imported
	Bodies    []Body   // the bodies of functions that are not imported
	Globals   []Type   // the type of each global, imported ones first
	Memories  int      // 0 or 1, imported or not
	MinPages  uint32   // of the memory
	Tables    []Table  // the tables that are not imported
	Start     bool     // a function runs when the module is instantiated

	// Changed reports that Encode returns another module than the parsed one. Parse leaves out a
	// custom section "name" that is damaged or has a name that is longer than MaxName or cannot
	// be printed, and LimitTables changes tables.
	Changed bool

	tableExported bool
}

// An Import is an item that a module imports from another.
type Import struct {
	Module, Name string
	Kind         ExternKind
}

// An Export is an item that a module exports. Its Index is not checked.
type Export struct {
	Name  string
	Kind  ExternKind
	Index uint32
}

// A Table is a table of references.
type Table struct {
	Type       Type
	Min, Max   uint32 // numbers of elements
	HasMaximum bool
}

// Limits of functions, as in browsers
// (https://webassembly.github.io/spec/js-api/#limits).
const (
	MaxLocals  = 50_000 // without parameters
	MaxParams  = 1_000
	MaxResults = 1_000
	MaxBody    = 7_654_321 // bytes of code
)

// MaxName is the length of the longest name in a custom section "name", in bytes. Engines put
// these names into the report of every trap.
const MaxName = 1 << 13

// Parse parses a module. The result refers to the bytes of data. Parse leaves a custom section
// "name" out of Sections if it is damaged or has a name that cannot be printed, since engines do
// not need it.
func Parse(data []byte) (*Module, error) {
	sections, err := sections(data)
	if err != nil {
		return nil, err
	}
	m := &Module{}
	named := false
	for _, s := range sections {
		r := NewReader(s.Data, s.Offset)
		m.readSection(s.ID, r)
		if r.Len() > 0 && s.ID != CustomSection {
			r.Fail("%d bytes too many", r.Len())
		}
		if r.Err() != nil {
			return nil, fmt.Errorf("section %v: %w", s.ID, r.Err())
		}
		if s.ID == CustomSection && s.Name == "name" {
			if readNames(r); named || r.Err() != nil {
				m.Changed = true
				continue
			}
			named = true
		}
		m.Sections = append(m.Sections, s)
	}
	if declared := len(m.Functions) - m.Imported; declared != len(m.Bodies) {
		return nil, fmt.Errorf("%d functions are declared, and %d have code", declared, len(m.Bodies))
	}
	return m, nil
}

func (m *Module) readSection(id SectionID, r *Reader) {
	switch id {
	case TypeSection:
		m.readTypes(r)
	case ImportSection:
		m.readImports(r)
	case FunctionSection:
		m.readFunctions(r)
	case TableSection:
		readVector(r, 3, func(r *Reader) { m.Tables = append(m.Tables, readTable(r)) })
	case MemorySection:
		readVector(r, 2, m.readMemory)
	case GlobalSection:
		readVector(r, 4, m.readGlobal)
	case ExportSection:
		readVector(r, 3, m.readExport)
	case StartSection:
		m.Start = true
		r.Uint32()
	case DataCountSection:
		r.Uint32()
	case ElementSection:
		readVector(r, 2, readElements)
	case CodeSection:
		m.readBodies(r)
	case DataSection:
		readVector(r, 2, readData)
	}
}

// sections splits a module into sections.
func sections(data []byte) ([]Section, error) {
	if !bytes.HasPrefix(data, []byte(Header)) {
		return nil, errors.New("no header of a module of version 1")
	}
	r := NewReader(data, 0)
	r.Bytes(uint32(len(Header)))
	var all []Section
	last := SectionID(0)
	for r.Len() > 0 {
		s := Section{ID: SectionID(r.Byte())}
		s.Data = r.Bytes(r.Uint32())
		s.Offset = r.Pos() - len(s.Data)
		switch {
		case s.ID > DataCountSection:
			r.Fail("unknown section %v", s.ID)
		case s.ID != CustomSection && s.ID.place() <= last.place():
			r.Fail("section %v after section %v", s.ID, last)
		case s.ID != CustomSection:
			last = s.ID
		case r.Err() == nil:
			inner := NewReader(s.Data, s.Offset)
			s.Name = inner.Name()
			if inner.Err() != nil {
				return nil, fmt.Errorf("custom section: %w", inner.Err())
			}
			s.Data, s.Offset = s.Data[inner.Pos():], s.Offset+inner.Pos()
		}
		if r.Err() != nil {
			return nil, r.Err()
		}
		all = append(all, s)
	}
	return all, nil
}

var sectionNames = []string{"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count"}

// String returns the section's name.
func (id SectionID) String() string {
	if int(id) < len(sectionNames) {
		return sectionNames[id]
	}
	return fmt.Sprint(byte(id))
}

// place returns the position of a section in a module: the data count is before the code.
func (id SectionID) place() int {
	if id == DataCountSection {
		return 2*int(ElementSection) + 1
	}
	return 2 * int(id)
}

// types reads a vector of types.
func types(r *Reader) []Type {
	all := make([]Type, r.Count(1))
	for i := range all {
		all[i] = Type(r.Byte())
		if !all[i].known() {
			r.Fail("unknown type %#x", byte(all[i]))
		}
	}
	return all
}

func (t Type) known() bool { return t >= V128 && t <= I32 || t == FuncRef || t == ExternRef }

func (m *Module) readTypes(r *Reader) {
	m.Types = make([]FuncType, r.Count(3))
	for i := range m.Types {
		if form := r.Byte(); form != 0x60 {
			r.Fail("type %d has the unknown form %#x", i, form)
		}
		t := FuncType{types(r), types(r)}
		if len(t.Params) > MaxParams || len(t.Results) > MaxResults {
			r.Fail("type %d has %d parameters and %d results; a function may have %d and %d",
				i, len(t.Params), len(t.Results), MaxParams, MaxResults)
		}
		m.Types[i] = t
	}
}

func (m *Module) readImports(r *Reader) {
	for range r.Count(4) {
		i := Import{r.Name(), r.Name(), ExternKind(r.Byte())}
		m.Imports = append(m.Imports, i)
		switch i.Kind {
		case ExternFunc:
			m.Functions = append(m.Functions, m.typeIndex(r))
			m.Imported++
		case ExternTable:
			readTable(r)
		case ExternMemory:
			m.readMemory(r)
		case ExternGlobal:
			m.readGlobalType(r)
		default:
			r.Fail("import of the unknown kind %d", i.Kind)
		}
		if r.Err() != nil {
			return
		}
	}
}

// typeIndex reads the index of one of the module's types.
func (m *Module) typeIndex(r *Reader) uint32 {
	i := r.Uint32()
	if i >= uint32(len(m.Types)) {
		r.Fail("type %d of %d", i, len(m.Types))
		return 0
	}
	return i
}

func (m *Module) readFunctions(r *Reader) {
	n := r.Count(1)
	m.Functions = slices.Grow(m.Functions, n)
	for range n {
		m.Functions = append(m.Functions, m.typeIndex(r))
		if r.Err() != nil {
			return
		}
	}
}

func (m *Module) readBodies(r *Reader) {
	m.Bodies = make([]Body, r.Count(3))
	for i := range m.Bodies {
		size := r.Uint32()
		begin := r.base + r.Pos()
		body := NewReader(r.Bytes(size), begin)
		declared := uint64(0)
		for range body.Count(2) {
			declared += uint64(body.Uint32())
			if t := Type(body.Byte()); !t.known() {
				body.Fail("local of the unknown type %#x", byte(t))
			}
		}
		if declared > MaxLocals {
			body.Fail("%d locals; a function may declare %d", declared, MaxLocals)
		}
		if body.Err() != nil {
			r.err = fmt.Errorf("function %d: %w", m.Imported+i, body.Err())
		}
		if r.Err() != nil {
			return
		}
		at := body.Pos()
		if code := len(body.data) - at; code > MaxBody {
			r.err = fmt.Errorf("function %d: %d bytes of code; a function may have %d", m.Imported+i, code, MaxBody)
			return
		}
		m.Bodies[i] = Body{body.data[:at], body.data[at:], int(declared), begin + at}
	}
}

// Encode returns the module, with the code of Bodies in its code section.
func (m *Module) Encode() []byte {
	code := len(AppendUint32(nil, uint32(len(m.Bodies))))
	for _, b := range m.Bodies {
		size := b.size()
		code += len(AppendUint32(nil, size)) + int(size)
	}
	size := len(Header)
	for _, s := range m.Sections {
		const most = 1 + 2*5 // the number, and the sizes of the section and of its name
		size += most + len(s.Name) + len(s.Data)
		if s.ID == CodeSection {
			size += max(code-len(s.Data), 0)
		}
	}
	out := append(make([]byte, 0, size), Header...)
	for _, s := range m.Sections {
		out = append(out, byte(s.ID))
		switch s.ID {
		case CodeSection:
			out = AppendUint32(out, uint32(code))
			out = AppendUint32(out, uint32(len(m.Bodies)))
			for _, b := range m.Bodies {
				out = AppendUint32(out, b.size())
				out = append(append(out, b.Locals...), b.Code...)
			}
			continue
		case CustomSection:
			name := append(AppendUint32(nil, uint32(len(s.Name))), s.Name...)
			out = append(AppendUint32(out, uint32(len(name)+len(s.Data))), name...)
		default:
			out = AppendUint32(out, uint32(len(s.Data)))
		}
		out = append(out, s.Data...)
	}
	return out
}

// AddExport adds an export to a module that has exports. Its name must be new.
func (m *Module) AddExport(e Export) {
	for i, s := range m.Sections {
		if s.ID != ExportSection {
			continue
		}
		r := NewReader(s.Data, s.Offset)
		data := append(AppendUint32(nil, r.Uint32()+1), s.Data[r.Pos():]...)
		data = append(AppendUint32(data, uint32(len(e.Name))), e.Name...)
		m.Sections[i].Data = AppendUint32(append(data, byte(e.Kind)), e.Index)
		m.Exports, m.Changed = append(m.Exports, e), true
	}
}

// AddLocals declares n more locals of a type, after the existing ones.
func (b *Body) AddLocals(n int, t Type) {
	if n == 0 {
		return
	}
	r := NewReader(b.Locals, 0)
	groups := r.Uint32()
	locals := append(AppendUint32(nil, groups+1), b.Locals[r.Pos():]...)
	b.Locals = append(AppendUint32(locals, uint32(n)), byte(t))
	b.Declare += n
}

func (b Body) size() uint32 { return uint32(len(b.Locals) + len(b.Code)) }

// CheckCode reads the instructions of every function, which Parse does not, and returns an error
// for an unknown one.
func (m *Module) CheckCode() error {
	var in Instruction
	for i, b := range m.Bodies {
		r := NewReader(b.Code, b.Offset)
		for r.Instruction(&in) {
		}
		if r.Err() != nil {
			return fmt.Errorf("function %d: %w", m.Imported+i, r.Err())
		}
	}
	return nil
}

// TypeOf returns the type of a function.
func (m *Module) TypeOf(function uint32) FuncType { return m.Types[m.Functions[function]] }
