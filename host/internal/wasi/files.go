package wasi

import (
	"context"

	"github.com/tetratelabs/wazero/api"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/sockabi"
)

// files holds the number of descriptors of wazero that a guest has open, and their limit.
type files struct{ open, most int }

func (f *files) limit(c *host.Cmd) {
	f.open = len(stdio{}.files) + len(c.Dirs)
	f.most = c.Limits.Files
	if f.most == 0 {
		f.most = host.DefaultMaxFiles
	}
	f.most += f.open
}

// counted returns wazero's function f with a limit on open files, if it opens or closes files:
// beyond the limit, it returns EMFILE. Other functions stay as they are.
func counted(name string, f ownFunction) ownFunction {
	opens := name == "path_open"
	if !opens && name != "fd_close" && name != "fd_renumber" {
		return f
	}
	return func(ctx context.Context, g *Guest, module api.Module, stack []uint64) {
		if opens && g.files.open >= g.files.most {
			g.Sockets.Limited("Files")
			stack[0] = uint64(sockabi.EMFILE)
			return
		}
		same := name == "fd_renumber" && uint32(stack[0]) == uint32(stack[1])
		f(ctx, g, module, stack)
		switch {
		case stack[0] != 0 || same:
		case opens:
			g.files.open++
		default: // the descriptor that another one replaces is closed
			g.files.open--
		}
	}
}
