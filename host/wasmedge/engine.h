#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <wasmedge/wasmedge.h>

#include "../internal/cengine/cengine.h"

// A guest is the part of a guest's state that C needs.
typedef struct {
	wasisock_plane plane;
	uintptr_t handle; // a cgo.Handle
	WasmEdge_MemoryInstanceContext *memory; // once it has called
	int thread; // that it runs on
	int interrupted; // it has ended by wasisock_interrupt
	WasmEdge_Async *canceller; // of its executor
	uint64_t stack_limit; // it overflows its stack when it asks for as many bytes at once
	bool overflowed;
} wasisock_guest;

// wasisock_return_large_memory has free return large blocks to the system.
void wasisock_return_large_memory(void);

extern __thread wasisock_guest *wasisock_here; // the guest whose thread this is, or NULL

// Whether this thread runs code of a guest's, and whether that code has reached the end of its stack:
// see stack.c.
extern __thread volatile sig_atomic_t wasisock_computes, wasisock_overflowed;

// A value, as its type's number in wasm and its bits.
WasmEdge_Value wasisock_value_of(uint8_t type, uint64_t bits);
uint64_t wasisock_bits_of(uint8_t type, WasmEdge_Value value);

// An import implements one function that a guest imports.
typedef struct {
	wasisock_guest *guest;
	uint32_t function; // of the module's
	uint32_t params, results;
	uint8_t types[16]; // of the parameters
	enum { wasisock_ordinary, wasisock_clock, wasisock_receives, wasisock_sends } kind; // cengine.Kind
} wasisock_import;

// wasisock_stack_overflow is for a code of WasmEdge's, which has none for that.
enum { wasisock_stack_overflow = 1 << 24 };

// wasisock_interrupt ends the guest of that handle, if its thread is this one and runs its
// compiled code at the moment.
void wasisock_interrupt(int thread, uintptr_t handle);
void wasisock_prepare_interrupts(void); // once
void wasisock_running(wasisock_guest *guest); // on this thread; NULL means none
int wasisock_is_interrupt(const siginfo_t *info);
int wasisock_heed(const siginfo_t *info, const void *context);

// The stack of a thread for compiled code. No value takes more than 16 bytes, and the code of a
// function, of less than 8 MB, has less values than bytes. Locals add less than 1 MB.
enum {
	wasisock_stack_size = 8 << 20,
	wasisock_stack_guard = 128 << 20,
};

void wasisock_measure_stack(void); // of this thread, before it is asked for
bool wasisock_stack_is_short(void);
bool wasisock_stack_ends_at(uintptr_t address); // that faulted

// wasisock_memory is where that much of a guest's memory is, or NULL. The offset and the
// length have 32 bits until 0.14 and 64 since; a register has them all.
uint8_t *wasisock_memory(WasmEdge_MemoryInstanceContext *memory, uint64_t offset, uint64_t length)
	__asm__("WasmEdge_MemoryInstanceGetPointer");

int64_t wasisock_monotonic(void);
void wasisock_ahead_of_time(WasmEdge_ConfigureContext *config);
uint8_t wasisock_value_type(WasmEdge_ValType type);
WasmEdge_FunctionInstanceContext *wasisock_function(const WasmEdge_FunctionTypeContext *type, wasisock_import *import);
WasmEdge_Result wasisock_instantiate(WasmEdge_ExecutorContext *executor, WasmEdge_ModuleInstanceContext **module,
				     WasmEdge_StoreContext *store, const WasmEdge_ASTModuleContext *ast);
WasmEdge_Result wasisock_invoke(WasmEdge_ExecutorContext *executor, const WasmEdge_FunctionInstanceContext *function,
				const uint8_t *types, uint64_t *stack, uint32_t params, uint32_t results);
WasmEdge_Async *wasisock_canceller(WasmEdge_ExecutorContext *executor);
WasmEdge_Result wasisock_compile(WasmEdge_CompilerContext *compiler, WasmEdge_Bytes wasm, const char *out);
int wasisock_own_signals(WasmEdge_ExecutorContext *executor, WasmEdge_StoreContext *store,
			 const WasmEdge_ASTModuleContext *ast);
