package rewrite

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/wasisock/wasisock/internal/wasm"
)

// checks counts the bodies that every test has checked.
var checks atomic.Int64

func TestMain(m *testing.M) {
	checked = func(m *wasm.Module, function int, code []instruction, labels []uint32, locals int) {
		checks.Add(1)
		if err := check(m, code, labels, locals); err != nil {
			panic(fmt.Sprintf("function %d: %v\n%s", m.Imported+function, err, text(code)))
		}
	}
	m.Run()
}

// check checks the code of a function of Go's: labels are those of blocks that are open,
// operands are there, and no more where blocks end; locals, globals and functions exist.
func check(m *wasm.Module, code []instruction, labels []uint32, locals int) error {
	type block struct {
		op     wasm.Opcode
		height int // of the operands where it begins
	}
	blocks := []block{{op: wasm.OpBlock}} // the first is the function
	height := 0
	dead := false // operands are as wanted
	for i := range code {
		in := &code[i]
		fail := func(format string, args ...any) error {
			return fmt.Errorf("instruction %d, %v: %s", i, in, fmt.Sprintf(format, args...))
		}
		if len(blocks) == 0 {
			return fail("after the end")
		}
		b := blocks[len(blocks)-1]
		label := func(l uint32) bool { return l < uint32(len(blocks)-1) }
		pops, pushes, ok := effect(m, in)
		if !ok {
			return fail("unknown effect")
		}
		if height-pops < b.height && !dead {
			return fail("%d operands, wants %d", height-b.height, pops)
		}
		height = max(height-pops, b.height)
		switch in.op {
		case opJump, opExit, opNone:
			return fail("not of wasm")
		case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
			blocks = append(blocks, block{in.op, height})
			continue
		case wasm.OpElse, wasm.OpEnd:
			results := 0
			if len(blocks) == 1 {
				results = 1
			}
			if !dead && height != b.height+results {
				return fail("%d operands left, want %d", height-b.height, results)
			}
			height, dead = b.height, false
			if in.op == wasm.OpElse {
				if b.op != wasm.OpIf {
					return fail("no if")
				}
				blocks[len(blocks)-1].op = wasm.OpElse
			} else {
				blocks = blocks[:len(blocks)-1]
			}
			continue
		case wasm.OpBr, wasm.OpBrIf:
			if !label(in.index) {
				return fail("%d blocks", len(blocks)-1)
			}
		case wasm.OpBrTable:
			for _, l := range labels {
				if !label(l) {
					return fail("label %d, %d blocks", l, len(blocks)-1)
				}
			}
		case wasm.OpLocalGet, wasm.OpLocalSet, wasm.OpLocalTee:
			if in.index >= uint32(locals) {
				return fail("%d locals", locals)
			}
		case wasm.OpGlobalGet, wasm.OpGlobalSet:
			if in.index >= uint32(len(m.Globals)) {
				return fail("%d globals", len(m.Globals))
			}
		}
		if in.leaves() {
			dead, height = true, b.height
		}
		height += pushes
	}
	if len(blocks) > 0 {
		return fmt.Errorf("%d blocks are open at the end", len(blocks))
	}
	return nil
}

// TestCheck holds that check finds mistakes.
func TestCheck(t *testing.T) {
	m := &wasm.Module{Globals: []wasm.Type{wasm.I32}}
	one := made(wasm.OpI32Const, 0, 1)
	end := made(wasm.OpEnd, 0, 0)
	block := made(wasm.OpBlock, 0, wasm.EmptyBlock)
	for name, test := range map[string]struct {
		code []instruction
		ok   bool
	}{
		"right":            {[]instruction{one, end}, true},
		"no result":        {[]instruction{end}, false},
		"two results":      {[]instruction{one, one, end}, false},
		"no end":           {[]instruction{one}, false},
		"two ends":         {[]instruction{one, end, end}, false},
		"a block":          {[]instruction{block, made(wasm.OpBr, 0, 0), end, one, end}, true},
		"a label too far":  {[]instruction{block, made(wasm.OpBr, 1, 0), end, one, end}, false},
		"operands outside": {[]instruction{one, block, made(wasm.OpDrop, 0, 0), end, one, end}, false},
		"operands left":    {[]instruction{block, one, end, one, end}, false},
		"a local":          {[]instruction{made(wasm.OpLocalGet, 1, 0), end}, true},
		"no such local":    {[]instruction{made(wasm.OpLocalGet, 2, 0), end}, false},
		"no such global":   {[]instruction{made(wasm.OpGlobalGet, 1, 0), end}, false},
		"no such function": {[]instruction{made(wasm.OpCall, 0, 0), end}, false},
		"a jump":           {[]instruction{made(opJump, 0, 0), end}, false},
		"unreachable":      {[]instruction{made(wasm.OpUnreachable, 0, 0), made(wasm.OpDrop, 0, 0), end}, true},
	} {
		if err := check(m, test.code, nil, 2); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
