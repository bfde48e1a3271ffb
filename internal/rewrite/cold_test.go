package rewrite

import (
	"testing"

	"github.com/wasisock/wasisock/internal/wasm"
)

// What the ifs below consist of, with function 0, which never returns 0, and 1, which may.
const (
	condition = "local.get 2\ni64.eqz\n"
	fails     = "local.get 9\nglobal.set 0\ni32.const 0\ncall 0\nreturn\n"
	goesOn    = "local.get 9\nglobal.set 0\ni32.const 0\ncall 1\nreturn\n"
	check0    = condition + "if\n" + fails + "else\nend\n"
	works     = "local.get 1\ni64.load offset=24\nlocal.set 2\n"
	returns0  = "i32.const 0\nreturn\n"
)

var moveModule = &wasm.Module{
	Types:     []wasm.FuncType{{Params: []wasm.Type{wasm.I32}, Results: []wasm.Type{wasm.I32}}},
	Functions: []uint32{0, 0},
}

// moves has the code of functions, and with their cold ifs moved.
var moves = map[string]struct{ code, want string }{
	"one if": {
		prologue + check0 + works + returns0 + "end",
		"block\n" + prologue + condition + "br_if 0\n" + works + returns0 + "end\n" + fails + "end",
	},
	"without an else": {
		prologue + condition + "if\n" + fails + "end\n" + works + returns0 + "end",
		"block\n" + prologue + condition + "br_if 0\n" + works + returns0 + "end\n" + fails + "end",
	},
	"in blocks, and after them": {
		prologue + "block\nloop\n" + check0 + "br_if 1\nend\nend\n" + check0 + "i32.const 1\nend",
		"block\nblock\n" + prologue + "block\nloop\n" + condition + "br_if 2\nbr_if 1\nend\nend\n" + condition + "br_if 1\ni32.const 1\nreturn\nend\n" + fails + "end\n" + fails + "end",
	},
	"in an if": {
		prologue + condition + "if\n" + check0 + works + "else\nend\n" + "i32.const 1\nend",
		"block\n" + prologue + condition + "if\n" + condition + "br_if 1\n" + works + "else\nend\ni32.const 1\nreturn\nend\n" + fails + "end",
	},
	"the function may go on":      {code: prologue + condition + "if\n" + goesOn + "else\nend\n" + returns0 + "end"},
	"the function returns":        {code: prologue + condition + "if\n" + returns0 + "else\nend\n" + returns0 + "end"},
	"blocks in the if":            {code: prologue + condition + "if\nblock\n" + condition + "br_if 0\nend\n" + fails + "else\nend\n" + returns0 + "end"},
	"something in the else":       {code: prologue + condition + "if\n" + fails + "else\n" + works + "end\n" + returns0 + "end"},
	"without a return at its end": {code: prologue + condition + "if\ni32.const 0\ncall 0\nunreachable\nend\n" + returns0 + "end"},
}

func TestMove(t *testing.T) {
	var v mover
	for name, test := range moves {
		if test.want == "" {
			test.want = test.code
		}
		got := text(v.move(moveModule, parse(t, test.code), []bool{false, true}))
		if want := text(parse(t, test.want)); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}
