//go:build wasmedge

#define _GNU_SOURCE
#include "engine.h"

#include <malloc.h>
#include <signal.h>

// WasmEdge 0.17 looks at compiled code only when it is told to; 0.14 has no such function.
extern void WasmEdge_ConfigureSetRunMode(WasmEdge_ConfigureContext *config, int mode) __attribute__((weak));

void wasisock_ahead_of_time(WasmEdge_ConfigureContext *config)
{
	enum { ahead_of_time = 2 }; // WasmEdge_RunMode_AOT
	if (WasmEdge_ConfigureSetRunMode)
		WasmEdge_ConfigureSetRunMode(config, ahead_of_time);
}

// LLVM handles all signals that end a process while it compiles, and some after.
enum { signal_count = 32 };

static int is_default(const struct sigaction *action)
{
	return !(action->sa_flags & SA_SIGINFO) && (action->sa_handler == SIG_DFL || action->sa_handler == SIG_IGN);
}

// wasisock_compile leaves the handlers of signals to those who had them before, and to
// Go what it has taken over meanwhile.
WasmEdge_Result wasisock_compile(WasmEdge_CompilerContext *compiler, WasmEdge_Bytes wasm, const char *out)
{
	struct sigaction before[signal_count], go, now;
	sigaction(SIGURG, NULL, &go); // which Go uses by itself, and with the one handler that it has
	for (int sig = 1; sig < signal_count; sig++)
		sigaction(sig, NULL, &before[sig]);
	WasmEdge_Result result = WasmEdge_CompilerCompileFromBytes(compiler, wasm, out);
	for (int sig = 1; sig < signal_count; sig++) {
		sigaction(sig, NULL, &now);
		if (now.sa_sigaction != before[sig].sa_sigaction && now.sa_sigaction != go.sa_sigaction && !is_default(&now))
			sigaction(sig, &before[sig], NULL);
	}
#ifdef __GLIBC__
	malloc_trim(0); // hundreds of megabytes, which LLVM has freed
#endif
	return result;
}
