//go:build wasmedge

#define _GNU_SOURCE
#include "engine.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

// Compiled code has its calls on the thread's stack, without a limit, and LLVM does not have it
// touch each page of a large frame, as C compilers do. The page below the stack of a thread, at
// which it is to fault, is stepped over by a frame of more than a page; what lies there may be the
// stack of another thread. So compiled guests run on threads below whose stack nothing can be
// touched for as long as the largest frame is: wasisock_stack_guard bytes.

// Where the stack of this thread ends, and its last eighth begins. There, it is to call the host no
// more: Go ends the process for want of stack. The guard below it faults.
static __thread uintptr_t end, reserve, guard;

void wasisock_measure_stack(void)
{
	pthread_attr_t attr;
	void *low;
	size_t size, guard_size;
	if (end || pthread_getattr_np(pthread_self(), &attr) != 0)
		return;
	if (pthread_attr_getstack(&attr, &low, &size) == 0 && pthread_attr_getguardsize(&attr, &guard_size) == 0) {
		end = (uintptr_t)low;
		reserve = end + size / 8;
		guard = end - guard_size;
	}
	pthread_attr_destroy(&attr);
}

bool wasisock_stack_is_short(void) { return (uintptr_t)__builtin_frame_address(0) < reserve; }

bool wasisock_stack_ends_at(uintptr_t at) { return guard <= at && at < reserve; }
