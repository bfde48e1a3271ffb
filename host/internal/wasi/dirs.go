package wasi

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/tetratelabs/wazero"
	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/experimental/sysfs"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/rootfs"
)

// mount returns the configuration of the guest's directories. reserved is the number of preopened
// sockets, whose descriptors come first: wazero gets directories there that no call reaches.
// resolvConf is the text of the file that names the nameserver; "" means the guest's own file.
func (g *Guest) mount(reserved int, dirs []host.Dir, resolvConf string) (wazero.FSConfig, error) {
	config := wazero.NewFSConfig()
	for i := range reserved {
		config = config.(sysfs.FSConfig).WithSysFSMount(nothing{}, fmt.Sprint("listener ", i))
	}
	seen := map[string]bool{}
	for _, d := range dirs {
		guest := path.Clean(d.Guest)
		switch {
		case !path.IsAbs(d.Guest):
			return nil, fmt.Errorf("the directory %q cannot be %q in the guest; write an absolute path, such as /data", d.Host, d.Guest)
		case seen[guest]:
			return nil, fmt.Errorf("two directories are %q in the guest; name another for %q", guest, d.Host)
		}
		seen[guest] = true
		hostDir, err := filepath.Abs(d.Host)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(hostDir); err != nil {
			return nil, err
		} else if !info.IsDir() {
			return nil, fmt.Errorf("%s is not a directory, and only directories can be given to a guest", d.Host)
		}
		dir, err := rootfs.Open(hostDir)
		if err != nil {
			return nil, err
		}
		g.dirs = append(g.dirs, dir)
		if err := g.Sockets.Mount(guest, hostDir, d.ReadOnly); err != nil {
			return nil, err
		}
		var files experimentalsys.FS = dir
		if d.ReadOnly {
			files = readOnly{&sysfs.ReadFS{FS: files}}
		}
		if resolvConf != "" {
			files = layResolvConf(files, guest, resolvConf)
		}
		config = config.(sysfs.FSConfig).WithSysFSMount(files, guest)
	}
	return config, nil
}

// nothing is a directory without files. It is a type of its own, since wazero ignores an
// UnimplementedFS.
type nothing struct {
	experimentalsys.UnimplementedFS
}

// readOnly is wazero's read-only directory. Changes fail with EROFS, and so does opening a file for
// reading that would create or truncate it.
type readOnly struct{ *sysfs.ReadFS }

func (r readOnly) OpenFile(name string, flag experimentalsys.Oflag, perm fs.FileMode) (experimentalsys.File, experimentalsys.Errno) {
	if flag&(experimentalsys.O_WRONLY|experimentalsys.O_RDWR|experimentalsys.O_CREAT|experimentalsys.O_TRUNC) != 0 {
		return nil, experimentalsys.EROFS
	}
	return r.ReadFS.OpenFile(name, flag, perm)
}
