package supervisor

import (
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/report"
	"github.com/wasisock/wasisock/host"
)

const (
	// trial is how long guests of a new module must listen before those of the old one end.
	// trialLimit is how long they may take until they listen.
	trial      = time.Second
	trialLimit = 30 * time.Second

	// look is the time between two looks at a watched file. A changed file is loaded when two
	// looks find the same, so that no half-written file is loaded.
	look = 400 * time.Millisecond
)

// load compiles the module and starts its guests, while guests of an older module go on. With
// reread, it reads the settings first. If a module is being loaded or is on trial, load does so
// afterwards.
func (s *supervisor) load(reread bool) {
	switch {
	case s.draining != nil || s.signal != nil:
		return
	case s.loading || s.next != nil:
		s.again, s.rereads = true, s.rereads || reread
		return
	}
	s.loading, s.again, s.rereads = true, false, false
	first := s.current == nil
	go func() {
		var err error
		var m host.Module
		var change func(*Command)
		if reread && s.Reread != nil {
			change, err = s.Reread()
		}
		if err == nil && s.Rebuild != nil && !first {
			err = s.Rebuild()
		}
		if err == nil {
			m, err = s.compile(s.ctx)
		}
		s.post(func() {
			s.loading = false
			if err == nil && change != nil {
				change(s.Command)
			}
			s.loaded(m, err)
		})
	}()
}

func (s *supervisor) loaded(m host.Module, err error) {
	switch {
	case s.signal != nil && err == nil:
		m.Close()
	case s.signal != nil:
	case s.current == nil && err != nil:
		s.fail(s.exitCode(s.voice, err))
	case s.current == nil:
		s.current = s.newGeneration(m)
		s.starts(s.current)
		s.loadAgain()
	case err != nil:
		s.exitCode(s.voice, err)
		s.settle(s.warn, "the new one is not used; the old one goes on")
	default:
		g := s.newGeneration(m)
		s.next = g
		s.starts(g)
		g.limit = s.later(trialLimit, g, func() {
			if !g.listening() {
				s.drop("does not listen after " + trialLimit.String())
			}
		})
	}
}

func (s *supervisor) starts(g *generation) {
	for _, i := range g.instances {
		s.start(i)
	}
}

// listening is called for each socket on which a guest listens.
func (s *supervisor) listening(i *instance) {
	if i.listens {
		return
	}
	i.listens = true
	if s.OnReady != nil && s.ready() == nil {
		s.OnReady()
		s.OnReady = nil
	}
	if g := i.generation; g == s.next && g.listening() {
		s.later(trial, g, s.swap)
	}
}

func (g *generation) listening() bool {
	return !slices.ContainsFunc(g.instances, func(i *instance) bool { return !i.listens })
}

// later calls do after d, if g is still on trial then.
func (s *supervisor) later(d time.Duration, g *generation, do func()) *time.Timer {
	return time.AfterFunc(d, func() {
		s.post(func() {
			if s.next == g && s.signal == nil {
				do()
			}
		})
	})
}

// swap replaces the old guests, which shut down, with those on trial.
func (s *supervisor) swap() {
	old := s.current
	s.current = s.next
	for range s.current.instances {
		s.restarted(host.ErrStopped)
	}
	s.release(old, syscall.SIGTERM)
	go old.close()
	s.settle(s.say, "the new one serves, and the old one ends")
}

// drop ends the guests on trial. The old guests go on.
func (s *supervisor) drop(why string) {
	g := s.next
	s.release(g, syscall.SIGTERM)
	go g.close()
	s.settle(s.warn, "the new one "+why+"; the old one goes on")
}

func (s *supervisor) settle(say report.Say, outcome string) {
	if s.next != nil {
		s.next.limit.Stop() // the timer keeps the module in memory
		s.next = nil
	}
	say("%s: %s", s.name, outcome)
	s.loadAgain()
}

func (s *supervisor) loadAgain() {
	if s.again {
		s.load(s.rereads)
	}
}

// A stamp holds the attributes of a file that change with its content.
type stamp struct {
	size int64
	time time.Time
}

func stampOf(file string) (found stamp) {
	if info, err := os.Stat(file); err == nil {
		found = stamp{info.Size(), info.ModTime()}
	}
	return found
}

// watch loads the file again when it has changed.
func (s *supervisor) watch() {
	used := stampOf(s.File)
	go func() {
		ticker := time.NewTicker(look)
		defer ticker.Stop()
		for last := used; ; {
			select {
			case <-ticker.C:
			case <-s.over:
				return
			}
			now := stampOf(s.File)
			if now == last && now != used && now != (stamp{}) {
				used = now
				s.post(func() { s.load(false) })
			}
			last = now
		}
	}()
}
