//go:build (wasmedge || wasmtime) && cgo

#include "_cgo_export.h"

#include <pthread.h>
#include <signal.h>

static void *run(void *handle)
{
	wasisockThread((uintptr_t)handle);
	// What an engine and Go have for handlers on this thread is freed before it has ended.
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	return NULL;
}

// wasisock_thread returns an errno. The thread begins with all signals blocked: Go unblocks those
// that it needs.
int wasisock_thread(size_t stack, size_t guard, uintptr_t handle)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	int failed = pthread_attr_init(&attr);
	if (failed)
		return failed;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	failed = pthread_attr_setstacksize(&attr, stack);
	if (!failed)
		failed = pthread_attr_setguardsize(&attr, guard);
	if (!failed) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		failed = pthread_create(&thread, &attr, run, (void *)handle);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	pthread_attr_destroy(&attr);
	return failed;
}
