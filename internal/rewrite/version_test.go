package rewrite

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// TestVersion tests that cached code is no longer used when the result of Module changes.
func TestVersion(t *testing.T) {
	const version, made = "3", "deac7ab7ccd8a420"
	h := sha256.New()
	for seed := range uint64(200) {
		module, _, err := Module(randomModule(seed))
		if err != nil {
			t.Fatal(err)
		}
		h.Write(module)
	}
	for _, name := range slices.Sorted(maps.Keys(frames)) {
		fr := &framer{base: 9}
		if code, ok := fr.frame(parse(t, frames[name].code), nil); ok {
			fmt.Fprint(h, text(code))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(moves)) {
		fmt.Fprint(h, text((&mover{}).move(moveModule, parse(t, moves[name].code), []bool{false, true})))
	}
	if got := hex.EncodeToString(h.Sum(nil)[:8]); got != made || Version != version {
		t.Errorf("Module makes modules with the hash %s, and those of version %s have %s; count Version up, and write both here", got, version, made)
	}
}
