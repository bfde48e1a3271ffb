// Plain embeds guest/server by WasmEdge-go alone, without wasisock's host:
//
//	eval "$(scripts/get-wasmedge.sh --cgo-env 0.14)"
//	scripts/build-wasm.sh server
//	cd examples/embed-wasmedge && go run ./plain ../../build/server.wasm -addr 127.0.0.1:8080
//
// WasmEdge gives the guest every network that this process has, and its standard
// streams; nothing limits it. When the guest exits, so does this program, as it did.
package main

import (
	"log"
	"os"

	"github.com/second-state/WasmEdge-go/wasmedge"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: plain FILE.wasm [ARGUMENT]...")
	}
	conf := wasmedge.NewConfigure(wasmedge.WASI)
	defer conf.Release()
	vm := wasmedge.NewVMWithConfig(conf)
	defer vm.Release()
	wasi := vm.GetImportModule(wasmedge.WASI)
	wasi.InitWasi(os.Args[1:], os.Environ(), nil)

	if err := vm.LoadWasmFile(os.Args[1]); err != nil {
		log.Fatalf("%s: %v; build it with scripts/build-wasm.sh", os.Args[1], err)
	}
	if err := vm.Validate(); err != nil {
		log.Fatalf("%s: %v", os.Args[1], err)
	}
	if err := vm.Instantiate(); err != nil {
		log.Fatalf("%s: %v", os.Args[1], err)
	}
	if _, err := vm.Execute("_start"); err != nil {
		log.Fatalf("%s trapped: %v", os.Args[1], err)
	}
	code := int(wasi.WasiGetExitCode()) // proc_exit is not an error
	vm.Release()
	os.Exit(code)
}
