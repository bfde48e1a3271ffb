package wazero

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tetratelabs/wazero"
)

// keepCached is how many guests' code is kept on disk: those used last. Each takes
// about four times the size of its module.
const keepCached = 32

// openCache opens the cache for one module: a folder of its own, because only folders
// that are known can be found again to be deleted. Nil is no cache.
func (m *module) openCache(dir string, wasm []byte) wazero.CompilationCache {
	switch dir {
	case CacheOff:
		return nil
	case "":
		user, err := os.UserCacheDir()
		if err != nil {
			return nil
		}
		dir = filepath.Join(user, "wasisock", "wazero")
	}
	key := sha256.Sum256(wasm)
	mine := filepath.Join(dir, hex.EncodeToString(key[:16]))
	_, err := os.Stat(mine)
	isNew := err != nil
	cache, err := wazero.NewCompilationCacheWithDir(mine)
	if err != nil {
		return nil
	}
	m.closers.Add(func() { cache.Close(context.Background()) })
	if isNew {
		prune(dir)
	} else {
		now := time.Now()
		os.Chtimes(mine, now, now) // fails in a folder that is only read: nothing is pruned there
	}
	return cache
}

// prune deletes all but the last used of the folders that openCache made in dir.
func prune(dir string) {
	type used struct {
		name string
		at   time.Time
	}
	var all []used
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if raw, err := hex.DecodeString(e.Name()); err != nil || len(raw) != 16 || !e.IsDir() {
			continue
		}
		if info, err := e.Info(); err == nil {
			all = append(all, used{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b used) int { return b.at.Compare(a.at) })
	for _, u := range all[min(keepCached, len(all)):] {
		os.RemoveAll(filepath.Join(dir, u.name))
	}
}
