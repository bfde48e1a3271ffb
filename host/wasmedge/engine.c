//go:build wasmedge

#define _GNU_SOURCE
#include "engine.h"
#include "_cgo_export.h"

#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// computes is whether this thread runs code of a guest's.
static __thread volatile sig_atomic_t computes;

// overflowed is whether the guest of this thread has come to the end of its stack: see stack.c.
static __thread volatile sig_atomic_t overflowed;

// begin and end are around what runs code of a guest's.
static void begin(void)
{
	wasisock_measure_stack();
	overflowed = 0;
	computes = 1;
}

static WasmEdge_Result end(WasmEdge_Result result)
{
	computes = 0;
	if (overflowed || (wasisock_here && wasisock_here->overflowed))
		result.Code = wasisock_stack_overflow;
	return result;
}

// WasmEdge 0.17 looks at compiled code only when it is told to; 0.14 has no such function.
extern void WasmEdge_ConfigureSetRunMode(WasmEdge_ConfigureContext *config, int mode) __attribute__((weak));

void wasisock_ahead_of_time(WasmEdge_ConfigureContext *config)
{
	enum { ahead_of_time = 2 }; // WasmEdge_RunMode_AOT
	if (WasmEdge_ConfigureSetRunMode)
		WasmEdge_ConfigureSetRunMode(config, ahead_of_time);
}

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

static WasmEdge_Value value_of(uint8_t type, uint64_t bits)
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

static uint64_t bits_of(uint8_t type, WasmEdge_Value value)
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

// memory_of is the memory of a guest, which takes a lock to find, or NULL.
static WasmEdge_MemoryInstanceContext *memory_of(wasisock_guest *guest, const WasmEdge_CallingFrameContext *frame)
{
	if (!guest->memory)
		guest->memory = WasmEdge_CallingFrameGetMemoryInstance(frame, 0);
	return guest->memory;
}

// call is every function that a guest imports.
static WasmEdge_Result call(void *data, const WasmEdge_CallingFrameContext *frame,
			    const WasmEdge_Value *params, WasmEdge_Value *returns)
{
	if (wasisock_stack_is_short()) {
		overflowed = 1;
		return WasmEdge_Result_Fail;
	}
	computes = 0;
	wasisock_import *import = data;
	uint64_t stack[16] = {0};
	for (uint32_t i = 0; i < import->params; i++)
		stack[i] = bits_of(import->types[i], params[i]);
	WasmEdge_MemoryInstanceContext *memory = memory_of(import->guest, frame);
	uint32_t pages = memory ? (uint32_t)WasmEdge_MemoryInstanceGetPageSize(memory) : 0;
	uint8_t *base = pages ? wasisock_memory(memory, 0, 1) : NULL;

	uint32_t code = wasisockCall(import->guest->handle, import->function, stack, base, pages);
	if (import->results)
		returns[0] = WasmEdge_ValueGenI32((int32_t)stack[0]);
	computes = 1;
	return (WasmEdge_Result){.Code = code};
}

