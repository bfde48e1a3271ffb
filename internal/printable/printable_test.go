package printable_test

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wasisock/wasisock/internal/printable"
)

func TestText(t *testing.T) {
	long := strings.Repeat("é", 20<<20)
	for _, test := range []struct{ text, kept, want string }{
		{"", "", ""},
		{"/run/app.sock é 世 \uFFFD", "", "/run/app.sock é 世 \uFFFD"},
		{"a\n\tb", "", `a\n\tb`},
		{"a\n\tb\r", "\n\t", "a\n\tb\\r"},
		{"\x1b[2J\x00\x7f", "", `\x1b[2J\x00\x7f`},
		{"\u0085\u009b31m", "", `\u0085\u009b31m`},
		{"\u202e\u2028\u2066\ufeff\u00a0\U000e0001", "", `\u202e\u2028\u2066\ufeff\u00a0\U000e0001`},
		{"a\xff\xc3b\x9b", "", `a\xff\xc3b\x9b`},
		{strings.Repeat("a", 50), "", strings.Repeat("a", 50)},
		{strings.Repeat("a", 51), "", strings.Repeat("a", 36) + "… (51 bytes)"},
		{strings.Repeat("\x00", 13), "", strings.Repeat(`\x00`, 9) + "… (13 bytes)"},
		{long, "", "ééééééééééééééé… (41943040 bytes)"},
		{"\n" + long, "", `\n` + "éééééééééééééé… (41943041 bytes)"},
	} {
		const most = 50
		var got string
		if n := testing.AllocsPerRun(1, func() { got = printable.Text(test.text, most, test.kept) }); n > 2*most {
			t.Errorf("%.100q: %v allocations", test.text, n)
		}
		if got != test.want || len(got) > most {
			t.Errorf("%.100q is %q, of %d bytes, want %q", test.text, got, len(got), test.want)
		}
	}
}

func TestANameFits(t *testing.T) {
	quoted := strconv.Quote(strings.Repeat("\x00", 255))
	if got := printable.Text(quoted, printable.MaxText, ""); got != quoted {
		t.Errorf("it is cut to %q", got)
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\x1b\u202e\xff", 40)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = 40 + most&0xff
		got := printable.Text(s, most, "\n")
		if len(got) > most || !utf8.ValidString(got) || printable.Text(got, most, "\n") != got {
			t.Errorf("%q is %q", s, got)
		}
		for _, r := range got {
			if !strconv.IsPrint(r) && r != '\n' {
				t.Errorf("%q has %q", got, r)
			}
		}
	})
}
