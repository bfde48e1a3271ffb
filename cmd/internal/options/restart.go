package options

import "github.com/wasisock/wasisock/cmd/internal/supervisor"

// Restarts is the values of Restart.
var Restarts = []string{"no", "on-failure", "always"}

// Restart parses when a guest is followed by another, for a cli.Flag.
func Restart(r *supervisor.Restart) func(string) error {
	return Choice(Restarts, func(i int) { *r = supervisor.Restart(i) })
}
