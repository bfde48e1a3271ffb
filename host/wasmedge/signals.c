//go:build wasmedge

#define _GNU_SOURCE
#include "engine.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

// Signals. While compiled code runs, WasmEdge handles SIGSEGV, SIGBUS and SIGFPE, for
// the whole process, and when none does any more they have no handler at all. Go needs
// them too. So one guest of compiled code stays parked forever: WasmEdge then sets its
// handlers once, and these here, which know whose thread it is, take their place.

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE};
enum { count = sizeof signals / sizeof *signals };
static struct sigaction go_actions[count], wasmedge_actions[count];
static sem_t parked;

static void handle(int sig, siginfo_t *info, void *context)
{
	struct sigaction *actions = wasmedge_actions;
	int interrupts = wasisock_is_interrupt(info);
	if (interrupts && !(wasisock_computes && wasisock_heed(info, context)))
		return;
	if (wasisock_computes) {
		wasisock_overflowed = sig == SIGSEGV && !interrupts && wasisock_stack_ends_at((uintptr_t)info->si_addr);
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
