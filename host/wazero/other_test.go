//go:build !linux && !darwin

package wazero

import (
	"errors"
	"testing"

	"github.com/wasisock/wasisock/host"
)

func TestGuestsAreUnsupportedHere(t *testing.T) {
	module := []byte("\x00asm\x01\x00\x00\x00")
	if code, err := run(t.Context(), module, &host.Cmd{}); code != -1 || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%d, %v", code, err)
	}
}
