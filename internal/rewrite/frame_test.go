package rewrite

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/internal/wasm"
)

// parse reads code as text writes it. A mark * is that of what is in the frame.
func parse(t testing.TB, lines string) []instruction {
	t.Helper()
	opcodes := map[string]wasm.Opcode{}
	for op := range wasm.Opcode(0xff) {
		if info := op.Info(); info != nil && info.Name != "" {
			opcodes[info.Name] = op
		}
	}
	var code []instruction
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		line, marked := strings.CutSuffix(strings.TrimSpace(line), "*")
		name, operand, _ := strings.Cut(strings.TrimSpace(line), " ")
		op, ok := opcodes[name]
		if !ok {
			t.Fatalf("no instruction %q", name)
		}
		n, _ := strconv.ParseInt(strings.TrimPrefix(operand, "offset="), 0, 64)
		in := made(op, uint32(n), n)
		switch {
		case op.Info().Memory():
			in.index = 3
		case in.begins():
			in.value = wasm.EmptyBlock
		}
		in.inFrame = marked
		code = append(code, in)
	}
	return code
}

// What code of Go's consists of.
const (
	prologue = "global.get 0\nlocal.set 1\n"
	growing  = "local.get 1\nglobal.get 2\ni32.wrap_i64\ni32.load offset=16\ni32.le_u\nif\n" + room + "i32.const 0\ncall 7\nreturn\nelse\nend\n"
	makes    = "local.get 1\ni32.const 32\ni32.sub\nlocal.tee 1\nglobal.set 0\n"
	room     = "local.get 1\ni32.const 8\ni32.sub\nlocal.tee 1\nglobal.set 0\nlocal.get 1*\ni64.const 65537\ni64.store*\n"
	again    = "global.get 0\nlocal.set 1\n"
	pointer  = room + "i64.const 16\ni64.shr_u\ni32.wrap_i64\nlocal.set 0\ni32.const 0\nlocal.get 0\ncall_indirect 0\n"
	use      = "local.get 1*\ni64.load offset=24*\nlocal.set 2\n"
	leaves   = "local.get 1\ni32.const 40\ni32.add\nglobal.set 0\ni32.const 0\nreturn\nend\n"
)

// The same with one value of SP.
const (
	base    = "local.get 1\ni32.const 8\ni32.sub\nlocal.set 9\n"
	touches = "local.get 9\ni32.load8_u offset=39\ndrop\n"
	stores  = "local.get 9\nglobal.set 0\nlocal.get 9\ni64.const 65537\ni64.store\n"
	through = stores + "i64.const 16\ni64.shr_u\ni32.wrap_i64\nlocal.set 0\ni32.const 0\nlocal.get 0\ncall_indirect 0\n"
	used    = "local.get 9\ni64.load offset=32\nlocal.set 2\n"
)

// frames has functions and what they become, "" if they stay as they are.
var frames = map[string]struct{ code, want string }{
	"a frame and calls": {
		prologue + "block\n" + growing + makes + use + room + "i32.const 0\ncall 8\n" + again + "br_if 0\n" + "i64.const 5\n" + pointer + again + "br_if 0\n" + use + leaves + "i32.const 1\nend",
		prologue + "block\n" + growing + makes + base + touches + used + stores + "i32.const 0\ncall 8\nbr_if 0\n" + "i64.const 5\n" + through + "br_if 0\n" + used + leaves + "i32.const 1\nend",
	},
	"without a check of the stack": {
		prologue + "block\n" + makes + use + use + leaves + "i32.const 1\nend",
		prologue + "block\n" + makes + base + touches + used + used + leaves + "i32.const 1\nend",
	},
	"without a frame": {
		prologue + "block\n" + use + use + "local.get 1\ni32.const 8\ni32.add\nlocal.tee 1\nglobal.set 0\ni32.const 0\nreturn\nend\nunreachable\nend",
		prologue + base + touches + "block\n" + used + used + "local.get 1\ni32.const 8\ni32.add\nglobal.set 0\ni32.const 0\nreturn\nend\nunreachable\nend",
	},
	"loops": {
		prologue + makes + "loop\n" + use + "loop\nbr 0\nend\n" + use + "br 0\nend\nunreachable\nend",
		prologue + makes + base + touches + "loop\n" + touches + used + "loop\nbr 0\nend\n" + used + "br 0\nend\nunreachable\nend",
	},
	"SP as a value": {
		prologue + makes + use + use + "local.get 1\nlocal.set 3\n" + leaves,
		prologue + makes + base + touches + used + used + "local.get 1\nlocal.set 3\n" + leaves,
	},
	"returns what another function does": {
		prologue + makes + use + use + "local.get 1\ni32.const 32\ni32.add\nlocal.tee 1\nglobal.set 0\ni32.const 0\ncall 9\nreturn\nend",
		prologue + makes + base + touches + used + used + "local.get 1\ni32.const 32\ni32.add\nglobal.set 0\ni32.const 0\ncall 9\nreturn\nend",
	},
	"a call that never returns": {
		prologue + makes + use + use + room + "i32.const 0\ncall 9\nreturn\nend",
		prologue + makes + base + touches + used + used + stores + "i32.const 0\ncall 9\nreturn\nend",
	},
	"one use":                          {prologue + makes + use + leaves, ""},
	"two frames":                       {prologue + makes + use + makes + use + leaves, ""},
	"a frame in a loop":                {prologue + "loop\n" + makes + use + use + "br 0\nend\nunreachable\nend", ""},
	"SP is set":                        {prologue + makes + use + use + "i32.const 16\nlocal.set 1\n" + leaves, ""},
	"SP is read again without a call":  {prologue + makes + use + again + use + leaves, ""},
	"the global is set":                {prologue + makes + use + use + "i32.const 16\nglobal.set 0\n" + leaves, ""},
	"goes on after it has released":    {prologue + makes + use + "local.get 1\ni32.const 32\ni32.add\nlocal.tee 1\nglobal.set 0\n" + use + leaves, ""},
	"a check that goes on":             {prologue + strings.Replace(growing, "return\n", "", 1) + makes + use + use + leaves, ""},
	"another prologue, maymorestack's": {prologue + "local.get 1\ni32.const 8\ni32.sub\nlocal.set 1\n" + use + "local.get 1\ni32.const 8\ni32.add\nlocal.set 1\n" + growing + makes + use + leaves, ""},
}

