// Package printable makes text that somebody else chose safe to print.
package printable

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits for Text, in bytes. A name of 255 bytes fits into MaxText with all of its bytes
// escaped and quoted.
const (
	MaxText  = 1100    // one name, path or reason
	MaxLines = 1 << 14 // the report of a trap, or one message
)

// Text returns s as text that neither ends a line nor controls a terminal: it escapes, as in a Go
// string, runes that strconv.IsPrint rejects, and bytes that are not UTF-8. Control characters,
// C1 included, U+202E and U+2028 are such runes. The runes of kept stay as they are.
//
// The result has at most max bytes. If it is cut, its end says how many bytes s has. Text reads at
// most that many bytes of s, and does not change its own results.
func Text(s string, max int, kept string) string {
	whole := len(s) <= max
	for i, r := range s[:min(len(s), max)] {
		if !strconv.IsPrint(r) && !strings.ContainsRune(kept, r) || r == utf8.RuneError && !isReplacement(s[i:]) {
			whole = false
			break
		}
	}
	if whole {
		return s
	}
	mark := fmt.Sprintf("… (%d bytes)", len(s))
	var out []byte
	fits := 0 // length of out with which the mark still fits
	for at := 0; at < len(s); {
		r, size := utf8.DecodeRuneInString(s[at:])
		switch {
		case r == utf8.RuneError && size == 1:
			out = fmt.Appendf(out, `\x%02x`, s[at])
		case strconv.IsPrint(r) || strings.ContainsRune(kept, r):
			out = utf8.AppendRune(out, r)
		default:
			quoted := strconv.QuoteRune(r)
			out = append(out, quoted[1:len(quoted)-1]...)
		}
		if len(out) > max {
			return string(out[:fits]) + mark
		}
		if len(out)+len(mark) <= max {
			fits = len(out)
		}
		at += size
	}
	return string(out)
}

// isReplacement reports whether s begins with U+FFFD, and not with a byte that is not
// UTF-8.
func isReplacement(s string) bool { return strings.HasPrefix(s, "\uFFFD") }
