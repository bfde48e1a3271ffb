// Package progress prints lines about work that takes long.
package progress

import (
	"fmt"
	"io"
	"time"
)

// Silence is how long compiling may take before the first line. Tests shorten it.
var Silence = 2 * time.Second

// again is the time between two lines.
const again = 10 * time.Second

// Compiling calls work, which compiles what, and returns its error. If that takes longer than
// Silence, w gets a line, further ones while it goes on, and one at the end unless it failed. Each
// line is one Write. w may be nil.
func Compiling(w io.Writer, what string, work func() error) error {
	if w == nil {
		return work()
	}
	began, done, told := time.Now(), make(chan struct{}), make(chan bool)
	go func() { told <- show(w, what, began, done) }()
	err := work()
	close(done)
	if <-told && err == nil {
		fmt.Fprintf(w, "compiled %s in %s\n", what, seconds(began))
	}
	return err
}

func show(w io.Writer, what string, began time.Time, done <-chan struct{}) (told bool) {
	for wait := Silence; ; wait = again {
		select {
		case <-done:
			return told
		case <-time.After(wait):
			told = true
			fmt.Fprintf(w, "compiling %s: %s\n", what, seconds(began))
		}
	}
}

func seconds(since time.Time) string {
	return fmt.Sprintf("%.0f s", time.Since(since).Seconds())
}
