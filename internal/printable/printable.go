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

// Text returns s as text that neither ends a line nor steers a terminal: what
// strconv.IsPrint rejects, and bytes that are not UTF-8, are escaped as in a Go string.
// That is the case of control characters, C1 included, and of U+202E and U+2028. The
// runes of kept stay as they are.
//
// The result has at most max bytes; the last ones then say how many s has. Text
// reads no more of s than that, and leaves its own results as they are.
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
	fits := 0 // of out, with the mark behind it
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
