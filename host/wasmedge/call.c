//go:build wasmedge

#define _GNU_SOURCE
#include "engine.h"

#include "_cgo_export.h"

#include <stdlib.h>

__thread volatile sig_atomic_t wasisock_computes, wasisock_overflowed;

// begin and end are around what runs code of a guest's.
static void begin(void)
{
	wasisock_measure_stack();
	wasisock_overflowed = 0;
	wasisock_computes = 1;
}

static WasmEdge_Result end(WasmEdge_Result result)
{
	wasisock_computes = 0;
	if (wasisock_overflowed || (wasisock_here && wasisock_here->overflowed))
		result.Code = wasisock_stack_overflow;
	return result;
}

// memory_of is the memory of a guest, which takes a lock to find, or NULL.
static WasmEdge_MemoryInstanceContext *memory_of(wasisock_guest *guest, const WasmEdge_CallingFrameContext *frame)
{
	if (!guest->memory)
		guest->memory = WasmEdge_CallingFrameGetMemoryInstance(frame, 0);
	return guest->memory;
}

static uint8_t *at(void *memory, uint32_t address, uint32_t size)
{
	return memory ? wasisock_memory(memory, address, size) : NULL;
}

enum { most_params = 16 };

static void stack_of(uint64_t *stack, const wasisock_import *import, const WasmEdge_Value *params)
{
	for (uint32_t i = 0; i < import->params; i++)
		stack[i] = wasisock_bits_of(import->types[i], params[i]);
}

// in_go calls the function in Go.
static WasmEdge_Result in_go(const wasisock_import *import, WasmEdge_MemoryInstanceContext *memory, uint64_t *stack, WasmEdge_Value *returns)
{
	wasisock_computes = 0;
	uint32_t pages = memory ? (uint32_t)WasmEdge_MemoryInstanceGetPageSize(memory) : 0;
	uint8_t *base = pages ? wasisock_memory(memory, 0, 1) : NULL;

	uint32_t code = wasisockCall(import->guest->handle, import->function, stack, base, pages);
	if (import->results)
		returns[0] = WasmEdge_ValueGenI32((int32_t)stack[0]);
	wasisock_computes = 1;
	return (WasmEdge_Result){.Code = code};
}

// call is every function that a guest imports. For a request, net/http asks eleven times for
// the time, and Go is far. A guest that must stop does not get here: WasmEdge looks
// before each call (Executor::enterFunction in lib/executor/helper.cpp).
static WasmEdge_Result call(void *data, const WasmEdge_CallingFrameContext *frame,
			    const WasmEdge_Value *params, WasmEdge_Value *returns)
{
	if (wasisock_stack_is_short()) {
		wasisock_overflowed = 1;
		return WasmEdge_Result_Fail;
	}
	wasisock_import *import = data;
	wasisock_plane *plane = &import->guest->plane;
	WasmEdge_MemoryInstanceContext *memory = memory_of(import->guest, frame);
	uint64_t stack[most_params] = {0};
	stack_of(stack, import, params);
	int answer = -1;
	switch (import->kind) {
	case wasisock_clock:
		answer = wasisock_clock_time_get(plane, at, memory, stack);
		break;
	case wasisock_receives:
	case wasisock_sends:
		answer = wasisock_transfer(plane, at, memory, stack, import->params, import->kind == wasisock_receives);
		break;
	}
	if (answer < 0)
		return in_go(import, memory, stack, returns);
	returns[0] = WasmEdge_ValueGenI32(answer);
	return WasmEdge_Result_Success;
}

int64_t wasisock_monotonic(void) { return wasisock_now(CLOCK_MONOTONIC); }

WasmEdge_FunctionInstanceContext *wasisock_function(const WasmEdge_FunctionTypeContext *type, wasisock_import *import)
{
	return WasmEdge_FunctionInstanceCreate(type, call, import, 0);
}

WasmEdge_Result wasisock_instantiate(WasmEdge_ExecutorContext *executor, WasmEdge_ModuleInstanceContext **module,
				     WasmEdge_StoreContext *store, const WasmEdge_ASTModuleContext *ast)
{
	begin();
	return end(WasmEdge_ExecutorInstantiate(executor, module, store, ast));
}

// wasisock_invoke calls a function with the values on the stack, which gets the results.
// types are those of the parameters and then those of the results.
WasmEdge_Result wasisock_invoke(WasmEdge_ExecutorContext *executor, const WasmEdge_FunctionInstanceContext *function,
				const uint8_t *types, uint64_t *stack, uint32_t params, uint32_t results)
{
	WasmEdge_Value *given = calloc(params + results + 1, sizeof *given), *got = given + params;
	if (!given)
		return WasmEdge_Result_Fail;
	for (uint32_t i = 0; i < params; i++)
		given[i] = wasisock_value_of(types[i], stack[i]);
	begin();
	WasmEdge_Result result = end(WasmEdge_ExecutorInvoke(executor, function, given, params, got, results));
	if (WasmEdge_ResultOK(result))
		for (uint32_t i = 0; i < results; i++)
			stack[i] = wasisock_bits_of(types[params + i], got[i]);
	free(given);
	return result;
}
