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

// A confinement holds the values of the flags from which the needs of a run follow.
type confinement struct {
	off    bool // --no-confine
	builds bool // a PACKAGE; the go command may need anything

	file      string   // the guest
	rules     []string // --allow, --allow-all, --learn, --policy
	dns       uint16   // the port of the nameservers: --dns
	listeners listenFlag
	pidFile   string
	configs   []string         // --config and, with it, --policy
	dials     []host.PortRange // --otlp-endpoint

	above string // the directory that the one for temporary files lies in; "" means none
}

// begin gives the run a directory of its own for temporary files. end removes the directory.
func (c *confinement) begin() (end func()) {
	if c.off || c.builds {
		return func() {}
	}
	c.above, end, _ = confine.TempDir() // a run may not need it
	return end
}

// apply confines this process for good. The guest and the engine must be complete. Files and
// listeners that are open already stay usable.
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

// needs returns the files and ports that the run still needs. Every flag that names a path or an
// address must add its needs here.
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
	for _, l := range c.listeners { // their files are removed at the end
		if l.network == "unix" && !strings.HasPrefix(l.addr, "@") {
			n.Unlink = append(n.Unlink, filepath.Dir(l.addr))
		}
	}
	if c.pidFile != "" { // the file is read and removed at the end
		n.Read, n.Unlink = append(n.Read, c.pidFile), append(n.Unlink, filepath.Dir(c.pidFile))
	}
	reach, err := host.ReachOf(c.rules...)
	for _, dir := range reach.Bind {
		n.Bind = append(n.Bind, confine.Existing(dir))
	}
	n.Dial = slices.Concat(reach.Dial, c.dials, []host.PortRange{{Low: c.dns, High: c.dns}})
	n.Listen, n.Abstract = reach.Listen, reach.Abstract || notifiesAbstract()
	return n, err
}
