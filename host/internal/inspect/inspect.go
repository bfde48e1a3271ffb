// Package inspect checks a module before an engine reads it, and has the errors for modules that
// cannot run.
package inspect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero/api"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/printable"
	"github.com/wasisock/wasisock/internal/wasm"
)

// BuildGuest is the remedy for a file that is not a guest.
const BuildGuest = "build one with GOOS=wasip1 GOARCH=wasm go build"

// Unusable returns the error for a module that cannot run, in one line. It cuts and escapes the
// text, parts of which the module may have chosen, such as names.
func Unusable(format string, args ...any) error {
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			args[i] = printable.Text(arg, printable.MaxText, "")
		case Signature:
			args[i] = printable.Text(string(arg), printable.MaxText, "")
		case error:
			args[i] = printable.Text(arg.Error(), printable.MaxText, "")
		}
	}
	return &host.ModuleError{Text: printable.Text(fmt.Sprintf(format, args...), printable.MaxLines, "")}
}

// Trap returns the error for a guest that trapped, with the engine's report. Names in the report
// come from the guest; none has a line end (see wasm.Parse).
func Trap(report string) error {
	return &host.TrapError{Text: printable.Text(report, printable.MaxLines, "\n\t")}
}

// Module parses a module and limits its tables. It must run before an engine reads the module,
// since engines allocate by counts that they have not checked. The error is a *host.ModuleError.
func Module(module []byte) (*wasm.Module, error) {
	if err := checkHeader(module); err != nil {
		return nil, err
	}
	m, err := wasm.Parse(module)
	if err == nil {
		err = m.LimitTables()
	}
	if err != nil {
		return nil, Damaged(err)
	}
	return m, nil
}

// Damaged returns the error for a module that is invalid, or uses a feature that no engine here
// supports; err describes which.
func Damaged(err error) error {
	return Unusable("it is not a module that can run here: %v; "+BuildGuest, err)
}

// MemoryLimit returns the bytes of a limit of memory that tables leave, whose elements take size
// bytes each. 0 means no limit. It returns an error if they leave none.
func MemoryLimit(limit, elements, size uint64) (uint64, error) {
	tables := elements * size
	switch {
	case limit == 0:
		return 0, nil
	case tables >= limit:
		return 0, Unusable("its tables can take %d bytes, and all its memory may have %d; raise the limit", tables, limit)
	}
	return limit - tables, nil
}

// Recover is deferred by functions in which an engine reads or compiles a module. It turns a panic
// of the engine into the error for that module.
func Recover(engine string, err *error) {
	if v := recover(); v != nil {
		*err = Damaged(fmt.Errorf("%s panics at it: %v", engine, v))
	}
}

// checkHeader returns an error for bytes that are not a module.
func checkHeader(wasm []byte) error {
	const moduleVersion, componentVersion = 1, 0x0001000d
	switch {
	case len(wasm) == 0:
		return Unusable("it is empty; " + BuildGuest)
	case !bytes.HasPrefix(wasm, []byte("\x00asm")):
		return Unusable("it begins with %q, which no wasm file does; "+BuildGuest, wasm[:min(4, len(wasm))])
	case len(wasm) < 8:
		return Unusable("it ends after %d bytes; copy or build it again", len(wasm))
	}
	switch v := binary.LittleEndian.Uint32(wasm[4:]); v {
	case moduleVersion:
		return nil
	case componentVersion:
		return Unusable("it is a component, and only core modules can run here; " + BuildGuest)
	default:
		return Unusable("its wasm version is %#x, and only 1 can run here; "+BuildGuest, v)
	}
}

// Exports holds the exports of a module that CheckCommand and CheckLibrary need.
type Exports struct {
	Functions map[string]Signature
	Memories  []string
}

// CheckCommand returns an error for a module that is not a program.
func CheckCommand(exports Exports, imports int) error {
	start, ok := exports.Functions["_start"]
	_, library := exports.Functions["_initialize"]
	switch {
	case ok && start != NewSignature(nil, nil):
		return Unusable("its _start is %s and must take and return nothing; "+BuildGuest, start)
	case ok:
	case library:
		return Unusable("it is a library, with _initialize and no _start; build a program, without -buildmode=c-shared")
	default:
		return Unusable("it exports no _start, so nothing marks where it begins; " + BuildGuest)
	}
	return checkMemory(exports, imports)
}

// CheckLibrary returns an error for a module that is not a library.
func CheckLibrary(exports Exports, imports int) error {
	start, ok := exports.Functions["_initialize"]
	switch {
	case !ok:
		return Unusable("it exports no _initialize, so it is not a library; " + BuildGuest + " -buildmode=c-shared")
	case start != NewSignature(nil, nil):
		return Unusable("its _initialize is %s and must take and return nothing; "+BuildGuest+" -buildmode=c-shared", start)
	}
	return checkMemory(exports, imports)
}

func checkMemory(exports Exports, imports int) error {
	if !slices.Contains(exports.Memories, "memory") && imports > 0 {
		return Unusable(`it exports no memory named "memory", where the host could put results; ` + BuildGuest)
	}
	return nil
}

// A Signature is the type of a function, such as "(i32 i32) i32".
type Signature string

func NewSignature(params, results []api.ValueType) Signature {
	names := func(types []api.ValueType) string {
		var names []string
		for _, t := range types {
			names = append(names, api.ValueTypeName(t))
		}
		return strings.Join(names, " ")
	}
	return Signature(strings.TrimSpace("(" + names(params) + ") " + names(results)))
}