func TestFrame(t *testing.T) {
	for name, test := range frames {
		fr := &framer{base: 9}
		got, ok := fr.frame(parse(t, test.code), nil)
		if ok != (test.want != "") {
			t.Errorf("%s: %v", name, ok)
		}
		if !ok {
			continue
		}
		if want := text(parse(t, test.want)); text(got) != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, text(got), want)
		}
	}
}

// TestKeepsStacks holds for which modules SP has one value.
func TestKeepsStacks(t *testing.T) {
	for _, test := range []struct {
		version, exports string
		want             bool
	}{
		{"go1.26.8", "\x02\x06memory\x02\x00\x06_start\x00\x05", true},
		{"go1.27rc1", "\x01\x0b_initialize\x00\x05", true},
		{"go1.30", "\x00", true},
		{"go1.25.9", "\x01\x06_start\x00\x05", false},
		{"go1.2", "\x01\x06_start\x00\x05", false},
		{"go1.", "\x01\x06_start\x00\x05", false},
		{"go1.26", "\x02\x06_start\x00\x05\x03add\x00\x06", false},
		{"go1.26", "\x01\x06memory\x00\x05", false}, // a function
	} {
		producers := appendName(appendName([]byte("\x01\x08language\x01"), "Go"), test.version)
		m := &wasm.Module{Sections: []wasm.Section{
			{ID: wasm.ExportSection, Data: []byte(test.exports)},
			{ID: wasm.CustomSection, Name: "producers", Data: producers},
		}}
		if got := keepsStacks(m); got != test.want {
			t.Errorf("%s, %q: %v", test.version, test.exports, got)
		}
	}
}

// TestWhoMovesStacks holds what keepsStacks relies on: a stack moves where a goroutine stops
// to make it larger, and where the garbage collector scans it, which since Go 1.26 it does
// not do to a goroutine that runs on within systemstack.
func TestWhoMovesStacks(t *testing.T) {
	for _, version := range versions() {
		cmd := exec.Command("go", "env", "GOROOT", "GOVERSION")
		cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+version)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		root, name, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		found := map[string][]string{} // the functions of the runtime that call one of these
		files, _ := filepath.Glob(filepath.Join(root, "src/runtime/*.go"))
		function := regexp.MustCompile(`^func (?:\([^)]*\) )?(\w+)`)
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			in := ""
			for line := range strings.SplitSeq(string(source), "\n") {
				if m := function.FindStringSubmatch(line); m != nil {
					in = m[1]
					continue
				}
				line, _, _ = strings.Cut(line, "//")
				for _, callee := range []string{"copystack", "shrinkstack", "isWaitingForSuspendG"} {
					// Go 1.24 and 1.25 ask only while they trace.
					if strings.Contains(line, callee+"(") && !strings.Contains(line, "traceEnabled()") {
						found[callee] = append(found[callee], in)
					}
				}
			}
		}
		for _, callers := range found {
			slices.Sort(callers)
		}
		want := map[string]string{"copystack": "[newstack shrinkstack]", "shrinkstack": "[newstack scanstack]"}
		for callee, callers := range want {
			if got := fmt.Sprint(found[callee]); got != callers {
				t.Errorf("%s: %s is called by %s, known are %s", name, callee, got, callers)
			}
		}
		minor, _ := strconv.Atoi(strings.SplitN(name, ".", 3)[1])
		if safe := slices.Contains(found["isWaitingForSuspendG"], "isShrinkStackSafe"); safe != (minor >= firstSafe) {
			t.Errorf("%s: isShrinkStackSafe looks whether a goroutine runs on the system stack: %v", name, safe)
		}
	}
}
