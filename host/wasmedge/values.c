//go:build wasmedge

#define _GNU_SOURCE
#include "engine.h"

#include <string.h>

// Types of values have the numbers that wasm gives them.
enum { i32 = 0x7f, i64 = 0x7e, f32 = 0x7d, f64 = 0x7c, another = 0x6f };

uint8_t wasisock_value_type(WasmEdge_ValType type)
{
	if (WasmEdge_ValTypeIsI32(type))
		return i32;
	if (WasmEdge_ValTypeIsI64(type))
		return i64;
	if (WasmEdge_ValTypeIsF32(type))
		return f32;
	if (WasmEdge_ValTypeIsF64(type))
		return f64;
	return another;
}

WasmEdge_Value wasisock_value_of(uint8_t type, uint64_t bits)
{
	float f;
	double d;
	switch (type) {
	case i32:
		return WasmEdge_ValueGenI32((int32_t)bits);
	case f32:
		memcpy(&f, &bits, sizeof f);
		return WasmEdge_ValueGenF32(f);
	case f64:
		memcpy(&d, &bits, sizeof d);
		return WasmEdge_ValueGenF64(d);
	}
	return WasmEdge_ValueGenI64((int64_t)bits);
}

uint64_t wasisock_bits_of(uint8_t type, WasmEdge_Value value)
{
	uint64_t bits = 0;
	float f;
	double d;
	switch (type) {
	case i32:
		return (uint32_t)WasmEdge_ValueGetI32(value);
	case f32:
		f = WasmEdge_ValueGetF32(value);
		memcpy(&bits, &f, sizeof f);
		return bits;
	case f64:
		d = WasmEdge_ValueGetF64(value);
		memcpy(&bits, &d, sizeof d);
		return bits;
	}
	return (uint64_t)WasmEdge_ValueGetI64(value);
}
