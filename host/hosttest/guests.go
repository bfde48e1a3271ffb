package hosttest

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/wasisock/wasisock/internal/guestbuild"
)

const wasisock = "github.com/wasisock/wasisock"

// A built is a guest that Go builds: a package of wasisock's module, and flags.
type built struct {
	pkg   string
	flags []string
}

// The guests of the suite.
var (
	guestV2      = built{pkg: "testdata/guest"}
	guestV1      = built{pkg: "testdata/guest", flags: []string{"-tags=v1"}}
	guestProgram = built{pkg: "testdata/program"}
	guestLibrary = built{pkg: "testdata/library", flags: []string{"-buildmode=c-shared"}}
	guestHostile = built{pkg: "testdata/hostile"}
	guestServer  = built{pkg: "guest/server"}
)

func (b built) file() (string, error) { return guestbuild.File(wasisock+"/"+b.pkg, b.flags...) }

// guestsAhead builds the guests of an engine's sentences in parallel. An error is reported
// by the sentence that needs the guest.
func guestsAhead(e Engine) {
	guests := []built{guestV2, guestV1}
	if e.Compile != nil {
		guests = append(guests, guestProgram, guestLibrary, guestHostile, guestServer)
	}
	var wg sync.WaitGroup
	for _, b := range guests {
		wg.Go(func() { b.file() })
	}
	wg.Wait()
}

// transcriptGuests returns the test guest, once for each version of the extension.
func transcriptGuests(t *testing.T) (files []string) {
	for _, b := range []built{guestV2, guestV1} {
		file, err := b.file()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// module is where the source of wasisock is, and whether it is the module under test.
var module = sync.OnceValues(func() (m struct {
	Dir  string
	Main bool
}, err error) {
	out, err := exec.Command("go", "list", "-m", "-json", wasisock).Output()
	if err != nil {
		return m, fmt.Errorf("go list -m %s: %w", wasisock, err)
	}
	return m, json.Unmarshal(out, &m)
})

// source returns the directory of wasisock's source.
func source(t testing.TB) string {
	t.Helper()
	m, err := module()
	if err != nil {
		t.Fatal(err)
	}
	return m.Dir
}

// hostileText returns a file of testdata/hostile.
func hostileText(t testing.TB, name string) string {
	return filepath.Join(source(t), "testdata", "hostile", name)
}

func isText(name string) bool { return strings.HasSuffix(name, ".wat") }
