package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestOutput(t *testing.T) {
	var out strings.Builder
	o := NewOutput(&out, "test")
	var want strings.Builder
	for i := range 1000 {
		for _, w := range []io.Writer{o, &want} {
			fmt.Fprintf(w, "line %d\n", i)
		}
	}
	o.Close()
	fmt.Fprintln(o, "too late")
	if out.String() != want.String() {
		t.Errorf("%q", out.String())
	}
}

// A blocked writer blocks until it is opened.
type blocked struct {
	open chan struct{}
	mu   sync.Mutex
	strings.Builder
}

func (b *blocked) Write(p []byte) (int, error) {
	<-b.open
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.Write(p)
}

// TestOutputThatIsBlocked tests that an Output never waits, and that its memory is bounded.
func TestOutputThatIsBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipe := &blocked{open: make(chan struct{})}
		o := NewOutput(pipe, "test")
		fmt.Fprintln(o, "first")
		synctest.Wait() // it is being written
		line := strings.Repeat("x", 1023) + "\n"
		for range 10_000 {
			io.WriteString(o, line)
		}
		if n := cap(o.waiting); n > 2*mostWaiting {
			t.Errorf("%d bytes are kept", n)
		}
		began := time.Now()
		close(pipe.open)
		synctest.Wait()
		fmt.Fprintln(o, "last")
		o.Close()
		want := "first\n" + strings.Repeat(line, mostWaiting/len(line)) + "test: 8976 messages are missing here: nothing took them in time\nlast\n"
		if got := pipe.String(); got != want || time.Since(began) != 0 {
			t.Errorf("%d bytes, want %d, after %v: %.3000q", len(got), len(want), time.Since(began), strings.ReplaceAll(got, line, ""))
		}
	})
}

func TestOutputThatStaysBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipe := &blocked{open: make(chan struct{})}
		o := NewOutput(pipe, "test")
		fmt.Fprintln(o, "first")
		began := time.Now()
		o.Close()
		if took := time.Since(began); took != flushTime {
			t.Errorf("it took %v to close", took)
		}
		close(pipe.open) // for the bubble to end
	})
}
