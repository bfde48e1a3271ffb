package workaround

import (
	"sort"

	"github.com/wasisock/wasisock/internal/wasm"
)

// localTypes has the types of a function's locals, without parameters, in groups as they
// are declared.
type localTypes struct {
	ends  []int // of each group: the number of the first local behind it
	types []wasm.Type
}

func (l *localTypes) reset(b *wasm.Body) {
	l.ends, l.types = l.ends[:0], l.types[:0]
	r := wasm.NewReader(b.Locals, 0)
	end := 0
	for range r.Uint32() {
		end += int(r.Uint32())
		l.ends, l.types = append(l.ends, end), append(l.types, wasm.Type(r.Byte()))
	}
}

// typeOf returns the type of a local of the present function, which has it.
func (p *pass) typeOf(local uint32) wasm.Type {
	if int(local) < len(p.params) {
		return p.params[local]
	}
	i := int(local) - len(p.params)
	return p.types.types[sort.SearchInts(p.types.ends, i+1)]
}

// spareLocals returns the first of two locals of a type that the function does not use.
func (p *pass) spareLocals(t wasm.Type) uint32 {
	first, ok := p.spare[t]
	if !ok {
		first = uint32(len(p.params) + p.body.Declare)
		p.body.AddLocals(2, t)
		p.spare[t] = first
	}
	return first
}
