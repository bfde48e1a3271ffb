package wasm

import "github.com/wasisock/wasisock/internal/printable"

const (
	// MaxElements is how many elements all tables of a module may have together: the limit for
	// one table in browsers.
	MaxElements = 10_000_000

	// MaxPages is how many pages a memory may have: one less than wasm allows. So no range of
	// memory ends at 4 GiB, where 32 bits overflow, for instance in wazero.
	MaxPages = 65535

	// PageSize is how many bytes a page has.
	PageSize = 65536
)

// The functions below read sections to check that they are complete: no count and no size may
// exceed the number of bytes, since engines allocate by them.

func readTable(r *Reader) Table {
	t := Table{Type: Type(r.Byte())}
	if t.Type != FuncRef && t.Type != ExternRef {
		r.Fail("table of the unknown type %#x", byte(t.Type))
	}
	t.Min, t.Max, t.HasMaximum = readLimits(r)
	return t
}

func (m *Module) readMemory(r *Reader) {
	if m.Memories++; m.Memories > 1 {
		r.Fail("second memory; one is supported")
	}
	if m.MinPages, _, _ = readLimits(r); m.MinPages > MaxPages {
		r.Fail("memory of %d pages; %d are supported", m.MinPages, MaxPages)
	}
}

// readLimits reads the limits of a table or memory.
func readLimits(r *Reader) (least, most uint32, hasMost bool) {
	flags := r.Byte()
	switch {
	case flags&4 != 0:
		r.Fail("addresses of 64 bits; 32 are supported")
	case flags > 1:
		r.Fail("unknown limits %#x", flags)
	}
	least = r.Uint32()
	if hasMost = flags == 1; hasMost {
		most = r.Uint32()
	}
	return least, most, hasMost
}

func (m *Module) readGlobalType(r *Reader) {
	t := Type(r.Byte())
	if !t.known() {
		r.Fail("global of the unknown type %#x", byte(t))
	}
	m.Globals = append(m.Globals, t)
	if r.Byte() > 1 {
		r.Fail("global that is neither constant nor variable")
	}
}

// readVector reads items of at least size bytes each.
func readVector(r *Reader, size int, item func(*Reader)) {
	for range r.Count(size) {
		if item(r); r.Err() != nil {
			return
		}
	}
}

func (m *Module) readGlobal(r *Reader) {
	m.readGlobalType(r)
	readConstant(r)
}

func (m *Module) readExport(r *Reader) {
	e := Export{r.Name(), ExternKind(r.Byte()), r.Uint32()}
	if e.Kind > ExternGlobal {
		r.Fail("export of the unknown kind %d", e.Kind)
	}
	m.Exports = append(m.Exports, e)
	m.tableExported = m.tableExported || e.Kind == ExternTable
}

// readConstant reads a constant expression to its end.
func readConstant(r *Reader) {
	var in Instruction
	for r.Instruction(&in) {
		switch in.Op {
		case OpEnd:
			return
		case OpI32Const, OpI64Const, OpF32Const, OpF64Const, OpV128Const, OpGlobalGet, OpRefNull, OpRefFunc:
		default:
			r.Fail("%v in a constant expression", in.Op)
		}
	}
	r.Fail("constant expression without end")
}

func readElements(r *Reader) {
	// Bits of flags: passive or declarative; with a table's number, or declarative; of
	// expressions instead of functions.
	const passive, explicit, expressions = 1, 2, 4
	flags := r.Uint32()
	if flags > passive|explicit|expressions {
		r.Fail("unknown kind of elements %d", flags)
	}
	if flags&passive == 0 {
		if flags&explicit != 0 {
			r.Uint32()
		}
		readConstant(r)
	}
	if flags&(passive|explicit) != 0 {
		r.Byte() // the elements' type or kind
	}
	if flags&expressions != 0 {
		readVector(r, 2, readConstant)
	} else {
		readVector(r, 1, func(r *Reader) { r.Uint32() })
	}
}

func readData(r *Reader) {
	const passive, explicit = 1, 2
	flags := r.Uint32()
	switch flags {
	case 0, passive:
	case explicit:
		if r.Uint32() != 0 {
			r.Fail("data of a second memory; one is supported")
		}
	default:
		r.Fail("unknown kind of data %d", flags)
	}
	if flags != passive {
		readConstant(r)
	}
	r.Bytes(r.Uint32())
}

// readNames reads the custom section "name". It skips other subsections than those for the module,
// functions and locals. A name that cannot be printed is an error.
func readNames(r *Reader) {
	name := func(r *Reader) {
		if text := r.Name(); len(text) > MaxName || printable.Text(text, MaxName, "") != text {
			r.Fail("name that cannot be reported")
		}
	}
	association := func(r *Reader) {
		r.Uint32()
		name(r)
	}
	for r.Len() > 0 {
		id := r.Byte()
		begin := r.base + r.pos
		s := NewReader(r.Bytes(r.Uint32()), begin)
		switch id {
		case 0:
			name(s)
		case 1:
			readVector(s, 2, association)
		case 2:
			readVector(s, 2, func(r *Reader) {
				r.Uint32()
				readVector(r, 2, association)
			})
		default:
			continue
		}
		if s.Len() > 0 {
			s.Fail("%d bytes too many", s.Len())
		}
		if r.err == nil {
			r.err = s.Err()
		}
	}
}
