// Package terminal reports what a program may print to a terminal.
package terminal

import (
	"io"
	"os"
	"runtime"

	"golang.org/x/term"
)

// Is reports whether w is a terminal.
func Is(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// A Style is how text looks on a terminal.
type Style string

// Styles, as parameters of the escape sequence SGR.
const (
	Dim    Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
)

// Painter returns a function that paints text for w. It leaves text as it is unless w is a
// terminal that has colours, and on Windows, whose consoles need not know escape sequences. Set
// NO_COLOR to have none: https://no-color.org.
func Painter(w io.Writer) func(Style, string) string {
	kind := os.Getenv("TERM")
	if !Is(w) || os.Getenv("NO_COLOR") != "" || kind == "" || kind == "dumb" || runtime.GOOS == "windows" {
		return func(_ Style, text string) string { return text }
	}
	return func(s Style, text string) string { return "\x1b[" + string(s) + "m" + text + "\x1b[0m" }
}
