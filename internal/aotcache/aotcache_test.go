//go:build linux || darwin

package aotcache

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const module = "\x00asm\x01\x00\x00\x00"

func TestKey(t *testing.T) {
	key := Key("0.14.1", []byte(module))
	if key != Key("0.14.1", []byte(module)) {
		t.Error("one module has two keys")
	}
	for _, other := range []string{Key("0.14.2", []byte(module)), Key("0.14.1", []byte(module+"\x00")), Key("0.14.1", []byte(module), "interruptible")} {
		if other == key {
			t.Error("what differs has the same key")
		}
	}
}

func TestFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	compiled := 0
	compile := func(out string) error {
		compiled++
		return os.WriteFile(out, []byte("code"), 0o666)
	}
	key := Key("1", nil)
	failure := errors.New("the compiler failed")
	fail := func(out string) error {
		os.WriteFile(out+".o", nil, 0o666)
		return failure
	}
	if _, err := File(dir, 0, key, fail); err != failure {
		t.Errorf("%v, want %v", err, failure)
	}
	for range 2 {
		file, err := File(dir, 0, key, compile)
		if text, _ := os.ReadFile(file); err != nil || string(text) != "code" || compiled != 1 {
			t.Errorf("%q, %v, compiled %d times", text, err, compiled)
		}
	}
	t.Setenv("HOME", os.DevNull)
	t.Setenv("XDG_CACHE_HOME", "")
	own, err := Dir()
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{own: "name another directory in XDG_CACHE_HOME", "/dev/null/dir": "or name another directory"} {
		if _, err := File(dir, 0, key, compile); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
