//go:build wasmedge

#define _GNU_SOURCE
#include "engine.h"

#include <link.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

// A guest of compiled code is interrupted by a SIGSEGV that its thread is sent. It then
// ends as though it had reached for memory that it does not have there: all that can be
// between two of its instructions, it can be at one that traps. That does not hold for
// WasmEdge's own code, which the guest is in at times, and which is left to go on.

__thread wasisock_guest *wasisock_here;

void wasisock_running(wasisock_guest *guest)
{
	wasisock_here = guest;
	if (guest)
		guest->thread = (int)syscall(SYS_gettid);
}

// loaded is where the process has code of files. What is elsewhere a compiler has made.
static struct { uintptr_t from, to; } loaded[256];
static int loaded_count;

static int add_loaded(struct dl_phdr_info *info, size_t size, void *data)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X))
			continue;
		if (loaded_count == sizeof loaded / sizeof *loaded)
			return -1;
		loaded[loaded_count].from = info->dlpi_addr + segment->p_vaddr;
		loaded[loaded_count++].to = info->dlpi_addr + segment->p_vaddr + segment->p_memsz;
	}
	return 0;
}

// instruction is where the thread is.
static uintptr_t instruction(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (uintptr_t)context->uc_mcontext.pc;
#else
	return 0; // not known
#endif
}

void wasisock_prepare_interrupts(void)
{
	if (dl_iterate_phdr(add_loaded, NULL) != 0)
		loaded_count = 0; // more than are known
}

int wasisock_is_interrupt(const siginfo_t *info)
{
	return info->si_signo == SIGSEGV && info->si_code == SI_QUEUE && info->si_pid == getpid();
}

// wasisock_heed is whether the guest of this thread is to end, and here.
int wasisock_heed(const siginfo_t *info, const void *context)
{
	uintptr_t at = instruction(context);
	if (!at || !loaded_count || !wasisock_here || wasisock_here->handle != (uintptr_t)info->si_value.sival_ptr)
		return 0;
	for (int i = 0; i < loaded_count; i++)
		if (at >= loaded[i].from && at < loaded[i].to)
			return 0;
	wasisock_here->interrupted = 1;
	return 1;
}

void wasisock_interrupt(int thread, uintptr_t handle)
{
	siginfo_t info = {.si_signo = SIGSEGV, .si_code = SI_QUEUE};
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_ptr = (void *)handle;
	syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, SIGSEGV, &info);
}
