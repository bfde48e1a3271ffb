// Package cengine has the common parts of engines written in C: cengine.h, which serves some
// calls of a guest without a slow call into Go, the list of these calls, and the threads on which
// guests run. The header compiles without any engine, and testdata uses it without one.
package cengine

import _ "embed"

// Header is cengine.h. It is a part of this package so that the go command rebuilds the packages
// that include it when it changes.
//
//go:embed cengine.h
var Header string

// A Kind says which code serves a call.
type Kind uint32

const (
	Ordinary Kind = iota // Go
	Clock                // wasisock_clock_time_get
	Receives             // wasisock_transfer
	Sends                // wasisock_transfer
)

var kinds = map[string]Kind{
	"clock_time_get": Clock,
	"fd_read":        Receives,
	"sock_recv":      Receives,
	"sock_recv_v2":   Receives,
	"fd_write":       Sends,
	"sock_send":      Sends,
	"sock_send_v2":   Sends,
}

// KindOf returns the kind of a function that a guest imports.
func KindOf(function string) Kind { return kinds[function] }
