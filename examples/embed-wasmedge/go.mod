module github.com/wasisock/wasisock/examples/embed-wasmedge

go 1.25.0

require (
	github.com/second-state/WasmEdge-go v0.14.0
	github.com/wasisock/wasisock v0.0.0
)

require (
	github.com/tetratelabs/wazero v1.12.0 // indirect
	golang.org/x/net v0.55.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

replace github.com/wasisock/wasisock => ../..
