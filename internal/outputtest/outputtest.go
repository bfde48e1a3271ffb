// Package outputtest keeps the output of programs that tests start.
package outputtest

import (
	"bytes"
	"sync"
)

// A Buffer keeps what several goroutines write to it, and can be read meanwhile. The zero value is
// ready for use.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write adds to the buffer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns what was written until now.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
