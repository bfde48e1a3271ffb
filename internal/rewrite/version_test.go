package rewrite

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// TestVersion holds that code in caches is not used once Module makes something else.
func TestVersion(t *testing.T) {
	const version, made = "1", "9ca9a08df2e1b1c5"
	h := sha256.New()
	for seed := range uint64(200) {
		module, _, err := Module(randomModule(seed))
		if err != nil {
			t.Fatal(err)
		}
		h.Write(module)
	}
	if got := hex.EncodeToString(h.Sum(nil)[:8]); got != made || Version != version {
		t.Errorf("Module makes modules with the hash %s, and those of version %s have %s; count Version up, and write both here", got, version, made)
	}
}
