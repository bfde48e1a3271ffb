// Package progress reports that work takes long.
package progress

import (
	"fmt"
	"io"
	"time"
)

// Silence is how long compiling may take without a word. Tests shorten it.
var Silence = 2 * time.Second

// again is how long it then may take until the next one.
const again = 10 * time.Second

// Compiling does work, which compiles what, and returns its error. When that takes long,
// w gets a line for each time that it goes on, and one at the end unless it failed; nil
// is silent. Each line is one Write.
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
