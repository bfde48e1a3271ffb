package report

import "sync"

// Limits returns a function for host.Cmd.OnLimit that says once of each limit what it does.
func Limits(say func(what string)) func(field string) {
	var mu sync.Mutex
	told := map[string]bool{}
	return func(field string) {
		mu.Lock()
		defer mu.Unlock()
		if what := consequences[field]; what != "" && !told[field] {
			told[field] = true
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
