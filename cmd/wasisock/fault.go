package main

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/wasisock/wasisock/host/hostfault"
)

// faults holds the values of the flag --fault, which may be repeated.
type faults struct{ parts []string }

func (f *faults) Set(v string) error {
	_, err := hostfault.Parse(v)
	f.parts = append(f.parts, v)
	return err
}

// parse returns the faults. If the values have no seed, it logs the seed that it chose, so that
// the run can be repeated.
func (f *faults) parse(log *slog.Logger) (hostfault.Faults, error) {
	if f.parts == nil {
		return hostfault.Faults{}, nil
	}
	text := strings.Join(f.parts, ",")
	all, err := hostfault.Parse(text)
	if err == nil && !strings.HasPrefix(text, "seed=") && !strings.Contains(text, ",seed=") {
		log.Info(fmt.Sprintf("faults by chance; have the same again with --fault %s", all))
	}
	return all, err
}
