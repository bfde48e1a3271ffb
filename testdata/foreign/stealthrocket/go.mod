module github.com/wasisock/wasisock/testdata/foreign/stealthrocket

go 1.25.0

require github.com/stealthrocket/net v0.2.1
