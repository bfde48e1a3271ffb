// Package cengine is the common part of engines written in C: cengine.h, which
// answers calls of a guest where the way to Go is long, here which calls these are, and the
// threads that guests run on. The header compiles without any engine, and testdata drives it
// without one.
package cengine

import _ "embed"

// Header is cengine.h. As a part of this package it has the go command build again, when it
// changes, what includes it.
//
//go:embed cengine.h
var Header string

// A Kind is who answers a call.
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

// KindOf returns that of a function which a guest imports.
func KindOf(function string) Kind { return kinds[function] }
