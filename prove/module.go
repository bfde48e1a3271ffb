package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// xnet is the only module besides Go's own whose tests are patched.
const xnet = "golang.org/x/net"

var xnetPatches = []patch{
	{file: "nettest/nettest.go", old: `"ios", "js", "nacl", "plan9", "wasip1", "windows":
			return false
		case "aix"`, new: `"ios", "js", "nacl", "plan9", "windows":
			return false
		case "aix"`},
	{file: "quic/udp_test.go", old: `runtime.GOARCH == "wasm" && `, new: `runtime.GOOS == "js" && `},
}

// patchModule makes s use a go.mod that replaces xnet by a symbolic link to it, since the go
// command replaces no files of a module that it has downloaded itself. It returns the files to
// replace there.
func (s *suite) patchModule(ctx context.Context) (files map[string][]byte, err error) {
	if _, err := s.goCommand(ctx, "mod", "download"); err != nil {
		return nil, err
	}
	dir, err := s.goCommand(ctx, "list", "-m", "-e", "-f", "{{.Dir}}", xnet)
	if err != nil || dir == "" {
		return nil, err
	}
	if files, err = patched(os.DirFS(dir), xnetPatches, s.version); err != nil {
		return nil, fmt.Errorf("%s is not what prove knows: %w", dir, err)
	}
	sum := sha256.Sum256([]byte(dir))
	link := filepath.Join(s.cache, "module", hex.EncodeToString(sum[:16]))
	if err := os.MkdirAll(filepath.Dir(link), 0o777); err != nil {
		return nil, err
	}
	if err := os.Symlink(dir, link); err != nil && !os.IsExist(err) {
		return nil, err
	}
	if s.modfile, err = s.replacing(link); err != nil {
		return nil, err
	}
	return under(link, files), nil
}

// replacing writes a copy of the module's go.mod with xnet at link, next to a copy of its go.sum,
// and returns its path.
func (s *suite) replacing(link string) (string, error) {
	mod, err := os.ReadFile(filepath.Join(s.module, "go.mod"))
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile(filepath.Join(s.module, "go.sum"))
	if err != nil {
		return "", err
	}
	mod = fmt.Appendf(mod, "\nreplace %s => %s\n", xnet, link)
	hash := sha256.Sum256(append(mod, sum...))
	dir := filepath.Join(s.cache, "module", hex.EncodeToString(hash[:16]))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o666); err != nil {
		return "", err
	}
	return filepath.Join(dir, "go.mod"), os.WriteFile(filepath.Join(dir, "go.mod"), mod, 0o666)
}
