module github.com/wasisock/wasisock/bench

go 1.25.0
