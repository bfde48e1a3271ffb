package engines

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestWasmEdges(t *testing.T) {
	all := WasmEdges()
	if len(all) == 0 {
		t.Fatal("no WasmEdge is listed")
	}
	for _, v := range all {
		if got, ok := WasmEdge(v.Minor); !ok || got.Name() != "wasmedge-"+v.Minor || v.Suite == "" {
			t.Errorf("%+v, found as %+v", v, got)
		}
	}
	if v, ok := WasmEdge("0.14"); !ok || v.Variable() != "WASISOCK_WASMEDGE_014" || len(v.AOT) != 0 {
		t.Errorf("0.14 is %+v", v)
	}
	if _, ok := WasmEdge("0.1"); ok {
		t.Error("0.1 is listed")
	}
}

// TestScriptsReadTheList compares the list with that of scripts/get-wasmedge.sh.
func TestScriptsReadTheList(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the script is for bash")
	}
	out, err := exec.Command("bash", filepath.Join("..", "..", "scripts", "get-wasmedge.sh"), "--list").Output()
	if got, want := strings.Fields(string(out)), Minors(WasmEdges()); err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the script lists %q, %v; want %q", got, err, want)
	}
}
