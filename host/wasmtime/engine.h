#pragma once

#include <signal.h>

#include "../internal/cengine/cengine.h"
#include "api.h"

// A wasisock_guest is the part of a guest's state that C needs.
typedef struct {
	wasisock_plane plane;
	uintptr_t handle; // a cgo.Handle
	wasm_engine_t *engine;
	wasmtime_store_t *store;
	wasmtime_context_t *context; // of the store
	wasmtime_instance_t instance;
	wasmtime_memory_t memory; // once has_memory
	bool has_memory;
	uint32_t stops; // it is to end: atomic
} wasisock_guest;

// A wasisock_import implements one function that a guest imports.
typedef struct {
	wasisock_guest *guest;
	uint32_t function; // of the module's
	uint32_t params, results;
	uint8_t types[16]; // of the parameters, as wasm numbers them
	enum { wasisock_ordinary, wasisock_clock, wasisock_receives, wasisock_sends } kind; // cengine.Kind
} wasisock_import;

// A wasisock_end is how wasmtime's code ended: with one of both, or none.
typedef struct {
	wasmtime_error_t *error;
	wasm_trap_t *trap;
} wasisock_end;

// wasisock_wasmtime_engine makes the engine, which is never freed. target is NULL for this CPU.
wasm_engine_t *wasisock_wasmtime_engine(size_t stack, const char *target, wasmtime_error_t **error);

// wasisock_wasmtime_type makes the type of a function, of kinds of values.
wasm_functype_t *wasisock_wasmtime_type(const uint8_t *params, size_t param_count, const uint8_t *results, size_t result_count);

void wasisock_wasmtime_open(wasisock_guest *guest, int64_t memory, int64_t elements, int64_t tables);
void wasisock_wasmtime_stop(wasisock_guest *guest);
wasisock_end wasisock_wasmtime_instantiate(wasisock_guest *guest, const wasmtime_module_t *module, wasm_functype_t **types, wasisock_import *imports, size_t count);

// wasisock_wasmtime_invoke calls a function that the guest exports with the values on the stack,
// with room for as many results.
wasisock_end wasisock_wasmtime_invoke(wasisock_guest *guest, const char *name, size_t length, uint64_t *stack, size_t count);

// wasisock_wasmtime_computes is whether this thread runs code of a guest.
extern __thread volatile sig_atomic_t wasisock_wasmtime_computes;

int64_t wasisock_wasmtime_monotonic(void);
