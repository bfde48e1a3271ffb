//go:build wasmtime

#define _GNU_SOURCE
#include "engine.h"

#include "_cgo_export.h"

#include <stdlib.h>

enum { i32 = 0x7f, f32 = 0x7d }; // as wasm numbers types

int64_t wasisock_wasmtime_monotonic(void) { return wasisock_now(CLOCK_MONOTONIC); }

// A view is the guest's memory during a call.
typedef struct {
	uint8_t *base;
	size_t size;
} view;

static view view_of(wasisock_guest *guest, wasmtime_caller_t *caller)
{
	static const char name[] = "memory";
	wasmtime_extern_t memory;
	if (!guest->has_memory) {
		if (!wasmtime_caller_export_get(caller, name, sizeof name - 1, &memory) || memory.kind != WASMTIME_EXTERN_MEMORY)
			return (view){0};
		guest->memory = memory.of.memory;
		guest->has_memory = true;
	}
	return (view){wasmtime_memory_data(guest->context, &guest->memory), wasmtime_memory_data_size(guest->context, &guest->memory)};
}

static uint8_t *at(void *memory, uint32_t address, uint32_t size)
{
	view *v = memory;
	return (uint64_t)address + size <= v->size ? v->base + address : NULL;
}

// call is every function that a guest imports.
static wasm_trap_t *call(void *data, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count)
{
	wasisock_import *import = data;
	wasisock_guest *guest = import->guest;
	view memory = view_of(guest, caller);
	uint64_t stack[16] = {0};
	for (uint32_t i = 0; i < import->params; i++)
		stack[i] = import->types[i] == i32 || import->types[i] == f32 ? (uint32_t)values[i].i32 : (uint64_t)values[i].i64;
	int answer = -1;
	switch (import->kind) {
	case wasisock_ordinary:
		break;
	case wasisock_clock:
		answer = wasisock_clock_time_get(&guest->plane, at, &memory, stack);
		break;
	case wasisock_receives:
	case wasisock_sends:
		answer = wasisock_transfer(&guest->plane, at, &memory, stack, import->params, import->kind == wasisock_receives);
		break;
	}
	if (answer < 0) {
		wasisock_wasmtime_computes = 0;
		uint32_t outcome = wasisockWasmtimeCall(guest->handle, import->function, stack, memory.base, memory.size);
		wasisock_wasmtime_computes = 1;
		if (outcome)
			return wasmtime_trap_new_code(WASMTIME_TRAP_CODE_INTERRUPT);
		answer = (int)stack[0];
	}
	if (import->results)
		values[0].i32 = answer;
	return NULL;
}

// due is called while the guest computes, once the engine's epoch has changed.
static wasmtime_error_t *due(wasmtime_context_t *context, void *data, uint64_t *delta, uint8_t *kind)
{
	wasisock_guest *guest = data;
	if (__atomic_load_n(&guest->stops, __ATOMIC_SEQ_CST))
		return wasmtime_error_new("stopped");
	*delta = 1;
	*kind = WASMTIME_UPDATE_DEADLINE_CONTINUE;
	return NULL;
}

void wasisock_wasmtime_stop(wasisock_guest *guest)
{
	__atomic_store_n(&guest->stops, 1, __ATOMIC_SEQ_CST);
	wasmtime_engine_increment_epoch(guest->engine);
}

void wasisock_wasmtime_open(wasisock_guest *guest, int64_t memory, int64_t elements, int64_t tables)
{
	guest->store = wasmtime_store_new(guest->engine, NULL, NULL);
	guest->context = wasmtime_store_context(guest->store);
	wasmtime_store_limiter(guest->store, memory, elements, 1, tables, 1);
	wasmtime_store_epoch_deadline_callback(guest->store, due, guest, NULL);
	wasmtime_context_set_epoch_deadline(guest->context, 1);
}

static wasm_valtype_vec_t types_of(const uint8_t *kinds, size_t count)
{
	wasm_valtype_t *all[16];
	wasm_valtype_vec_t types;
	for (size_t i = 0; i < count; i++)
		all[i] = wasm_valtype_new(kinds[i]);
	wasm_valtype_vec_new(&types, count, all);
	return types;
}

wasm_functype_t *wasisock_wasmtime_type(const uint8_t *params, size_t param_count, const uint8_t *results, size_t result_count)
{
	wasm_valtype_vec_t p = types_of(params, param_count), r = types_of(results, result_count);
	return wasm_functype_new(&p, &r);
}

wasisock_end wasisock_wasmtime_instantiate(wasisock_guest *guest, const wasmtime_module_t *module, wasm_functype_t **types, wasisock_import *imports, size_t count)
{
	wasisock_end end = {0};
	wasmtime_extern_t *functions = calloc(count + 1, sizeof *functions);
	if (!functions) {
		end.error = wasmtime_error_new("out of memory");
		return end;
	}
	for (size_t i = 0; i < count; i++) {
		functions[i].kind = WASMTIME_EXTERN_FUNC;
		wasmtime_func_new_unchecked(guest->context, types[i], call, &imports[i], NULL, &functions[i].of.func);
	}
	wasisock_wasmtime_computes = 1;
	end.error = wasmtime_instance_new(guest->context, module, functions, count, &guest->instance, &end.trap);
	wasisock_wasmtime_computes = 0;
	free(functions);
	return end;
}

wasisock_end wasisock_wasmtime_invoke(wasisock_guest *guest, const char *name, size_t length, uint64_t *stack, size_t count)
{
	wasisock_end end = {0};
	wasmtime_extern_t function;
	wasmtime_val_raw_t *values = calloc(count + 1, sizeof *values);
	if (!values || !wasmtime_instance_export_get(guest->context, &guest->instance, name, length, &function) || function.kind != WASMTIME_EXTERN_FUNC) {
		free(values);
		end.error = wasmtime_error_new(values ? "no such function" : "out of memory");
		return end;
	}
	for (size_t i = 0; i < count; i++)
		values[i].i64 = (int64_t)stack[i];
	wasisock_wasmtime_computes = 1;
	end.error = wasmtime_func_call_unchecked(guest->context, &function.of.func, values, count, &end.trap);
	wasisock_wasmtime_computes = 0;
	for (size_t i = 0; i < count; i++)
		stack[i] = (uint64_t)values[i].i64;
	free(values);
	return end;
}