static int64_t now(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

// clock_time_get is call where all is well: for a request net/http asks for the time
// eleven times, and Go is far. A guest that is to be stopped does not get here: WasmEdge
// looks before each call (Executor::enterFunction in lib/executor/helper.cpp).
static WasmEdge_Result clock_time_get(void *data, const WasmEdge_CallingFrameContext *frame,
				      const WasmEdge_Value *params, WasmEdge_Value *returns)
{
	enum { realtime, monotonic };
	wasisock_import *import = data;
	wasisock_guest *guest = import->guest;
	uint32_t id = (uint32_t)WasmEdge_ValueGetI32(params[0]);
	WasmEdge_MemoryInstanceContext *memory = memory_of(guest, frame);
	uint8_t *result = memory ? wasisock_memory(memory, (uint32_t)WasmEdge_ValueGetI32(params[2]), sizeof(int64_t)) : NULL;
	if (!result || id > monotonic || wasisock_stack_is_short())
		return call(data, frame, params, returns);
	int64_t time = id == realtime ? now(CLOCK_REALTIME) : now(CLOCK_MONOTONIC) - guest->epoch;
	memcpy(result, &time, sizeof time);
	returns[0] = WasmEdge_ValueGenI32(0);
	return WasmEdge_Result_Success;
}

// transfer is call where a plain connection receives or sends.
static WasmEdge_Result transfer(void *data, const WasmEdge_CallingFrameContext *frame,
				const WasmEdge_Value *params, WasmEdge_Value *returns)
{
	wasisock_import *import = data;
	int result = wasisock_transfer(import, memory_of(import->guest, frame), params);
	if (result < 0)
		return call(data, frame, params, returns);
	returns[0] = WasmEdge_ValueGenI32(result);
	return WasmEdge_Result_Success;
}

int64_t wasisock_monotonic(void) { return now(CLOCK_MONOTONIC); }

WasmEdge_FunctionInstanceContext *wasisock_function(const WasmEdge_FunctionTypeContext *type, wasisock_import *import)
{
	static const WasmEdge_HostFunc_t functions[] = {
		[wasisock_ordinary] = call,
		[wasisock_clock] = clock_time_get,
		[wasisock_receives] = transfer,
		[wasisock_sends] = transfer,
	};
	return WasmEdge_FunctionInstanceCreate(type, functions[import->kind], import, 0);
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
		given[i] = value_of(types[i], stack[i]);
	begin();
	WasmEdge_Result result = end(WasmEdge_ExecutorInvoke(executor, function, given, params, got, results));
	if (WasmEdge_ResultOK(result))
		for (uint32_t i = 0; i < results; i++)
			stack[i] = bits_of(types[params + i], got[i]);
	free(given);
	return result;
}

static WasmEdge_Result nothing(void *data, const WasmEdge_CallingFrameContext *frame,
			       const WasmEdge_Value *params, WasmEdge_Value *returns)
{
	return WasmEdge_Result_Success;
}

// wasisock_canceller is for WasmEdge_AsyncCancel, which stops what the executor runs,
// whoever began it.
WasmEdge_Async *wasisock_canceller(WasmEdge_ExecutorContext *executor)
{
	WasmEdge_FunctionTypeContext *type = WasmEdge_FunctionTypeCreate(NULL, 0, NULL, 0);
	WasmEdge_FunctionInstanceContext *function = WasmEdge_FunctionInstanceCreate(type, nothing, NULL, 0);
	WasmEdge_FunctionTypeDelete(type);
	WasmEdge_Async *async = WasmEdge_ExecutorAsyncInvoke(executor, function, NULL, 0);
	if (async)
		WasmEdge_AsyncWait(async);
	WasmEdge_FunctionInstanceDelete(function);
	return async;
}

// Signals. While compiled code runs, WasmEdge handles SIGSEGV, SIGBUS and SIGFPE, for
// the whole process, and when none does any more they have no handler at all. Go needs
// them too. So one guest of compiled code stays parked for ever: WasmEdge then sets its
// handlers once, and these here, which know whose thread it is, take their place.
// LLVM handles all signals that end a process while it compiles, and some after.

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE};
enum { count = sizeof signals / sizeof *signals, all_count = 32 };
static struct sigaction go_actions[count], wasmedge_actions[count];
static sem_t parked;

static void handle(int sig, siginfo_t *info, void *context)
{
	struct sigaction *actions = wasmedge_actions;
	int interrupts = wasisock_is_interrupt(info);
	if (interrupts && !(computes && wasisock_heed(info, context)))
		return;
	if (computes) {
		overflowed = sig == SIGSEGV && !interrupts && wasisock_stack_ends_at((uintptr_t)info->si_addr);
	} else {
		sigset_t all; // as Go wants it; for WasmEdge, which does not return, none may be blocked
		sigfillset(&all);
		pthread_sigmask(SIG_BLOCK, &all, NULL);
		actions = go_actions;
	}
	for (int i = 0; i < count; i++)
		if (signals[i] == sig)
			actions[i].sa_sigaction(sig, info, context);
}

