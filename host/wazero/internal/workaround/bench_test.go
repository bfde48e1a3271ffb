package workaround

import (
	"os"
	"testing"
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
