package workaround

import (
	"os"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/wasisock/wasisock/internal/guestbuild"
)

// BenchmarkApply takes the module that WORKAROUND_MODULE names.
func BenchmarkApply(b *testing.B) {
	file := os.Getenv("WORKAROUND_MODULE")
	if file == "" {
		b.Skip("set WORKAROUND_MODULE to a module's file")
	}
	module, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(module)))
	for b.Loop() {
		if _, _, err := applied(module); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSpeed runs a program that computes, as it is and as workaround leaves it.
func BenchmarkSpeed(b *testing.B) {
	module, err := os.ReadFile(guestbuild.Path(b, "./testdata/compute"))
	if err != nil {
		b.Fatal(err)
	}
	changed, _, err := applied(module)
	if err != nil {
		b.Fatal(err)
	}
	for name, module := range map[string][]byte{"plain": module, "applied": changed} {
		b.Run(name, func(b *testing.B) {
			r := wazero.NewRuntimeWithConfig(b.Context(), wazero.NewRuntimeConfigCompiler())
			defer r.Close(b.Context())
			wasi_snapshot_preview1.MustInstantiate(b.Context(), r)
			compiled, err := r.CompileModule(b.Context(), module)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				m, err := r.InstantiateModule(b.Context(), compiled, wazero.NewModuleConfig().WithName("").WithSysWalltime().WithSysNanotime())
				exit, exited := err.(*sys.ExitError)
				if err != nil && (!exited || exit.ExitCode() != 0) {
					b.Fatal(err)
				}
				if m != nil {
					m.Close(b.Context())
				}
			}
		})
	}
}
