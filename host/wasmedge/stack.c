//go:build wasmedge

#define _GNU_SOURCE
#include "engine.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// Compiled code has its calls on the thread's stack, without a limit, and LLVM does not have it
// touch each page of a large frame, as C compilers do. The page below the stack of a thread, at
// which it is to fault, is stepped over by a frame of more than a page; what lies there may be the
// stack of another thread. So compiled guests run on threads below whose stack nothing can be
// touched for as long as the largest frame is.

enum {
	// No value takes more than 16 bytes, and the code of a function, of less than 8 MB, has less
	// values than bytes. Locals add less than 1 MB.
	guard_size = 128 << 20,
	least_stack = 8 << 20, // above it
};

// Where the stack of this thread ends, and its last eighth begins. There, it is to call the host no
// more: Go ends the process for want of stack.
static __thread uintptr_t end, reserve;
static __thread uintptr_t guard; // where the guard begins, or what faults below the stack

void wasisock_measure_stack(void)
{
	pthread_attr_t attr;
	void *low;
	size_t size;
	if (end || pthread_getattr_np(pthread_self(), &attr) != 0)
		return;
	if (pthread_attr_getstack(&attr, &low, &size) == 0) {
		end = (uintptr_t)low;
		reserve = end + size / 8;
		guard = end - (1 << 16);
	}
	pthread_attr_destroy(&attr);
}

bool wasisock_stack_is_short(void) { return (uintptr_t)__builtin_frame_address(0) < reserve; }

bool wasisock_stack_ends_at(uintptr_t at) { return guard <= at && at < reserve; }

bool wasisock_guard_stack(void)
{
	static __thread bool guarded;
	pthread_attr_t attr;
	void *low;
	size_t size = 0;
	if (guarded)
		return true;
	// The stack of the first thread grows, into what may be in use.
	if (syscall(SYS_gettid) == getpid() || pthread_getattr_np(pthread_self(), &attr) != 0)
		return false;
	if (pthread_attr_getstack(&attr, &low, &size) != 0)
		size = 0;
	pthread_attr_destroy(&attr);
	if (size < guard_size + least_stack || mprotect(low, guard_size, PROT_NONE) != 0)
		return false;
	guard = (uintptr_t)low;
	end = guard + guard_size;
	reserve = end + (size - guard_size) / 8;
	return guarded = true;
}

bool wasisock_enlarge_stacks(void)
{
	pthread_attr_t attr;
	size_t size = 0;
	if (pthread_getattr_default_np(&attr) != 0)
		return false;
	pthread_attr_getstacksize(&attr, &size);
	if (size < guard_size + least_stack) {
		size = (size > least_stack ? size : least_stack) + guard_size;
		if (pthread_attr_setstacksize(&attr, size) == 0)
			pthread_setattr_default_np(&attr);
	}
	pthread_attr_destroy(&attr);
	pthread_attr_init(&attr); // as Go's runtime does
	pthread_attr_getstacksize(&attr, &size);
	pthread_attr_destroy(&attr);
	return size >= guard_size + least_stack;
}
