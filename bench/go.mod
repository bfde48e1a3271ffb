module github.com/wasisock/wasisock/bench

go 1.25.0

require github.com/stealthrocket/net v0.2.1

require (
	github.com/stealthrocket/wasi-go v0.8.0 // indirect
	github.com/stealthrocket/wazergo v0.19.1 // indirect
	github.com/tetratelabs/wazero v1.2.0 // indirect
	golang.org/x/sys v0.8.0 // indirect
)

tool github.com/stealthrocket/wasi-go/cmd/wasirun
