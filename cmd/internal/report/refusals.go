package report

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/wasisock/wasisock/host"
)

// How many refusals are shown at once, and how often another one afterwards: of a kind, such as
// "dial tcp", and of one target of that kind. The first refusal of each link-local address, and
// of each address of a cloud's metadata, has an allowance of its own, so that no other refusals
// hide it.
var (
	ofKind     = allowance{100, time.Second}
	ofTarget   = allowance{20, 10 * time.Second}
	ofInternal = allowance{1000, time.Second}
)

// mostRefusals is how many rules and targets a Refusals remembers. When there are more, it forgets
// all, and may show them again.
const mostRefusals = 4096

// summaries is the least time between two messages about refusals that were not shown.
const summaries = time.Minute

// A Refusals logs the requests that the policy refuses: once for each rule that a guest lacks. A
// guest that makes many requests can neither fill the log nor hide refusals that matter.
type Refusals struct {
	Remedy func(host.Request) string

	mu     sync.Mutex
	told   map[string]bool // rules and internal targets that were shown
	meters map[string]*meter
	hidden int       // number of refusals that no summary has counted yet
	say    Say       // that of the last refusal
	next   time.Time // time of the next summary
}

// A Say prints a message.
type Say func(format string, args ...any)

// Watch returns a policy that decides as policy does, and logs its refusals with say.
func (s *Refusals) Watch(policy host.Policy, say Say) host.Policy {
	return func(r host.Request) error {
		err := policy(r)
		if err != nil && !r.Route {
			s.refused(r, err, say)
		}
		return err
	}
}

func (s *Refusals) refused(r host.Request, err error, say Say) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say = say
	if s.told == nil || len(s.told) > mostRefusals || len(s.meters) > mostRefusals {
		s.told, s.meters = map[string]bool{}, map[string]*meter{}
	}
	now := time.Now()
	if s.hidden > 0 && now.After(s.next) {
		s.summarize()
		s.next = now.Add(summaries)
	}
	rule := r.Rule()
	switch {
	case s.told[rule]:
		return
	case !s.mayShow(r, now):
		if s.hidden++; s.hidden == 1 {
			s.next = now.Add(summaries)
		}
		return
	}
	s.told[rule] = true
	var refusal *host.Refusal
	if errors.As(err, &refusal) && refusal.Rule != "" {
		say("refused: %s; '%s' denies it", rule, refusal.Rule)
	} else {
		say("refused: %s; %s", rule, s.Remedy(r))
	}
}

func (s *Refusals) mayShow(r host.Request, now time.Time) bool {
	kind := string(r.Op) + " " + r.Network
	target := kind + " " + targetOf(r)
	if r.Internal() && !s.told[target] && s.meter("internal", ofInternal).spend(now) {
		s.told[target] = true
		return true
	}
	all := s.meter(kind, ofKind)
	return all.has(now) && s.meter(target, ofTarget).spend(now) && all.spend(now)
}

// targetOf returns the target of a request in a form that a guest can hardly vary: without a
// port, and for a name its last two labels.
func targetOf(r host.Request) string {
	switch {
	case r.Op == host.OpResolve:
		labels := strings.Split(strings.ToLower(strings.TrimSuffix(r.Host, ".")), ".")
		if r.Internal() {
			return strings.Join(labels, ".")
		}
		return strings.Join(labels[max(0, len(labels)-2):], ".")
	case r.Addr.IsValid():
		return r.Addr.Addr().String()
	}
	return r.Path
}

// summarize logs how many refusals were not shown.
func (s *Refusals) summarize() {
	if s.hidden > 0 {
		s.say("refused: %d more uses of the network, which are not shown; --trace shows each", s.hidden)
	}
	s.hidden = 0
}

// End logs a last summary. Call it when no guest runs any more.
func (s *Refusals) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.summarize()
}

// An allowance is burst messages at once, and one more after each every.
type allowance struct {
	burst int
	every time.Duration
}

// A meter holds the rest of an allowance at a time.
type meter struct {
	allowance
	left float64
	at   time.Time
}

func (s *Refusals) meter(name string, a allowance) *meter {
	m := s.meters[name]
	if m == nil {
		m = &meter{allowance: a, left: float64(a.burst)}
		s.meters[name] = m
	}
	return m
}

func (m *meter) has(now time.Time) bool {
	if !m.at.IsZero() {
		m.left = min(float64(m.burst), m.left+float64(now.Sub(m.at))/float64(m.every))
	}
	m.at = now
	return m.left >= 1
}

func (m *meter) spend(now time.Time) bool {
	if !m.has(now) {
		return false
	}
	m.left--
	return true
}
