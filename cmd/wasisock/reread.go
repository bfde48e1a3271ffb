package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/supervisor"
	"github.com/wasisock/wasisock/host"
)

// A rereading holds values that reread compares with those of the file.
type rereading struct {
	built    int      // the number of arguments that are sources
	rootsEnv []string // variables that --tls-roots adds to the guest's
	filed    []string // rules of --policy that guests have now
}

// reread reads the configuration again. It prints which changes new guests have, and which need
// another start of wasisock. change applies the former to a command. reread returns an error,
// and changes nothing, if the configuration is invalid.
func (r *running) reread() (change func(*supervisor.Command), err error) {
	next, err := r.configured()
	if err == nil {
		err = next.validate()
	}
	if err != nil {
		return nil, err
	}
	rules := r.mayHave(next)
	args := sources(next.args) == r.reads.built && r.reads.built < 2
	var none, live, late []string
	for _, f := range r.configKeys(&none) {
		name, isLive := f.Name, f.Live
		changed := !slices.Equal(r.given[name], next.given[name])
		switch name {
		case "allow", "deny", "allow-all":
			isLive = rules
		case "policy":
			isLive = rules
			changed = changed || !slices.Equal(r.reads.filed, next.filed) // a file has other rules
		case "args":
			isLive = args
		}
		switch {
		case changed && isLive:
			live = append(live, name)
		case changed:
			late = append(late, name)
		}
	}
	file := filepath.Base(r.config)
	if len(live) > 0 {
		r.log.Info(fmt.Sprintf("%s: changed for the new guest: %s", file, strings.Join(live, ", ")))
	}
	if len(late) > 0 {
		r.log.Warn(fmt.Sprintf("%s: needs another start of wasisock: %s", file, strings.Join(late, ", ")))
	}
	return func(c *supervisor.Command) {
		for _, name := range live {
			r.given[name] = next.given[name]
		}
		guest := next.command.Guest
		if args {
			c.Guest.Args = append(c.Guest.Args[:1:1], next.args[1:]...)
		}
		c.Guest.Env = append(guest.Env, r.reads.rootsEnv...)
		c.Guest.Limits = guest.Limits
		c.Guest.Policy = r.command.Guest.Policy
		if rules {
			c.Guest.Policy, r.command.Guest.Policy, r.reads.filed = guest.Policy, guest.Policy, next.filed
		}
		c.Restart, c.Grace, c.DrainDelay = next.command.Restart, next.command.Grace, next.command.DrainDelay
	}, nil
}

// mayHave reports whether new guests can have the rules of next. With --learn they cannot, since
// everything is allowed. Nor can they if the rules reach what wasisock gave up when it confined
// itself.
func (r *running) mayHave(next *runOptions) bool {
	switch {
	case r.command.Learn || next.command.Learn:
		return false
	case r.confined.off || r.confined.builds || runtime.GOOS != "linux":
		return true
	}
	old, err := host.ReachOf(r.confined.rules...)
	wanted, bad := host.ReachOf(slices.Concat(next.allow, next.filed)...)
	return err == nil && bad == nil && covers(old, wanted)
}

// covers reports whether has includes everything that wants includes.
func covers(has, wants host.Reach) bool {
	ports := func(has, wants []host.PortRange) bool {
		for _, w := range wants {
			if !slices.ContainsFunc(has, func(h host.PortRange) bool { return h.Low <= w.Low && w.High <= h.High }) {
				return false
			}
		}
		return true
	}
	for _, dir := range wants.Bind {
		if !slices.ContainsFunc(has.Bind, func(h string) bool { return dir == h || strings.HasPrefix(dir, strings.TrimSuffix(h, "/")+"/") }) {
			return false
		}
	}
	return ports(has.Dial, wants.Dial) && ports(has.Listen, wants.Listen) && (has.Abstract || !wants.Abstract)
}
