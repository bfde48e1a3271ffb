module github.com/wasisock/wasisock

go 1.25.0

require (
	github.com/tetratelabs/wazero v1.12.0
	go.yaml.in/yaml/v3 v3.0.6
	golang.org/x/sys v0.45.0
)

require golang.org/x/net v0.55.0
