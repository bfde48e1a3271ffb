//go:build !unix

package child

import (
	"os"
	"os/exec"
)

type family struct{ cmd *exec.Cmd }

func familyOf(cmd *exec.Cmd) family { return family{cmd} }

func (f family) signal(s os.Signal) { f.cmd.Process.Signal(s) }

func (f family) wait() {}
