// Package stdnet makes Go's package net work on wasip1. It generates an overlay for the go
// command: unmodified programs compiled with it, with net/http, database drivers and everything
// else that uses net, use the sockets of WasmEdge's extension.
//
// The overlay is made from the Go installation that will use it: it patches that installation's
// files as text, and this package contains no source of Go. It replaces only files that are
// compiled for wasip1 and js, so native builds with the same overlay, for example in GOFLAGS,
// do not change.
package stdnet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/wasisock/wasisock/internal/codecache"
)

// A Config says which Go the overlay is for. The zero Config means the go command in PATH and
// the toolchain that the current directory's go.mod chooses.
type Config struct {
	// Go is the go command; "" means the one in PATH.
	Go string

	// Dir is the directory in which the go command will run; its go.mod may choose another
	// toolchain. "" means the current directory.
	Dir string

	// Cache is the directory for what is generated; "" means wasisock below the user's
	// cache directory. Files there are shared and never change.
	Cache string
}

// An Overlay is a generated overlay.
type Overlay struct {
	File    string // for the go command's -overlay
	Version string // of Go, such as go1.26.8
	GOROOT  string // that the overlay is for

	// Linked reports that GOROOT is a tree of links, because the go command replaces no
	// file of a toolchain that it has downloaded itself. It must be set then.
	Linked bool
}

// Go returns the path of the go command that the overlay is for.
func (o *Overlay) Go() string { return filepath.Join(o.GOROOT, "bin", "go") }

// Env returns the variables with which the go command builds for wasip1 with the overlay.
func (o *Overlay) Env() []string {
	return []string{"GOOS=wasip1", "GOARCH=wasm", "GOROOT=" + o.GOROOT, "GOTOOLCHAIN=local"}
}

// ErrNoGo is returned if there is no go command.
var ErrNoGo = errors.New("no go command in PATH; install Go 1.24 or newer and put its bin directory in PATH")

// Make generates an overlay, or finds it in the cache. If the files of Go differ from what it
// expects, it returns an error with the version and the file.
func Make(ctx context.Context, cfg Config) (*Overlay, error) {
	env, err := goEnv(ctx, cfg)
	if err != nil {
		return nil, err
	}
	cache := cfg.Cache
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("no directory for what is generated: %w", err)
		}
		cache = filepath.Join(dir, "wasisock")
	}
	if cache, err = filepath.Abs(cache); err != nil {
		return nil, err
	}
	if err := secure(cache, cfg.Cache != ""); err != nil {
		return nil, err
	}
	o := &Overlay{Version: env.GOVERSION, GOROOT: env.GOROOT}
	if within(env.GOMODCACHE, env.GOROOT) {
		o.Linked = true
		if o.GOROOT, err = linkGOROOT(env.GOROOT, cache); err != nil {
			return nil, cacheError(cache, err)
		}
	}
	files, err := generate(os.DirFS(filepath.Join(env.GOROOT, "src")))
	if err != nil {
		return nil, fmt.Errorf("%s (%s) is not what wasisock knows: %w; use another version of Go, or of wasisock", env.GOVERSION, env.GOROOT, err)
	}
	if o.File, err = write(files, o, cache); err != nil {
		return nil, cacheError(cache, err)
	}
	return o, nil
}

// secure has nobody else write to the cache. What is in it is checked where it is used.
func secure(cache string, named bool) error {
	dirs := []string{cache, filepath.Join(cache, "overlay"), filepath.Join(cache, "goroot")}
	if named {
		if _, err := os.Stat(cache); err == nil {
			if err := codecache.Check(cache); err != nil {
				return err
			}
		}
		dirs = dirs[1:]
	}
	for _, dir := range dirs {
		if err := codecache.Secure(dir); err != nil {
			return err
		}
	}
	return nil
}

func cacheError(cache string, err error) error {
	return fmt.Errorf("%w; make %s writable, or name another directory in XDG_CACHE_HOME", err, cache)
}

type environment struct{ GOROOT, GOVERSION, GOMODCACHE string }

func goEnv(ctx context.Context, cfg Config) (env environment, err error) {
	name := cfg.Go
	if name == "" {
		name = "go"
	}
	cmd := exec.CommandContext(ctx, name, "env", "-json", "GOROOT", "GOVERSION", "GOMODCACHE")
	cmd.Dir = cfg.Dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return env, ErrNoGo
	case err != nil:
		return env, fmt.Errorf("go env: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	if err := json.Unmarshal(out, &env); err != nil {
		return env, fmt.Errorf("go env: %w", err)
	}
	return env, nil
}

func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// write writes files and the overlay that names them. The directory's name is made of all
// that is in it, so one that is there is right.
func write(files map[string][]byte, o *Overlay, cache string) (string, error) {
	list, err := json.Marshal(files)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(list, o.GOROOT...))
	dir := filepath.Join(cache, "overlay", o.Version+"-"+hex.EncodeToString(sum[:8]))
	file := filepath.Join(dir, "overlay.json")
	if _, err := os.Stat(file); err == nil && codecache.Check(dir) == nil {
		return file, nil
	}
	replace := map[string]string{}
	for name, text := range files {
		target := filepath.Join(o.GOROOT, "src", filepath.FromSlash(name))
		if text == nil {
			replace[target] = ""
		} else {
			replace[target] = filepath.Join(dir, filepath.FromSlash(name))
		}
	}
	overlay, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "\t")
	if err != nil {
		return "", err
	}
	return file, appear(dir, func(temp string) error {
		for name, text := range files {
			if text == nil {
				continue
			}
			path := filepath.Join(temp, filepath.FromSlash(name))
			if err := codecache.MakeDir(filepath.Dir(path)); err != nil {
				return err
			}
			if err := os.WriteFile(path, text, 0o600); err != nil {
				return err
			}
		}
		return os.WriteFile(filepath.Join(temp, "overlay.json"), overlay, 0o600)
	})
}

// appear makes the directory dir, whole or not at all, for this user alone. It may be made
// twice at once. What others can write to, as an older wasisock made it, is made anew.
func appear(dir string, fill func(temp string) error) error {
	if err := codecache.MakeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if _, err := os.Lstat(dir); err == nil && codecache.Check(dir) != nil {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o700); err != nil {
		return err
	}
	if err := fill(temp); err != nil {
		return err
	}
	err = os.Rename(temp, dir)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, os.ErrExist) {
		return nil // somebody else was first
	}
	return err
}

// linkGOROOT makes a directory of links to what is in goroot.
func linkGOROOT(goroot, cache string) (string, error) {
	sum := sha256.Sum256([]byte(goroot))
	dir := filepath.Join(cache, "goroot", filepath.Base(goroot)+"-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(filepath.Join(dir, "src")); err == nil && codecache.Check(dir) == nil {
		return dir, nil
	}
	entries, err := os.ReadDir(goroot)
	if err != nil {
		return "", err
	}
	return dir, appear(dir, func(temp string) error {
		for _, e := range entries {
			if err := os.Symlink(filepath.Join(goroot, e.Name()), filepath.Join(temp, e.Name())); err != nil {
				return err
			}
		}
		return nil
	})
}
