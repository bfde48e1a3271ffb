//go:build wasmedge

package wasmedge

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
)

// TestLargeFrames holds that a compiled guest cannot step over the end of its stack: LLVM's
// code does not touch each page of a large frame, as C compilers have it do. It is in a process
// of its own, which has to live on.
func TestLargeFrames(t *testing.T) {
	const variable = "WASISOCK_LARGE_FRAMES"
	if os.Getenv(variable) != "" {
		stepOver(t)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.v", "-test.run=^TestLargeFrames$")
	cmd.Env = append(os.Environ(), variable+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %.2000s", err, out)
	}
}

// stepOver runs guests at once, whose stacks can lie beside each other.
func stepOver(t *testing.T) {
	for _, locals := range []int{2_500, 5_000} {
		m := compile(t, largeFrame(locals), Config{AOT: AOTWait})
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := host.Command(m, "large").Run(t.Context()); err == nil || !strings.Contains(err.Error(), "stack overflow") {
					t.Errorf("%d locals: %v", locals, err)
				}
			})
		}
		all.Wait()
	}
}

// largeFrame returns a module whose function calls itself without end, and has in its frame
// what it would need in a branch that it does not take: it touches little of each frame.
func largeFrame(locals int) []byte {
	const taken = 50_000 // the address of what decides
	var rare []byte
	address := func(i int) []byte { return asm.ConstI32(int32(4 * (i % 10_000))) }
	for i := range locals {
		rare = asm.Join(rare, address(i), []byte("\x28\x02\x00"), asm.ConstI32(int32(i)), []byte("\x6a\x21"), asm.LocalGet(i)[1:])
	}
	rare = asm.Join(rare, asm.Call(0))
	for i := range locals {
		rare = asm.Join(rare, address(i), asm.LocalGet(i), []byte("\x36\x02\x00"))
	}
	unless := asm.Join(asm.ConstI32(taken), []byte("\x28\x02\x00\x45"), asm.BranchIf(0))
	more := asm.Join(asm.ConstI32(0), asm.ConstI32(1), []byte("\x36\x02\x00")) // so that the call is not a jump
	return asm.Module{Pages: 1, Locals: locals, Code: asm.Join(asm.Block(unless, rare), asm.Call(0), more)}.Bytes()
}
