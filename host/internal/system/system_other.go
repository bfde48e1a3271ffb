//go:build !linux && !darwin

package system

import (
	"errors"
	"net"

	"github.com/wasisock/wasisock/host"
)

// guest is the System of the systems that it does not work on: New fails, so
// that nothing else here is ever called.
type guest struct{}

func (*guest) open(Config) error                { return errors.ErrUnsupported }
func (*guest) rows() []Row                      { return nil }
func (*guest) mount(string, string, bool) error { return nil }
func (*guest) addrs() []net.Addr                { return nil }
func (*guest) stats() host.Stats                { return host.Stats{} }
func (*guest) limited(string)                   {}
func (*guest) owns(uint32) bool                 { return false }
func (*guest) reserved(uint32) bool             { return false }
func (*guest) drain(bool)                       {}
func (*guest) signal(int) bool                  { return false }
func (*guest) release(net.Listener)             {}
func (*guest) interrupt()                       {}
func (*guest) interrupted() bool                { return false }
func (*guest) close() error                     { return nil }
