package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/wasisock/wasisock/host/wazero"
)

// cpuProfile is the value of the flag --cpu-profile: a file, or "" for none.
type cpuProfile string

// start creates the file. finish writes the profile to it. p is nil without a file.
func (file cpuProfile) start(log *slog.Logger) (p *wazero.CPUProfile, finish func(), err error) {
	if file == "" {
		return nil, func() {}, nil
	}
	f, err := os.Create(string(file))
	if err != nil {
		return nil, nil, fmt.Errorf("--cpu-profile: %w", err)
	}
	p = wazero.NewCPUProfile()
	return p, func() {
		_, err := p.WriteTo(f)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			log.Error(fmt.Sprintf("--cpu-profile: %v", err))
		}
	}, nil
}
