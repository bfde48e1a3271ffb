//go:build wasmedge

#define _GNU_SOURCE
#include "engine.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdatomic.h>

// WasmEdge's interpreter has the values and the calls of a guest in two vectors of C++,
// without a limit. They grow by doubling, and so the memory that they ask for shows how
// large they are: operator new, which this file replaces as C++ lets every program do, stops
// a guest that asks for too much at once. WasmEdge then ends it at its next call, and no
// vector grows between.

// It is weak, so that a program which has an operator new of its own links. Interpreted
// guests then do not run: see prepareInterpreter.
__attribute__((weak)) void *wasisock_new(size_t size) __asm__("_Znwm");

void *wasisock_new(size_t size)
{
	static void *(*_Atomic next)(size_t);
	wasisock_guest *guest = wasisock_here;
	if (guest && size >= guest->stack_limit && !guest->overflowed) {
		guest->overflowed = true;
		WasmEdge_AsyncCancel(guest->canceller);
	}
	void *(*library)(size_t) = next; // of C++
	if (!library)
		next = library = (void *(*)(size_t))dlsym(RTLD_NEXT, "_Znwm");
	return library(size);
}

void wasisock_return_large_memory(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, 1 << 20); // which else rises to 32 MB, when as much is freed
#endif
}
