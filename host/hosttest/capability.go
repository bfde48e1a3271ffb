package hosttest

import (
	"context"
	"fmt"
	"math/bits"
	"strings"

	"github.com/wasisock/wasisock/host"
)

// A Capability is a set of things that an engine can do. A sentence that needs one which
// an engine lacks is skipped there.
type Capability uint

const (
	// InProcess is running guests from Go, by package host. An engine has it if it has
	// Compile.
	InProcess Capability = 1 << iota

	// Compiled is running guests as machine code. An interpreter takes minutes for what
	// computes much, and runs that with -all only.
	Compiled

	// CompilesQuickly is compiling a guest that Go built in seconds. An engine that
	// takes most of a minute compiles a few of them, and runs the sentences that need
	// others, or one again with Config.Interruptible, with -all only.
	CompilesQuickly

	// Interruptible is stopping a guest that computes if Config.Interruptible is set.
	Interruptible

	// InterruptsAlways is stopping any guest that computes without
	// Config.Interruptible.
	InterruptsAlways

	// InterruptsOften is stopping most guests that compute without
	// Config.Interruptible. An engine that has neither cannot stop them.
	InterruptsOften

	// TrapStacks is reporting the guest's stack with a trap.
	TrapStacks

	// BoundedRecursion is ending a guest that recurses without end by a trap, before it
	// takes the machine's memory.
	BoundedRecursion

	// ReservedMemory means that a guest can declare or grow to 4 GiB of memory which it
	// does not use, whatever the machine has.
	ReservedMemory

	// Survival means that no call of a guest ends the engine's process or spoils its later
	// calls.
	Survival
)

// slow are the capabilities that -all does without.
const slow = Compiled | CompilesQuickly

// capabilities are all, in the order of their bits.
var capabilities = []struct{ name, means string }{
	{"InProcess", "runs guests from Go, by package host"},
	{"Compiled", "runs guests as machine code"},
	{"CompilesQuickly", "compiles what Go built in seconds"},
	{"Interruptible", "stops a guest that computes if Config.Interruptible is set"},
	{"InterruptsAlways", "stops any guest that computes, whatever Config says"},
	{"InterruptsOften", "stops most guests that compute, whatever Config says"},
	{"TrapStacks", "reports the guest's stack with a trap"},
	{"BoundedRecursion", "ends endless recursion by a trap"},
	{"ReservedMemory", "lets guests have 4 GiB of memory that they do not use"},
	{"Survival", "survives every call of a guest"},
}

// String lists the capabilities by name.
func (c Capability) String() string {
	var names []string
	for ; c != 0; c &= c - 1 {
		names = append(names, capabilities[bits.TrailingZeros(uint(c))].name)
	}
	return strings.Join(names, ", ")
}

// can lists the engine's capabilities.
func (e Engine) can() Capability {
	if e.Compile != nil {
		return e.Can | InProcess
	}
	return e.Can &^ InProcess
}

// has reports whether the engine has all of these capabilities.
func (e Engine) has(c Capability) bool { return c&^e.can() == 0 }

// lacking returns the first of these capabilities that the engine lacks, or 0.
func (e Engine) lacking(needs Capability) Capability {
	missing := needs &^ e.can()
	return missing & -missing
}

// noCompile stands for an engine's Compile where only its being there counts.
func noCompile(context.Context, []byte, Config) (host.Module, error) { panic("unreachable") }

// lacks says why an engine does not run what needs these capabilities, or "".
func (e Engine) lacks(needs Capability) string {
	missing := needs &^ e.can()
	if *all {
		missing &^= slow
	}
	if missing == 0 {
		return ""
	}
	first := missing & -missing
	why := fmt.Sprintf("it needs %s, an engine that %s", first, capabilities[bits.TrailingZeros(uint(first))].means)
	if missing&^slow == 0 {
		return why + "; run it with -all"
	}
	return why + ", which " + e.Name + " does not provide"
}
