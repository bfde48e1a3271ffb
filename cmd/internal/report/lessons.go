package report

import (
	"maps"
	"slices"
	"sync"

	"github.com/wasisock/wasisock/host"
)

// mostLessons is how many rules a Lessons records: a guest that needs more needs wider rules.
const mostLessons = 1000

// Lessons records the rules that a run needed.
type Lessons struct {
	mu    sync.Mutex
	rules map[string]bool
	named map[string]bool // names that other rules allow to resolve
}

// NewLessons returns an empty Lessons.
func NewLessons() *Lessons {
	return &Lessons{rules: map[string]bool{}, named: map[string]bool{}}
}

// Watch returns a policy that decides as policy does, and records the requests that it allows.
func (l *Lessons) Watch(policy host.Policy) host.Policy {
	return func(r host.Request) error {
		err := policy(r)
		if err == nil && !r.Route {
			l.learn(r)
		}
		return err
	}
}

func (l *Lessons) learn(r host.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rules) < mostLessons {
		rule := r.Rule()
		l.rules[rule] = true
		for _, name := range r.Names {
			if implied := (host.Request{Op: host.OpResolve, Host: name}).Rule(); allows(rule, name) {
				l.named[implied] = true
			}
		}
	}
}

// Lines returns the recorded rules as lines of text.
func (l *Lessons) Lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rules) == 0 {
		return []string{"this run used no network"}
	}
	lines := []string{"this run needed"}
	for _, rule := range slices.Sorted(maps.Keys(l.rules)) {
		if l.named[rule] {
			continue
		}
		lines = append(lines, "  --allow '"+rule+"'")
	}
	if len(l.rules) == mostLessons {
		lines = append(lines, "and perhaps more; write wider rules, with prefixes and ranges")
	}
	return lines
}

// allows reports whether rule allows to resolve name.
func allows(rule, name string) bool {
	policy, err := host.ParsePolicy(rule)
	return err == nil && policy(host.Request{Op: host.OpResolve, Host: name}) == nil
}
