package runner

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/wasisock/wasisock/host"
)

// mostLessons is how many rules are worth learning: a guest with more needs wider ones.
const mostLessons = 1000

// lessons is what a run used of the network.
type lessons struct {
	policy host.Policy
	mu     sync.Mutex
	rules  map[string]bool
}

// learn is the policy.
func (l *lessons) learn(r host.Request) error {
	if err := l.policy(r); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rules) < mostLessons {
		l.rules[r.Rule()] = true
	}
	return nil
}

func (l *lessons) told() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rules) == 0 {
		return "this run used no network"
	}
	var b strings.Builder
	b.WriteString("this run needed")
	for _, rule := range slices.Sorted(maps.Keys(l.rules)) {
		b.WriteString("\n  --allow '" + rule + "'")
	}
	if len(l.rules) == mostLessons {
		b.WriteString("\nand perhaps more; write wider rules, with prefixes and ranges")
	}
	return b.String()
}