static int is_default(const struct sigaction *action)
{
	return !(action->sa_flags & SA_SIGINFO) && (action->sa_handler == SIG_DFL || action->sa_handler == SIG_IGN);
}

// wasisock_compile leaves the handlers of signals to those who had them before, and to
// Go what it has taken over meanwhile.
WasmEdge_Result wasisock_compile(WasmEdge_CompilerContext *compiler, WasmEdge_Bytes wasm, const char *out)
{
	struct sigaction before[all_count], go, now;
	sigaction(SIGURG, NULL, &go); // which Go uses by itself, and with the one handler that it has
	for (int sig = 1; sig < all_count; sig++)
		sigaction(sig, NULL, &before[sig]);
	WasmEdge_Result result = WasmEdge_CompilerCompileFromBytes(compiler, wasm, out);
	for (int sig = 1; sig < all_count; sig++) {
		sigaction(sig, NULL, &now);
		if (now.sa_sigaction != before[sig].sa_sigaction && now.sa_sigaction != go.sa_sigaction && !is_default(&now))
			sigaction(sig, &before[sig], NULL);
	}
#ifdef __GLIBC__
	malloc_trim(0); // hundreds of megabytes, which LLVM has freed
#endif
	return result;
}

static WasmEdge_Result park(void *data, const WasmEdge_CallingFrameContext *frame,
			    const WasmEdge_Value *params, WasmEdge_Value *returns)
{
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	for (int i = 0; i < count; i++) {
		sigaction(signals[i], NULL, &wasmedge_actions[i]);
		sigaction(signals[i], &action, NULL);
	}
	sem_post(&parked);
	for (;;)
		pause();
}

typedef struct {
	WasmEdge_ExecutorContext *executor;
	WasmEdge_StoreContext *store;
	const WasmEdge_ASTModuleContext *ast;
} parking;

static void *run_parking(void *data)
{
	parking *p = data;
	WasmEdge_String name = WasmEdge_StringWrap("wasisock", 8);
	WasmEdge_ModuleInstanceContext *imports = WasmEdge_ModuleInstanceCreate(name), *module = NULL;
	WasmEdge_FunctionTypeContext *type = WasmEdge_FunctionTypeCreate(NULL, 0, NULL, 0);
	WasmEdge_ModuleInstanceAddFunction(imports, WasmEdge_StringWrap("park", 4),
					   WasmEdge_FunctionInstanceCreate(type, park, NULL, 0));
	WasmEdge_FunctionTypeDelete(type);
	if (WasmEdge_ResultOK(WasmEdge_ExecutorRegisterImport(p->executor, p->store, imports)) &&
	    WasmEdge_ResultOK(WasmEdge_ExecutorInstantiate(p->executor, &module, p->store, p->ast)))
		WasmEdge_ExecutorInvoke(p->executor, WasmEdge_ModuleInstanceFindFunction(module, WasmEdge_StringWrap("park", 4)),
					NULL, 0, NULL, 0);
	sem_post(&parked); // it could not be parked
	return NULL;
}

// wasisock_own_signals is called once. It answers whether it worked.
int wasisock_own_signals(WasmEdge_ExecutorContext *executor, WasmEdge_StoreContext *store,
			 const WasmEdge_ASTModuleContext *ast)
{
	static parking p;
	p = (parking){executor, store, ast};
	for (int i = 0; i < count; i++)
		sigaction(signals[i], NULL, &go_actions[i]);
	sem_init(&parked, 0, 0);

	wasisock_prepare_interrupts();

	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_t thread;
	int failed = pthread_create(&thread, NULL, run_parking, &p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed)
		return 0;
	pthread_detach(thread);
	while (sem_wait(&parked) != 0)
		;
	struct sigaction now;
	sigaction(SIGSEGV, NULL, &now);
	return now.sa_sigaction == handle;
}
