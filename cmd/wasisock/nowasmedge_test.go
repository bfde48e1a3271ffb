//go:build !wasmedge && (linux || darwin)

package main

import (
	"strings"
	"testing"
)

func TestWithoutWasmEdge(t *testing.T) {
	code, _, stderr := execute(t, "run", "--engine", "wasmedge", file(t, "guest.wasm", ending))
	if code != 125 || !strings.Contains(stderr, "get-wasmedge.sh --cgo-env") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if code, stdout, _ := execute(t, "doctor"); code != 0 || !strings.Contains(stdout, "libwasmedge   note    not built in") {
		t.Errorf("doctor: exit code %d, %q", code, stdout)
	}
	code, _, stderr = execute(t, "run", "--aot", "off", file(t, "guest.wasm", ending))
	if code != 125 || !strings.Contains(stderr, "add --engine wasmedge") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	code, _, stderr = execute(t, "run", "--engine", "v8", file(t, "guest.wasm", ending))
	if code != 125 || !strings.Contains(stderr, "want auto, wasmtime, wazero or wasmedge") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}
