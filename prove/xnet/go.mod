module github.com/wasisock/wasisock/prove/xnet

go 1.25.0

require golang.org/x/net v0.58.0

require (
	golang.org/x/crypto v0.55.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.41.0 // indirect
)
