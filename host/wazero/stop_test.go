//go:build linux || darwin

package wazero

import (
	"context"
	"errors"
	"testing"

	"github.com/wasisock/wasisock/internal/progress"
)

// TestStoppedWhileCompiling cancels when Progress reports that compiling goes on.
func TestStoppedWhileCompiling(t *testing.T) {
	before := progress.Silence
	progress.Silence = 0
	defer func() { progress.Silence = before }()
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the reason")
	cfg := Config{
		CacheDir: CacheOff,
		Progress: writeFunc(func(p []byte) (int, error) { cancel(cause); return len(p), nil }),
	}
	if code, err := runAs(ctx, guestWasm(t), cfg, command(t, "exit", "0")); code != -1 || err != cause {
		t.Error(code, err)
	}
}
