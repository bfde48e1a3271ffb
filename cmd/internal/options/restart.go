package options

import (
	"fmt"

	"github.com/wasisock/wasisock/cmd/internal/supervisor"
)

// Restart parses when a guest is followed by another, for flag.Func.
func Restart(r *supervisor.Restart) func(string) error {
	return func(v string) error {
		for i, name := range [...]string{"no", "on-failure", "always"} {
			if v == name {
				*r = supervisor.Restart(i)
				return nil
			}
		}
		return fmt.Errorf("%q is none; write no, on-failure or always", v)
	}
}
