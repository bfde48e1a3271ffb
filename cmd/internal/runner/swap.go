package runner

import (
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/host"
)

const (
	// trial is for how long guests of a new module must listen before those of the old
	// one end, and trialLimit how long they may take to listen.
	trial      = time.Second
	trialLimit = 30 * time.Second

	// look is how often a file that is watched is looked at. What has changed must be
	// the same the next time, lest half a file is loaded.
	look = 400 * time.Millisecond
)

// load compiles the module, the first one or one in its place, while those that run go
// on.
func (f *fleet) load() {
	switch {
	case f.signal != nil:
		return
	case f.loading || f.next != nil:
		f.again = true
		return
	}
	f.loading, f.again = true, false
	first := f.current == nil
	go func() {
		var err error
		var m host.Module
		if f.Rebuild != nil && !first {
			err = f.Rebuild()
		}
		if err == nil {
			m, err = f.compile(f.ctx)
		}
		f.post(func() {
			f.loading = false
			f.loaded(m, err)
		})
	}()
}

func (f *fleet) loaded(m host.Module, err error) {
	switch {
	case f.signal != nil && err == nil:
		m.Close()
	case f.signal != nil:
	case f.current == nil && err != nil:
		f.fail(f.exitCode(err))
	case f.current == nil:
		f.current = f.newCrew(m)
		f.starts(f.current)
		f.loadAgain()
	case err != nil:
		f.exitCode(err)
		f.settle("the new one is not used; the old one goes on")
	default:
		c := f.newCrew(m)
		f.next = c
		f.starts(c)
		c.limit = f.later(trialLimit, c, func() {
			if !c.listening() {
				f.drop("does not listen after " + trialLimit.String())
			}
		})
	}
}

func (f *fleet) starts(c *crew) {
	for _, p := range c.places {
		f.start(p)
	}
}

// listening is told of each listener of a guest's.
func (f *fleet) listening(p *place) {
	if p.listens {
		return
	}
	p.listens = true
	if c := p.crew; c == f.next && c.listening() {
		f.later(trial, c, f.swap)
	}
}

func (c *crew) listening() bool {
	return !slices.ContainsFunc(c.places, func(p *place) bool { return !p.listens })
}

// later does it if c is still on trial then.
func (f *fleet) later(d time.Duration, c *crew, do func()) *time.Timer {
	return time.AfterFunc(d, func() {
		f.post(func() {
			if f.next == c && f.signal == nil {
				do()
			}
		})
	})
}

// swap puts the new guests in the place of the old ones, which answer what they were
// asked and end.
func (f *fleet) swap() {
	old := f.current
	f.current = f.next
	for range f.current.places {
		f.restarted(host.ErrStopped)
	}
	f.release(old, syscall.SIGTERM)
	go old.close()
	f.settle("the new one serves, and the old one ends")
}

// drop ends guests on trial.
func (f *fleet) drop(why string) {
	c := f.next
	f.release(c, syscall.SIGTERM)
	go c.close()
	f.settle("the new one " + why + "; the old one goes on")
}

func (f *fleet) settle(outcome string) {
	if f.next != nil {
		f.next.limit.Stop() // which keeps the module's memory
		f.next = nil
	}
	f.say("%s: %s", f.name, outcome)
	f.loadAgain()
}

func (f *fleet) loadAgain() {
	if f.again {
		f.load()
	}
}

// A stamp is what a file has that changes with it.
type stamp struct {
	size int64
	time time.Time
}

func stampOf(file string) (s stamp) {
	if info, err := os.Stat(file); err == nil {
		s = stamp{info.Size(), info.ModTime()}
	}
	return s
}

// watch loads the file again when it has changed.
func (f *fleet) watch() {
	used := stampOf(f.File)
	go func() {
		ticker := time.NewTicker(look)
		defer ticker.Stop()
		for last := used; ; {
			select {
			case <-ticker.C:
			case <-f.over:
				return
			}
			now := stampOf(f.File)
			if now == last && now != used && now != (stamp{}) {
				used = now
				f.post(f.load)
			}
			last = now
		}
	}()
}
