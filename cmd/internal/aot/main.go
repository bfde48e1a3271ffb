// Command aot compiles modules ahead of time, for scripts/build-wasm.sh:
//
//	go run ./cmd/internal/aot 0.17 build/server.wasm
//
// It writes build/server.aot-0.17.wasm, as wasisock build --aot does.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/wasisock/wasisock/cmd/internal/wasmedge"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: aot VERSION FILE.wasm...")
		os.Exit(2)
	}
	if err := compile(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "aot:", err)
		os.Exit(1)
	}
}

func compile(version string, files []string) error {
	p, err := wasmedge.Find(context.Background(), version)
	if err != nil {
		return err
	}
	for _, file := range files {
		code, err := p.Compile(file, wasmedge.Output(file, version), os.Stderr)
		if err == nil && code != 0 {
			err = fmt.Errorf("%s compile %s: exit status %d", p.Path, file, code)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
