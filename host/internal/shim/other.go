//go:build !linux && !darwin

package shim

import "github.com/wasisock/wasisock/host/internal/sockets"

// rows does nothing: guests do not run on this system.
func rows(*sockets.Guest, Watch) []Row { return nil }
