//go:build !linux && !darwin

package sockets

import (
	"errors"
	"net"

	"github.com/wasisock/wasisock/host"
)

// A Guest is declared so that callers compile. New fails here, so nothing calls its methods.
type Guest struct{}

func New(Config) (*Guest, error)                { return nil, errors.ErrUnsupported }
func (*Guest) Mount(string, string, bool) error { return nil }
func (*Guest) Addrs() []net.Addr                { return nil }
func (*Guest) Stats() host.Stats                { return host.Stats{} }
func (*Guest) Limited(string)                   {}
func (*Guest) Owns(uint32) bool                 { return false }
func (*Guest) Reserved(uint32) bool             { return false }
func (*Guest) Drain(bool)                       {}
func (*Guest) Signal(int) bool                  { return false }
func (*Guest) Release(net.Listener)             {}
func (*Guest) Interrupt()                       {}
func (*Guest) Interrupted() bool                { return false }
func (*Guest) Close() error                     { return nil }
