package report

import "sync"

// A Limits reports once for each limit what happens at it.
type Limits struct {
	mu   sync.Mutex
	told map[string]bool
}

// Watch returns a function for host.Cmd.OnLimit that calls say for each limit that l has not
// reported yet.
func (l *Limits) Watch(say func(what string)) func(field string) {
	return func(field string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.told == nil {
			l.told = map[string]bool{}
		}
		if what := consequences[field]; what != "" && !l.told[field] {
			l.told[field] = true
			say(what)
		}
	}
}

// consequences describes what happens at each limit, by field of host.Limits.
var consequences = map[string]string{
	"Sockets":     "no more sockets can be opened; raise --max-sockets",
	"Files":       "no more files can be opened; raise --max-files",
	"Listeners":   "no more sockets can listen; raise --max-listeners",
	"Connections": "more connections of that listener wait until one closes; raise --max-connections",
	"ReadRate":    "what it reads is delayed; raise --read-rate",
	"WriteRate":   "what it writes is delayed; raise --write-rate",
	"LookupRate":  "names are not looked up; raise --lookup-rate",
}
