package supervisor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
)

func TestBackoff(t *testing.T) {
	var b backoff
	for i, want := range []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000} {
		if got := b.after(time.Second); got != want*time.Millisecond {
			t.Errorf("%d: %v, want %v", i, got, want*time.Millisecond)
		}
	}
	if got := b.after(time.Minute); got != firstBackoff {
		t.Errorf("%v after a guest that ran for a minute", got)
	}
}

func TestRestart(t *testing.T) {
	for _, test := range []struct {
		err                error
		onFailure, onEvery bool
	}{
		{nil, false, true},
		{&host.ExitError{}, true, true},
		{&host.TrapError{}, true, true},
		{&host.LimitError{}, true, true},
		{&host.ModuleError{}, false, false},
		{host.ErrStopped, false, false},
		{context.Canceled, false, false},
		{errors.New("the host failed"), false, false},
	} {
		if RestartNo.after(test.err) || RestartOnFailure.after(test.err) != test.onFailure || RestartAlways.after(test.err) != test.onEvery {
			t.Errorf("%T %v", test.err, test.err)
		}
	}
}
