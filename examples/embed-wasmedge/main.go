// Embed-wasmedge runs a guest that serves, such as guest/server, in its own process, as
// ../embed does. WasmEdge computes; all else is the same:
//
//	eval "$(scripts/get-wasmedge.sh --cgo-env 0.14)"
//	scripts/build-wasm.sh server
//	cd examples/embed-wasmedge && go run -tags wasmedge . ../../build/server.wasm -addr 127.0.0.1:0
//
// The guest is compiled first, which takes a minute, once.
package main

import (
	"context"
	"log"
	"net"
	"os"
	"os/signal"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/wasmedge"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: embed-wasmedge FILE.wasm [ARGUMENT]...")
	}
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	wasm, err := os.ReadFile(os.Args[1])
	check(err)
	module, err := wasmedge.Compile(interrupted, wasm, wasmedge.Config{Progress: os.Stderr})
	check(err)
	defer module.Close()

	cmd := host.Command(module, os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Policy, err = host.ParsePolicy("listen tcp 127.0.0.1:*")
	check(err)
	cmd.Limits = host.Limits{Memory: 256 << 20, Sockets: 1000}
	cmd.OnListen = func(a net.Addr) { log.Printf("serving http://%s", a) }
	check(cmd.Start(context.Background()))
	context.AfterFunc(interrupted, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		cmd.Shutdown(ctx)
	})
	check(cmd.Wait())
	log.Printf("%d connections, %v of CPU time", cmd.ProcessState.Accepted, cmd.ProcessState.CPUTime)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
