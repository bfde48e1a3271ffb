package wasm

import (
	"bytes"
	"fmt"
)

// LimitTables gives each table a maximum, since engines let a table without one grow as long as
// there is memory. A table that nothing can grow gets its minimum as maximum. Others share the
// elements that remain of MaxElements; table.grow returns -1 beyond. It returns an error if the
// tables begin with more.
func (m *Module) LimitTables() error {
	all := uint64(0)
	for _, t := range m.Tables {
		all += uint64(t.Min)
	}
	if all > MaxElements {
		return fmt.Errorf("tables of %d elements; all may begin with %d", all, MaxElements)
	}
	share := uint32(0)
	if len(m.Tables) > 0 && (m.tableExported || m.growsTables()) {
		share = uint32(MaxElements-all) / uint32(len(m.Tables))
	}
	changed := false
	for i := range m.Tables {
		t := &m.Tables[i]
		if most := t.Min + share; !t.HasMaximum || t.Max > most {
			t.Max, t.HasMaximum, changed = most, true, true
		}
	}
	if changed {
		m.Changed = true
		m.replaceTables()
	}
	return nil
}

// growsTables reports whether the code has a table.grow.
func (m *Module) growsTables() bool {
	var in Instruction
	for _, b := range m.Bodies {
		if !mayGrow(b.Code) {
			continue
		}
		for r := NewReader(b.Code, 0); r.Instruction(&in); {
			if in.Op == OpTableGrow {
				return true
			}
		}
	}
	return false
}

// mayGrow reports whether code has the bytes of a table.grow, which other instructions can contain
// too. It is far faster than reading the instructions.
func mayGrow(code []byte) bool {
	const prefix = byte(OpTableGrow >> 8)
	for {
		i := bytes.IndexByte(code, prefix)
		if i < 0 {
			return false
		}
		code = code[i+1:]
		if NewReader(code, 0).Uint32() == uint32(OpTableGrow&0xff) {
			return true
		}
	}
}

// Elements returns the greatest number of elements that the tables can have together.
func (m *Module) Elements() (n uint64) {
	for _, t := range m.Tables {
		n += uint64(max(t.Min, t.Max))
	}
	return n
}

// replaceTables encodes the table section again.
func (m *Module) replaceTables() {
	data := AppendUint32(nil, uint32(len(m.Tables)))
	for _, t := range m.Tables {
		data = append(data, byte(t.Type), 1)
		data = AppendUint32(AppendUint32(data, t.Min), t.Max)
	}
	for i := range m.Sections {
		if m.Sections[i].ID == TableSection {
			m.Sections[i].Data = data
		}
	}
}
