// Package workaround rewrites modules so that wazero 1.12.0 compiles them right. Its
// compiler computes five shapes of code wrongly; its interpreter computes them right.
// docs/upstream has reports of them.
//
// # A comparison of `and` with 0
//
// Where a comparison of an `and` with the constant 0 decides a branch, the compiler folds
// the two: `and` sets the processor's flags, and the branch heeds them
// (tryLowerBandToFlag in internal/engine/wazevo/backend/isa). On amd64 it then applies the
// condition as if 0 stood on the right, so with 0 on the left every ordering is reversed.
// On arm64 it does the same, and ANDS clears the carry besides, so an unsigned ordering
// has the same result for all values. Go's compiler writes x&y > 0 as 0 < x&y. The
// conditions eq and ne are right, and so is a comparison whose result is only a value.
//
// No comparison is left in that shape: an unsigned ordering with 0 becomes eq, ne or a
// constant, the constant on the left of a signed one moves to the right, and where the
// constant 0 cannot be located, i32.eqz i32.eqz behind the comparison hides it from the
// branch.
//
// The fold finds an `and` through locals that are set and read in one basic block, and
// through shifts by a multiple of the width, which wazero removes. It finds a constant
// through the same, and through locals, globals and results of blocks as far back as they
// have one value.
//
// # A comparison at the top of a function that decides a branch further down
//
// A branch whose edge wazero splits belongs to the group of instructions at the top of
// the function, whatever stands between (splitCriticalEdge in internal/engine/wazevo/ssa
// makes a new branch without a group, which is group 0). So a comparison made there is
// made again at the branch, with its operand loaded again: a global, or the size of memory
// or of a table, which may have changed. Nothing else can be loaded in that group, since
// an access to memory ends it.
//
// An empty block at the top, which becomes no code, leaves that group empty.
//
// # A select between floats or vectors
//
// On amd64, a select between two values of f32, f64 or v128 is a copy of the second and a
// conditional copy of the first over it. The table of what instructions use does not have
// the second copy use what it may overwrite (xmmCMov in
// internal/engine/wazevo/backend/isa/amd64/instr.go), so the register allocator may give the
// two copies different registers.
//
// On amd64, an if takes the place of such a select.
//
// # i32.popcnt of what was loaded with its sign
//
// On arm64, i32.load8_s and i32.load16_s extend the sign to 64 bits, and i32.popcnt counts
// 64 bits (lowerExtLoad and lowerPopcnt in internal/engine/wazevo/backend/isa/arm64).
//
// On arm64, i64.popcnt of the value, extended without its sign, takes the place of
// i32.popcnt.
//
// # A remainder that has no register for all its life
//
// On arm64, a remainder is two instructions that write the same virtual register: the
// quotient, and then the remainder (lowerIRem). Where the register allocator stores the
// register to the stack, it does so after the first, and what is loaded later is the
// quotient.
//
// On arm64, x - x/y*y takes the place of a remainder.
package workaround

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"

	"github.com/wasisock/wasisock/internal/wasm"
)

// Version names what Apply makes of modules: it is another one whenever that is.
const Version = "1"

// Apply changes a module so that wazero may compile it, and returns the number of changes.
// Source positions in custom sections are then no longer right. Apply returns an error if
// it cannot follow the module; it can follow every valid module of wazero's CoreFeaturesV2.
func Apply(m *wasm.Module) (changes int, err error) {
	return apply(m, runtime.GOARCH)
}

func apply(m *wasm.Module, arch string) (changes int, err error) {
	p := pass{module: m, arch: arch, spare: map[wasm.Type]uint32{}}
	for i := range m.Bodies {
		if err := p.function(i); err != nil {
			return 0, fmt.Errorf("function %d: %w", m.Imported+i, err)
		}
		if p.changes > 0 {
			changes += p.changes
			m.Bodies[i].Code = p.apply(m.Bodies[i].Code)
		}
	}
	return changes, nil
}

// An edit replaces bytes of a function's code.
type edit struct {
	begin, end int
	with       []byte
}

// apply returns code with the edits made.
func (p *pass) apply(code []byte) []byte {
	slices.SortFunc(p.edits, func(a, b edit) int { return cmp.Or(a.begin-b.begin, a.end-b.end) })
	out := make([]byte, 0, len(code)+4*len(p.edits))
	at := 0
	for _, e := range p.edits {
		out = append(append(out, code[at:e.begin]...), e.with...)
		at = e.end
	}
	return append(out, code[at:]...)
}
