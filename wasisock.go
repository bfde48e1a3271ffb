// Package wasisock is the root of a module that gives Go programs inside WebAssembly real network
// sockets. Its packages:
//
//   - cmd/wasisock builds, runs, tests and serves guests: see wasisock help.
//   - cmd/go_wasip1_wasm_exec runs guests for go run and go test.
//   - host runs guests from a Go program, under a policy and limits. Its engines are host/wazero
//     (pure Go), host/wasmtime and host/wasmedge (cgo).
//   - host/hosttrace, host/hostmetrics and host/hostfault trace guests, export their metrics and
//     inject faults into their network. host/hosttest tests an engine.
//   - guest/socket and guest/poll are for guests with an event loop of their own; guest/client
//     and guest/server are programs that use them.
//   - stdnet makes Go's package net work in guests. wasisock build uses it.
//   - sockabi declares the functions, structs and numbers between guest and host.
//
// The package itself holds the sources that stdnet compiles inside the standard library.
package wasisock

import "embed"

// ABI holds the Go files of sockabi and internal/hotcold.
//
//go:embed sockabi/*.go internal/hotcold/*.go
var ABI embed.FS
