module github.com/wasisock/wasisock

go 1.25.0
