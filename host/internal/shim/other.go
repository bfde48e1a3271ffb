//go:build !linux && !darwin

package shim

import "github.com/wasisock/wasisock/host/internal/sockets"

// rows is for a guest that there is not.
func rows(*sockets.Guest, Watch) []Row { return nil }
