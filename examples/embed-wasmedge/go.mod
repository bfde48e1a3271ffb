module github.com/wasisock/wasisock/examples/embed-wasmedge

go 1.25.0

require github.com/second-state/WasmEdge-go v0.14.0
