// Command go_wasip1_wasm_exec lets the go command run programs that it builds for wasip1.
// With it in PATH, these commands work:
//
//	GOOS=wasip1 GOARCH=wasm go run ./cmd/server
//	GOOS=wasip1 GOARCH=wasm go test ./...
//
// It is wasisock exec under the name that the go command looks for. The program gets the
// whole file system, the environment, and loopback: it can dial, listen at and send to
// 127.0.0.0/8 and [::1], listen everywhere at a port that the system chooses, resolve
// localhost, and use UNIX sockets below the directory for temporary files. More rules, as
// of wasisock run --allow, come from WASISOCK_ALLOW, separated by commas or newlines:
//
//	WASISOCK_ALLOW='dial tcp *:443, resolve *' GOOS=wasip1 GOARCH=wasm go run .
//
// Exit codes are those of wasisock run.
package main

import (
	"os"

	"github.com/wasisock/wasisock/cmd/internal/engine"
	"github.com/wasisock/wasisock/cmd/internal/goexec"
)

func main() {
	engine.ServeCompiler()
	os.Exit(goexec.Main("go_wasip1_wasm_exec", os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
