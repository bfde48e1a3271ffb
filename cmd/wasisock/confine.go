package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/confine"
	"github.com/wasisock/wasisock/cmd/internal/engine"
	"github.com/wasisock/wasisock/host"
)

// A confinement lists what a run needs of the system, by its flags.
type confinement struct {
	off    bool // --no-confine
	builds bool // a PACKAGE, for which the go command needs what it likes

	file      string   // the guest
	rules     []string // --allow, --allow-all, --learn, --policy
	dns       uint16   // the port of the nameservers: --dns
	listeners listenFlag
	pidFile   string
	configs   []string // --config and, with it, --policy

	above string // the directory that the one for temporary files lies in; "" means none
}

// begin gives the run a directory of its own for temporary files, and returns what removes it.
func (c *confinement) begin() (end func()) {
	if c.off || c.builds {
		return func() {}
	}
	c.above, end, _ = confine.TempDir() // a run may need none
	return end
}

// apply confines this process for good. What the guest and the engine have is known by now,
// and what the run has open needs nothing more.
func (c *confinement) apply(guest *host.Cmd, e *engine.Engine) error {
	switch {
	case c.off:
		return nil
	case c.builds:
		return confine.NoNewPrivs()
	}
	needs, err := c.needs(guest, e)
	if err != nil {
		return err
	}
	return needs.Apply()
}

// needs is the one place where each flag that names a path or an address adds what it needs.
func (c *confinement) needs(guest *host.Cmd, e *engine.Engine) (n confine.Needs, err error) {
	n.Read = append(n.Read, c.file)
	if len(c.listeners) > 0 { // SIGHUP and --watch load the file again
		for _, file := range append(c.configs, c.file) {
			n.Read = append(n.Read, confine.Replaceable(file)...)
		}
	}
	if c.above != "" {
		n.Write, n.Rmdir = append(n.Write, os.TempDir()), append(n.Rmdir, c.above)
	}
	if cache := e.Cache(); cache != "" {
		n.Write = append(n.Write, cache)
	}
	for _, d := range guest.Dirs { // --dir and --tls-roots
		if d.ReadOnly {
			n.Read = append(n.Read, d.Host)
		} else {
			n.Write = append(n.Write, d.Host)
		}
	}
	for _, l := range c.listeners { // whose file is removed at the end
		if l.network == "unix" && !strings.HasPrefix(l.addr, "@") {
			n.Unlink = append(n.Unlink, filepath.Dir(l.addr))
		}
	}
	if c.pidFile != "" { // which is read and removed at the end
		n.Read, n.Unlink = append(n.Read, c.pidFile), append(n.Unlink, filepath.Dir(c.pidFile))
	}
	reach, err := host.ReachOf(c.rules...)
	for _, dir := range reach.Bind {
		n.Bind = append(n.Bind, confine.Existing(dir))
	}
	n.Dial = slices.Concat(reach.Dial, []host.PortRange{{Low: c.dns, High: c.dns}})
	n.Listen, n.Abstract = reach.Listen, reach.Abstract || notifiesAbstract()
	return n, err
}
