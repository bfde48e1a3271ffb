//go:build !wasip1

package socket

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports holds what keeps programs small: packages that bring much along.
func TestImports(t *testing.T) {
	list := exec.Command("go", "list", "-deps", ".")
	list.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, "net/netip") {
		t.Fatalf("go list answers %v", deps)
	}
	for _, dep := range []string{"fmt", "net", "reflect"} {
		if slices.Contains(deps, dep) {
			t.Errorf("package socket imports %s", dep)
		}
	}
}
