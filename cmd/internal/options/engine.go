package options

import (
	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/engine"
	"github.com/wasisock/wasisock/host/wasmedge"
)

var (
	engines  = []string{"auto", "wasmtime", "wazero", "wasmedge"}
	kinds    = []engine.Kind{engine.Auto, engine.Wasmtime, engine.Wazero, engine.WasmEdge}
	aotWords = []string{"auto", "wait", "off"}
	aotTimes = []wasmedge.AOT{wasmedge.AOTAuto, wasmedge.AOTWait, wasmedge.AOTOff}
	onOff    = []string{"on", "off"}
)

// Engine returns the flags that choose and configure the engine. They set e.
func Engine(e *engine.Engine) []cli.Flag {
	return append(Compile(e), []cli.Flag{
		{Group: "Engine", Name: "cache", Value: "DIR", Short: "keep compiled code in DIR, or nowhere if DIR is -", Set: cli.Text(&e.CacheDir),
			Long: "The default is `wasisock` in the user's cache directory. Nobody else may be able to write to DIR: wasisock refuses one that somebody else can write to. `wasisock compile` fills a directory for others to use."},
		{Group: "Engine", Name: "cache-size", Rare: true, Value: "BYTES", Default: "1G", Short: "limit the compiled code that is kept", Set: size(&e.CacheSize),
			Long: "The code that was not used for longest is deleted."},
	}...)
}

// Compile returns the flags of Engine, except those for the cache.
func Compile(e *engine.Engine) []cli.Flag {
	return []cli.Flag{
		{Group: "Engine", Name: "engine", Value: "NAME", Words: engines, Default: "auto", Short: "use wazero, wasmtime, wasmedge or auto",
			Set: Choice(engines, func(i int) { e.Kind = kinds[i] }),
			Long: "wasmtime and wasmedge run guests faster, and must be built in: see `wasisock doctor`. `auto` is wasmtime if it is built in and supports all flags given, and wazero otherwise. " +
				"`-v` prints which engine that is, and why."},
		{Group: "Engine", Name: "aot", Value: "WHEN", Words: aotWords, Default: "auto", Short: "compile for WasmEdge: auto, wait or off",
			Set: Choice(aotWords, func(i int) { e.AOT = &aotTimes[i] }),
			Long: "`auto` interprets the guest while it is compiled. With `--listen`, the interpreted guest then makes room for a compiled one. `wait` compiles before the guest starts, and `off` only interprets. " +
				"Needs `--engine wasmedge`."},
		{Group: "Engine", Name: "interruptible", Short: "be able to stop a guest that computes without end", Set: cli.Switch(&e.Interruptible),
			Long: "Costs about 3 times the CPU time on wazero. wasmtime stops every guest without this flag. WasmEdge needs it for untrusted code only, and takes 10 times the CPU time then. Signals do not need it: " +
				"wasisock ends with the guest."},
		{Group: "Engine", Name: "rewrite", Value: "on|off", Words: onOff, Default: "on", Short: "give functions bodies that run faster before compiling",
			Set:  Choice(onOff, func(i int) { e.AsIs = i == 1 }),
			Long: "`off` compiles the guest as Go's compiler made it. Functions that `wasisock build` or `wasisock rewrite` has rewritten stay as they are."},
		{Group: "Engine", Name: "compile-memory", Rare: true, Value: "BYTES", Short: "limit the memory of the process that compiles the guest", Set: size(&e.CompileMemory),
			Long: "That process also reads and validates the guest. The default is 1G and 64 times the size of the guest; with wasmtime 1G and 128 times, with WasmEdge 2G and 512 times."},
		{Group: "Engine", Name: "compile-timeout", Rare: true, Value: "DURATION", Short: "limit the time that compiling takes", Set: Time(&e.CompileTimeout, 1),
			Long: "The default is 1m and 10s for each MB of the guest; with wasmtime 1m and 20s, with WasmEdge 5m and 2m."},
	}
}
