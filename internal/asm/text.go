package asm

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Text assembles a file in WebAssembly's text format. It supports the parts that the files in
// testdata/hostile use: imports, a memory, data, and one function, whose instructions are not
// nested and whose labels are numbers. It returns an error for everything else.
func Text(file string) (wasm []byte, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			syntax, ok := p.(syntaxError)
			if !ok {
				panic(p)
			}
			wasm, err = nil, syntax
		}
	}()
	p := parser{file: filepath.Base(file), words: words.FindAllString(comments.ReplaceAllString(string(text), ""), -1)}
	p.expect("(", "module")
	m := Module{NoMemory: true}
	functions, locals := map[string]int{}, map[string]int{}
	for !p.take(")") {
		p.expect("(")
		switch field := p.next(); field {
		case "import":
			f := Func{Module: p.text(), Name: p.text()}
			p.expect("(", "func")
			functions[p.next()] = len(m.Imports)
			for p.take("(") {
				kind, types := p.next(), ""
				for !p.take(")") {
					types += map[string]string{"i32": "i", "i64": "I"}[p.next()]
				}
				if kind == "param" {
					f.Params += types
				} else {
					f.Results += types
				}
			}
			p.expect(")", ")")
			m.Imports = append(m.Imports, f)
		case "memory":
			p.expect("(", "export", `"memory"`, ")")
			m.NoMemory, m.Pages = false, uint64(p.number())
			if !p.take(")") {
				m.MaxPages = uint64(p.number())
				p.expect(")")
			}
		case "data":
			p.expect("(", "i32.const")
			at := int(p.number())
			p.expect(")")
			m.Data += strings.Repeat("\x00", at-len(m.Data)) + p.text()
			p.expect(")")
		case "start":
			m.IsStart = true
			p.next()
			p.expect(")")
		case "func":
			for !p.take(")") {
				if p.named() {
					functions[p.next()] = len(m.Imports)
				} else if !p.take("(") {
					m.Code = append(m.Code, p.instruction(functions, locals)...)
				} else if p.next() == "export" {
					m.Start = p.text()
					p.expect(")")
				} else {
					locals[p.next()] = m.Locals
					m.Locals++
					p.expect("i32", ")")
				}
			}
		default:
			p.fail("unknown field %s", field)
		}
	}
	return m.Bytes(), nil
}

var (
	comments = regexp.MustCompile(`(?m);;.*$`)
	words    = regexp.MustCompile(`[()]|"[^"]*"|[^\s()"]+`)
	escapes  = regexp.MustCompile(`\\[0-9a-f]{2}`)
)

type parser struct {
	file  string
	words []string
}

// A syntaxError is the error of Text for a file that it cannot assemble.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

func (p *parser) fail(format string, args ...any) {
	panic(syntaxError(fmt.Sprintf(p.file+": "+format, args...)))
}

func (p *parser) next() string {
	if len(p.words) == 0 {
		p.fail("unexpected end")
	}
	word := p.words[0]
	p.words = p.words[1:]
	return word
}

// take reads the next word if it is word, and reports whether it is.
func (p *parser) take(word string) bool {
	if len(p.words) == 0 || p.words[0] != word {
		return false
	}
	p.next()
	return true
}

func (p *parser) named() bool { return len(p.words) > 0 && p.words[0][0] == '$' }

func (p *parser) expect(words ...string) {
	for _, word := range words {
		if got := p.next(); got != word {
			p.fail("%s, want %s", got, word)
		}
	}
}

func (p *parser) number() int64 {
	n, err := strconv.ParseInt(p.next(), 0, 64)
	if err != nil {
		p.fail("%v", err)
	}
	return n
}

func (p *parser) text() string {
	return escapes.ReplaceAllStringFunc(strings.Trim(p.next(), `"`), func(s string) string {
		n, _ := strconv.ParseUint(s[1:], 16, 8)
		return string([]byte{byte(n)})
	})
}

func (p *parser) instruction(functions, locals map[string]int) []byte {
	word := p.next()
	code, known := opcodes[word]
	if !known {
		p.fail("unknown instruction %s", word)
	}
	switch word {
	case "i32.const":
		return append(code, sleb(int64(int32(p.number())))...)
	case "br", "br_if":
		return append(code, uleb(uint64(p.number()))...)
	case "i32.load", "i32.store":
		offset := 0
		if len(p.words) > 0 && strings.HasPrefix(p.words[0], "offset=") {
			offset, _ = strconv.Atoi(p.next()[len("offset="):])
		}
		return append(append(code, 2), uleb(uint64(offset))...)
	case "call", "local.get", "local.set", "local.tee":
		of := locals
		if word == "call" {
			of = functions
		}
		i, known := of[p.next()]
		if !known {
			p.fail("%s of an unknown name", word)
		}
		return append(code, uleb(uint64(i))...)
	}
	return code
}

// opcodes holds the known instructions. Blocks have no results.
var opcodes = map[string][]byte{
	"unreachable": {0x00}, "block": {0x02, 0x40}, "loop": {0x03, 0x40}, "if": {0x04, 0x40}, "else": {0x05}, "end": {0x0b},
	"br": {0x0c}, "br_if": {0x0d}, "return": {0x0f}, "call": {0x10}, "drop": {0x1a},
	"local.get": {0x20}, "local.set": {0x21}, "local.tee": {0x22}, "i32.load": {0x28}, "i32.store": {0x36},
	"memory.size": {0x3f, 0}, "memory.grow": {0x40, 0}, "i32.const": {0x41},
	"i32.eqz": {0x45}, "i32.eq": {0x46}, "i32.ne": {0x47}, "i32.lt_u": {0x49},
	"i32.add": {0x6a}, "i32.sub": {0x6b}, "i32.mul": {0x6c}, "i32.shl": {0x74},
}
