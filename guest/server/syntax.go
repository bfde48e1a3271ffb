package main

// The grammar of RFC 9110 and RFC 9112, as far as a byte decides.

const (
	isToken = 1 << iota // may be in a method or a field's name
	isValue             // may be in a field's value
	isPath              // may be in a target as it is
	isQuery             // may be in a target after a question mark, besides
	isHost              // may be in a host's name
	isDigit
	isHex
)

var class = func() (t [256]uint8) {
	for c := range t {
		b := byte(c)
		letter := b|0x20 >= 'a' && b|0x20 <= 'z'
		digit := b >= '0' && b <= '9'
		if letter || digit || has("!#$%&'*+-.^_`|~", b) {
			t[c] |= isToken
		}
		if b >= ' ' && b != 0x7f || b == '\t' {
			t[c] |= isValue
		}
		switch {
		case b <= ' ' || b >= 0x7f || b == '#':
		case b == '?' || b == '%':
			t[c] |= isQuery
		default:
			t[c] |= isPath
		}
		if letter || digit || has("-._~!$&'()*+,;=", b) {
			t[c] |= isHost
		}
		if digit {
			t[c] |= isDigit
		}
		if _, ok := hex(b); ok {
			t[c] |= isHex
		}
	}
	return t
}()

func has(set string, b byte) bool {
	for i := range len(set) {
		if set[i] == b {
			return true
		}
	}
	return false
}

// span is how many bytes at the start of p are of a class.
func span(p []byte, of uint8) int {
	for i, b := range p {
		if class[b]&of == 0 {
			return i
		}
	}
	return len(p)
}

// equal reports whether p is s, which is in lower case, whatever case p is in. For
// p of other bytes than letters, digits and - it may be wrong.
func equal(p []byte, s string) bool {
	if len(p) != len(s) {
		return false
	}
	for i, b := range p {
		if b|0x20 != s[i] {
			return false
		}
	}
	return true
}

// trim is p without the spaces and tabs around it.
func trim(p []byte) []byte {
	for len(p) > 0 && (p[0] == ' ' || p[0] == '\t') {
		p = p[1:]
	}
	for len(p) > 0 && (p[len(p)-1] == ' ' || p[len(p)-1] == '\t') {
		p = p[:len(p)-1]
	}
	return p
}

func hex(b byte) (int, bool) {
	switch {
	case b >= '0' && b <= '9':
		return int(b - '0'), true
	case b|0x20 >= 'a' && b|0x20 <= 'f':
		return int(b|0x20-'a') + 10, true
	}
	return 0, false
}
