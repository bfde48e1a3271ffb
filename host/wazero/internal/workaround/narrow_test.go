package workaround

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wasisock/wasisock/internal/wasm"
	. "github.com/wasisock/wasisock/internal/wasm/wasmtest"
)

// TestNarrow gives every instruction that takes an i32 one that may have other bits than
// its own in a register of 64: as the result of instructions that leave some there.
func TestNarrow(t *testing.T) {
	i32 := func(v int64) []byte { return Const(wasm.I32, v) }
	i64 := func(v int64) []byte { return Const(wasm.I64, v) }
	sources := map[string][]byte{
		"i32.load8_s":   Code(i32(0), Op(0x2c, 0, 0)),
		"i32.load16_s":  Code(i32(0), Op(0x2e, 0, 0)),
		"i32.load":      Code(i32(0), Op(0x28, 0, 0)),
		"i32.extend8_s": Code(Op(wasm.OpLocalGet, 0), Op(0xc0)),
		"extend16_s":    Code(Op(wasm.OpLocalGet, 0), Op(0xc1)),
		"i32.shr_s":     Code(Op(wasm.OpLocalGet, 0), i32(7), Op(wasm.OpI32ShrS)),
		"i32.sub":       Code(i32(0), Op(wasm.OpLocalGet, 0), Op(0x6b)),
		"i32.mul":       Code(Op(wasm.OpLocalGet, 0), Op(wasm.OpLocalGet, 0), Op(0x6c)),
		"i32.shl":       Code(Op(wasm.OpLocalGet, 0), i32(9), Op(wasm.OpI32Shl)),
		"i32.rotl":      Code(Op(wasm.OpLocalGet, 0), i32(9), Op(0x77)),
		"i32.wrap_i64":  Code(Op(wasm.OpLocalGet, 1), Op(wasm.OpI32WrapI64)),
		"wrapped load":  Code(i32(0), Op(0x29, 0, 0), Op(wasm.OpI32WrapI64)),
		"i32.trunc_sat": Code(Op(wasm.OpLocalGet, 1), Op(0xb9), Op(0xfc02)),
		"reinterpret":   Code(Op(wasm.OpLocalGet, 1), Op(0xb4), Op(0xbc)),
		"a parameter":   Op(wasm.OpLocalGet, 0),
	}
	var names []string
	m := Module{Pages: 1, Table: 1}
	for name, source := range sources {
		for op := wasm.OpI32Eqz; op <= 0xc4; op++ {
			operands, result, _ := strings.Cut(op.Info().Signature, ":")
			if !strings.Contains(operands, "i") || strings.Contains(operands+result, "v") {
				continue
			}
			for at := range operands {
				if operands[at] != 'i' {
					continue
				}
				var code []byte
				for i, o := range operands {
					switch {
					case i == at:
						code = append(code, source...)
					case o == 'i':
						code = append(code, i32(13)...)
					case o == 'I':
						code = append(code, i64(13)...)
					}
				}
				code = append(code, Op(op)...)
				switch result { // to i64, all of it
				case "i":
					code = append(code, Op(0xac)...)
				case "f":
					code = append(code, Op(0xbc)...)
					code = append(code, Op(0xac)...)
				case "F":
					code = append(code, Op(0xbd)...)
				}
				m.Funcs = append(m.Funcs, Func{Name: fmt.Sprint(len(names)), Params: []wasm.Type{wasm.I32, wasm.I64}, Results: []wasm.Type{wasm.I64}, Code: Code(
					i32(0), Op(wasm.OpLocalGet, 1), Op(0x37, 0, 0), code)})
				names = append(names, fmt.Sprintf("%v with %s as operand %d", op, name, at))
			}
		}
		for use, code := range map[string][]byte{
			"the address of a load": Code(source, i32(8), Op(wasm.OpI32And), Op(0x29, 0, 0)),
			"a wild address":        Code(source, Op(0x31, 0, 0)),
			"the index of br_table": Code([]byte{byte(wasm.OpBlock), 0x40, byte(wasm.OpBlock), 0x40}, source, []byte{byte(wasm.OpBrTable), 1, 0, 1}, Op(wasm.OpEnd), i64(1), Op(wasm.OpReturn), Op(wasm.OpEnd), i64(2)),
			"an if":                 Code(source, []byte{byte(wasm.OpIf), byte(wasm.I64)}, i64(1), Op(wasm.OpElse), i64(2), Op(wasm.OpEnd)),
			"a select":              Code(i64(1), i64(2), source, Op(wasm.OpSelect)),
			"a table's index":       Code(source, Op(0x25, 0), Op(0xd1), Op(wasm.OpI64ExtendI32U)),
		} {
			m.Funcs = append(m.Funcs, Func{Name: fmt.Sprint(len(names)), Params: []wasm.Type{wasm.I32, wasm.I64}, Results: []wasm.Type{wasm.I64}, Code: Code(
				i32(0), Op(wasm.OpLocalGet, 1), Op(0x37, 0, 0), code)})
			names = append(names, use+" with "+name)
		}
	}
	module := m.Encode()
	cured, _, err := applied(module)
	if err != nil {
		t.Fatal(err)
	}
	instantiate := func(config wazero.RuntimeConfig, module []byte) func(i int, x uint64) string {
		ctx := context.Background()
		r := wazero.NewRuntimeWithConfig(ctx, config)
		t.Cleanup(func() { r.Close(ctx) })
		instance, err := r.Instantiate(ctx, module)
		if err != nil {
			t.Fatal(err)
		}
		return func(i int, x uint64) string {
			results, err := instance.ExportedFunction(fmt.Sprint(i)).Call(ctx, uint64(uint32(x)), x)
			if err != nil {
				trap, _, _ := strings.Cut(err.Error(), "\n")
				return trap
			}
			return fmt.Sprint(results[0])
		}
	}
	right := instantiate(wazero.NewRuntimeConfigInterpreter(), module)
	compiled := instantiate(wazero.NewRuntimeConfigCompiler(), cured)
	for i, name := range names {
		for _, x := range []uint64{0, 1, 0x80, 0xff7f, 0x8000, 0xffff, 0x8000_0000, 0xffff_ffff, 1 << 32, 0xffff_ffff_0000_0000, 0xffff_ffff_ffff_ffff, 0x8000_0000_8000_8080} {
			if got, want := compiled(i, x), right(i, x); got != want {
				t.Errorf("%s, of %#x: %s; want %s", name, x, got, want)
				break
			}
		}
	}
	t.Logf("%d functions", len(names))
}
