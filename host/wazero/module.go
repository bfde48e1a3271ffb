package wazero

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wasisock/wasisock/host"
)

func unusable(format string, args ...any) error {
	return &host.ModuleError{Text: fmt.Sprintf(format, args...)}
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

const buildGuest = "build one with GOOS=wasip1 GOARCH=wasm go build"

// inspect tells what is no wasm module at all.
func inspect(wasm []byte) error {
	const moduleVersion, componentVersion = 1, 0x0001000d
	switch {
	case len(wasm) == 0:
		return unusable("it is empty; " + buildGuest)
	case !bytes.HasPrefix(wasm, []byte("\x00asm")):
		return unusable("it begins with %q, which no wasm file does; "+buildGuest, wasm[:min(4, len(wasm))])
	case len(wasm) < 8:
		return unusable("it ends after %d bytes; copy or build it again", len(wasm))
	}
	switch v := binary.LittleEndian.Uint32(wasm[4:]); v {
	case moduleVersion:
		return nil
	case componentVersion:
		return unusable("it is a component, and only core modules can run here; " + buildGuest)
	default:
		return unusable("its wasm version is %#x, and only 1 can run here; "+buildGuest, v)
	}
}

// checkCommand tells what is a module, but no program.
func checkCommand(compiled wazero.CompiledModule) error {
	exports := compiled.ExportedFunctions()
	start, ok := exports["_start"]
	switch {
	case ok && len(start.ParamTypes())+len(start.ResultTypes()) > 0:
		return unusable("its _start is %s and must take and return nothing; "+buildGuest, signatureOf(start))
	case ok:
	case exports["_initialize"] != nil:
		return unusable("it is a library, with _initialize and no _start; build a program, without -buildmode=c-shared")
	default:
		return unusable("it exports no _start, so nothing tells where it begins; " + buildGuest)
	}
	if _, ok := compiled.ExportedMemories()["memory"]; !ok && len(compiled.ImportedFunctions()) > 0 {
		return unusable(`it exports no memory named "memory", where the host could put results; ` + buildGuest)
	}
	return nil
}

// A signature is such as "(i32 i32) i32".
type signature string

func signatureOf(f api.FunctionDefinition) signature {
	return newSignature(f.ParamTypes(), f.ResultTypes())
}

func newSignature(params, results []api.ValueType) signature {
	names := func(types []api.ValueType) string {
		var names []string
		for _, t := range types {
			names = append(names, api.ValueTypeName(t))
		}
		return strings.Join(names, " ")
	}
	return signature(strings.TrimSpace("(" + names(params) + ") " + names(results)))
}
