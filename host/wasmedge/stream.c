//go:build wasmedge

#define _GNU_SOURCE
#include "engine.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

// Receiving and sending on a plain connection, two calls for a request of HTTP, which are
// not worth the way to Go. What is not plain is left to it.

_Static_assert(sizeof(wasisock_stream) == 4, "as Stream in host/internal/system");

// errnos are the guest's for the system's.
static uint16_t errnos[wasisock_errno_count];

void wasisock_set_errno(uint32_t e, uint16_t guests) { errnos[e] = guests; }

static int guest_errno(void) { return errno < wasisock_errno_count ? errnos[errno] : -1; }

static uint32_t number(const WasmEdge_Value *params, uint32_t i) { return (uint32_t)WasmEdge_ValueGetI32(params[i]); }

// received and sent answer an errno of the guest's, or -1 if Go is to say.
static int received(wasisock_guest *guest, ssize_t n)
{
	if (n > 0) {
		guest->received += (uint64_t)n;
		return 0;
	}
	if (n == 0 || errno == EINTR)
		return -1;
	return guest_errno();
}

static int sent(wasisock_guest *guest, ssize_t n)
{
	if (n >= 0) {
		guest->sent += (uint64_t)n;
		return 0;
	}
	if (errno == EPIPE || errno == EINTR)
		return -1;
	return guest_errno();
}

int wasisock_transfer(const wasisock_import *import, WasmEdge_MemoryInstanceContext *memory, const WasmEdge_Value *params)
{
	wasisock_guest *guest = import->guest;
	uint32_t i = number(params, 0) - guest->first_stream;
	if (i >= guest->stream_count || !guest->streams[i].fd || !memory)
		return -1;
	wasisock_stream *stream = &guest->streams[i];

	// fd, buffers, count; flags, unless it is fd_read or fd_write; where the count of
	// bytes goes, and that of flags.
	bool flags = import->params > 4;
	uint32_t iovec = number(params, 1), count = number(params, 3 + flags);
	uint32_t out = import->params > 5 ? number(params, 5) : count;
	if (number(params, 2) != 1 || (flags && number(params, 3) != 0) || iovec % 4 || count % 4 || out % 2)
		return -1;
	uint8_t *iovec_at = wasisock_memory(memory, iovec, 8), *count_at = wasisock_memory(memory, count, 4);
	uint8_t *out_at = wasisock_memory(memory, out, 2);
	if (!iovec_at || !count_at || !out_at)
		return -1;
	uint32_t buffer[2]; // its address and its size
	memcpy(buffer, iovec_at, sizeof buffer);
	uint8_t *data = buffer[1] ? wasisock_memory(memory, buffer[0], buffer[1]) : NULL;
	if (!data)
		return -1;

	int fd = stream->fd - 1, result;
	ssize_t n;
	if (import->kind == wasisock_receives) {
		n = recv(fd, data, buffer[1], MSG_DONTWAIT);
		result = received(guest, n);
	} else {
		n = send(fd, data, buffer[1], MSG_DONTWAIT | MSG_NOSIGNAL);
		result = sent(guest, n);
	}
	if (result == 0) {
		uint32_t bytes = (uint32_t)n;
		memcpy(count_at, &bytes, sizeof bytes);
		if (import->params > 5)
			memset(out_at, 0, 2);
	}
	return result;
}
