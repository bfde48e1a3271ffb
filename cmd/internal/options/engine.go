package options

import (
	"flag"

	"github.com/wasisock/wasisock/cmd/internal/engine"
	"github.com/wasisock/wasisock/host/wasmedge"
)

// Engine adds flags that say which engine compiles guests, and how.
func Engine(flags *flag.FlagSet, e *engine.Engine) {
	is := func(kind engine.Kind) func() { return func() { e.Kind = kind } }
	flags.Func("engine", "", choice(map[string]func(){
		"auto": is(engine.Auto), "wazero": is(engine.Wazero), "wasmedge": is(engine.WasmEdge), "wasmtime": is(engine.Wasmtime),
	}, "auto, wasmtime, wazero or wasmedge"))
	aot := func(when wasmedge.AOT) func() { return func() { e.AOT = &when } }
	flags.Func("aot", "", choice(map[string]func(){
		"auto": aot(wasmedge.AOTAuto), "wait": aot(wasmedge.AOTWait), "off": aot(wasmedge.AOTOff),
	}, "auto, wait or off"))
	flags.BoolVar(&e.Interruptible, "interruptible", false, "")
	flags.Func("rewrite", "", choice(map[string]func(){
		"on":  func() { e.AsIs = false },
		"off": func() { e.AsIs = true },
	}, "on or off"))
	flags.StringVar(&e.CacheDir, "cache", "", "")
	flags.Func("cache-size", "", size(&e.CacheSize))
	flags.Func("compile-memory", "", size(&e.CompileMemory))
	flags.Func("compile-timeout", "", Time(&e.CompileTimeout, 1))
}
