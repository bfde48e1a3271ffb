package oci

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/wasisock/wasisock/internal/codecache"
)

const (
	// maxModule is the size of the largest module that is compiled on the node, in bytes.
	maxModule = 256 << 20

	// compiler is the user and group that compiles for root: that of nobody.
	compiler = 65534

	// retry is how long a module is not compiled again that could not be compiled.
	retry = 10 * time.Minute

	lockFile = "lock"
)

// A Code is the compiled code of a node's modules: a cache with an entry for each module, which is
// the directory that wasisock compile makes. A module that cannot be compiled in time has an empty
// entry for retry, so that it does not take the node's time whenever a container starts.
type Code struct {
	Dir     string
	Size    uint64        // bytes; 0 means codecache.DefaultSize
	Program string        // wasisock
	Args    []string      // flags of wasisock compile
	Timeout time.Duration // how long to wait for other modules, and to compile
}

// Of returns the directory with the compiled code of a module. It compiles the module if the cache
// does not have its code, one module at a time. It returns "" if there is no code, and the container
// must compile the module itself: because that takes too long, or the module cannot run, or the disk
// cannot be written to.
func (c Code) Of(ctx context.Context, module *Module) (string, error) {
	info, err := module.Stat()
	if err != nil {
		return "", err
	}
	if info.Size() > maxModule || c.Dir == codecache.Off {
		return "", nil
	}
	cache, err := codecache.Open(c.Dir, "", int64(min(c.Size, math.MaxInt64)), nil)
	if cache == nil {
		return "", err
	}
	name, err := c.name(module)
	if err != nil {
		return "", err
	}
	if dir, known := get(cache, name); known {
		return dir, nil
	}
	unlock, err := lock(ctx, filepath.Join(c.Dir, lockFile), c.Timeout)
	if unlock == nil {
		return "", err
	}
	defer unlock()
	if dir, known := get(cache, name); known { // compiled while this process waited
		return dir, nil
	}
	entry, err := cache.Temp()
	if err != nil {
		return "", err
	}
	defer codecache.Remove(entry)
	if done, err := c.compile(ctx, module, entry); !done {
		return "", err
	}
	cache.Put(name, entry)
	dir, _ := get(cache, name)
	return dir, nil
}

// get returns the directory of an entry that has code. It reports whether that, or that there is
// none, is known.
func get(cache *codecache.Cache, name string) (dir string, known bool) {
	dir = cache.Get(name)
	if dir == "" {
		return "", false
	}
	files, err := os.ReadDir(dir)
	if err == nil && len(files) > 0 {
		return dir, true
	}
	info, err := os.Stat(dir)
	return "", err == nil && time.Since(info.ModTime()) < retry
}

// name returns the name of the module's entry: of its bytes, of the program and of its flags.
func (c Code) name(module *Module) (string, error) {
	info, err := os.Stat(c.Program)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %d %d %q\n", c.Program, info.Size(), info.ModTime().UnixNano(), c.Args)
	if _, err := io.Copy(h, io.NewSectionReader(module, 0, maxModule)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// compile compiles a module into a directory. If this process is root, the module is read by a
// process of another user, which can write to a directory of its own alone. The directory stays
// empty if compiling takes too long, or the module is at fault. compile reports whether that is
// settled: after another failure, such as a full disk, the next container may try again.
func (c Code) compile(ctx context.Context, module *Module, to string) (done bool, err error) {
	work, err := os.MkdirTemp("", "wasisock-oci-")
	if err != nil {
		return false, nil
	}
	defer os.RemoveAll(work)
	file := filepath.Join(work, filepath.Base(module.Path))
	if copyTo(file, io.NewSectionReader(module, 0, maxModule)) != nil {
		return false, nil
	}
	const made = "code"
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Program, append(append([]string{"compile", "-o", filepath.Join(work, made)}, c.Args...), file)...)
	cmd.Dir, cmd.Env = work, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + work, "TMPDIR=" + work}
	cmd.WaitDelay = time.Second
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chmod(file, 0o444), os.Chown(work, compiler, compiler)); err != nil {
			return false, err
		}
		lowerRights(cmd)
	}
	err = cmd.Run()
	var exit *exec.ExitError
	const unusable = 126
	switch {
	case ctx.Err() != nil || errors.As(err, &exit) && exit.ExitCode() == unusable:
		return true, nil
	case exit != nil:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("cannot compile on this node: %w; let user %d read and execute the program and search the directories above it", err, compiler)
	}
	from, err := os.OpenRoot(work)
	if err != nil {
		return false, err
	}
	defer from.Close()
	code, err := from.OpenRoot(made)
	if err != nil {
		return false, err
	}
	defer code.Close()
	if os.CopyFS(to, code.FS()) != nil || codecache.Share(to) != nil {
		return false, nil
	}
	return true, nil
}

// copyTo writes a new file.
func copyTo(file string, from io.Reader) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}
