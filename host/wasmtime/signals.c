//go:build wasmtime

#define _GNU_SOURCE
#include "engine.h"

#include <pthread.h>
#include <signal.h>

// Signals. With its first engine, wasmtime takes over SIGSEGV, SIGILL, SIGFPE and on some systems
// SIGBUS, and passes on what is not its own. It does so with other signals unblocked, and Go's
// handler must not be interrupted by Go's own SIGURG. So this handler is put before wasmtime's: it
// knows whether the thread runs a guest, and calls who was there before as the system would.

static const int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS};
enum { count = sizeof signals / sizeof *signals };
static struct sigaction before[count], wasmtime[count];

__thread volatile sig_atomic_t wasisock_wasmtime_computes;

static void handle(int sig, siginfo_t *info, void *context)
{
	for (int i = 0; i < count; i++) {
		if (signals[i] != sig)
			continue;
		if (wasisock_wasmtime_computes) {
			wasmtime[i].sa_sigaction(sig, info, context);
			return;
		}
		pthread_sigmask(SIG_BLOCK, &before[i].sa_mask, NULL);
		before[i].sa_sigaction(sig, info, context);
	}
}

wasm_engine_t *wasisock_wasmtime_engine(size_t stack, const char *target, wasmtime_error_t **error)
{
	wasm_config_t *config = wasm_config_new();
	wasmtime_config_async_stack_size_set(config, stack); // which must not be smaller
	wasmtime_config_max_wasm_stack_set(config, stack);
	wasmtime_config_epoch_interruption_set(config, true);
	wasmtime_config_cranelift_opt_level_set(config, WASMTIME_OPT_LEVEL_SPEED);
	wasmtime_config_macos_use_mach_ports_set(config, false); // so that signals are one way everywhere

	// What internal/wasm does not know. The rest it refuses before wasmtime sees it.
	wasmtime_config_shared_memory_set(config, false);
	wasmtime_config_wasm_component_model_set(config, false);
	wasmtime_config_wasm_custom_page_sizes_set(config, false);
	wasmtime_config_wasm_exceptions_set(config, false);
	wasmtime_config_wasm_function_references_set(config, false);
	wasmtime_config_wasm_gc_set(config, false);
	wasmtime_config_wasm_memory64_set(config, false);
	wasmtime_config_wasm_multi_memory_set(config, false);
	wasmtime_config_wasm_relaxed_simd_set(config, false);
	wasmtime_config_wasm_stack_switching_set(config, false);
	wasmtime_config_wasm_tail_call_set(config, false);
	wasmtime_config_wasm_threads_set(config, false);
	wasmtime_config_wasm_wide_arithmetic_set(config, false);
	if (target && (*error = wasmtime_config_target_set(config, target)))
		return NULL;

	static bool own; // engines are made one at a time
	if (own)
		return wasm_engine_new_with_config(config);
	for (int i = 0; i < count; i++)
		sigaction(signals[i], NULL, &before[i]);
	wasm_engine_t *engine = wasm_engine_new_with_config(config);
	own = true;
	for (int i = 0; i < count; i++) {
		sigaction(signals[i], NULL, &wasmtime[i]);
		if (wasmtime[i].sa_sigaction == before[i].sa_sigaction)
			continue; // one that it leaves
		struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
		sigemptyset(&action.sa_mask);
		sigaction(signals[i], &action, NULL);
	}
	return engine;
}
