// Package terminal reports whether a program prints to a terminal, and colours text for it.
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

// A Style is the look of text on a terminal.
type Style string

// Styles, as parameters of the escape sequence SGR.
const (
	Dim    Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
)

// Painter returns a function that gives text a style on w. The function returns text as it is if w
// is not a terminal with colours, if NO_COLOR is set (https://no-color.org), and on Windows, whose
// consoles may not support escape sequences.
func Painter(w io.Writer) func(Style, string) string {
	kind := os.Getenv("TERM")
	if !Is(w) || os.Getenv("NO_COLOR") != "" || kind == "" || kind == "dumb" || runtime.GOOS == "windows" {
		return func(_ Style, text string) string { return text }
	}
	return func(s Style, text string) string { return "\x1b[" + string(s) + "m" + text + "\x1b[0m" }
}
