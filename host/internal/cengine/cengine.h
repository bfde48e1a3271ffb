#pragma once

// What engines written in C share: calls of a guest that are answered without the long way
// to Go, namely the time and plain connections. It knows no engine: one includes this header,
// has a wasisock_plane in what it knows of a guest, and resolves the guest's addresses.

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "what is written to a guest's memory here is little-endian, as the host must be"
#endif
#ifndef MSG_NOSIGNAL
#error "sending must not raise SIGPIPE here: use MSG_NOSIGNAL, which Linux has"
#endif

// A wasisock_stream is sockets.Stream.
typedef struct {
	int32_t fd; // the system's, plus 1; 0 means that Go must be called
} wasisock_stream;
_Static_assert(sizeof(wasisock_stream) == 4, "as Stream in host/internal/sockets");

enum { wasisock_errno_count = 256 };

// A wasisock_plane is the part of a guest's state that C uses. Its thread alone uses it, and Go while the
// guest is in a call.
typedef struct {
	int64_t epoch;           // when the guest's monotonic clock was 0, by CLOCK_MONOTONIC
	uint64_t received, sent; // bytes that Go does not know of yet
	uint32_t first_stream, stream_count;
	wasisock_stream *streams; // by the guest's number, less first_stream
	const uint16_t *errnos;   // the guest's, by the system's; wasisock_errno_count of them
} wasisock_plane;

// A wasisock_memory_at resolves an address of a guest: it returns where so many bytes of its
// memory are, or NULL if it does not have them.
typedef uint8_t *wasisock_memory_at(void *memory, uint32_t address, uint32_t size);

static inline int64_t wasisock_now(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

// wasisock_clock_time_get is clock_time_get(id, precision, result); args are its
// parameters. It returns the errno of the guest's, or -1 if Go must be called.
static inline int wasisock_clock_time_get(const wasisock_plane *plane, wasisock_memory_at *at, void *memory, const uint64_t *args)
{
	enum { realtime, monotonic };
	uint32_t id = (uint32_t)args[0];
	uint8_t *result = at(memory, (uint32_t)args[2], sizeof(int64_t));
	if (!result || id > monotonic)
		return -1;
	int64_t time = id == realtime ? wasisock_now(CLOCK_REALTIME) : wasisock_now(CLOCK_MONOTONIC) - plane->epoch;
	memcpy(result, &time, sizeof time);
	return 0;
}

static inline int wasisock_errno_of(const wasisock_plane *plane, int e)
{
	return e >= 0 && e < wasisock_errno_count ? plane->errnos[e] : -1;
}

// wasisock_transfer is fd_read and fd_write(fd, buffers, count, bytes), sock_recv and
// sock_recv_v2(fd, buffers, count, flags, bytes, flags out), or sock_send and
// sock_send_v2(fd, buffers, count, flags, bytes), by the number of the parameters in args. It
// handles one buffer that is not empty, without flags, on one of the streams. It returns the
// errno of the guest's, or -1 if Go must be called, which then finds things as they were.
static inline int wasisock_transfer(wasisock_plane *plane, wasisock_memory_at *at, void *memory, const uint64_t *args, uint32_t params, int receives)
{
	uint32_t i = (uint32_t)args[0] - plane->first_stream;
	if (i >= plane->stream_count || !plane->streams[i].fd)
		return -1;
	int flags = params > 4;
	uint32_t iovec = (uint32_t)args[1], bytes = (uint32_t)args[3 + flags];
	uint32_t flags_out = params > 5 ? (uint32_t)args[5] : bytes;
	if ((uint32_t)args[2] != 1 || (flags && (uint32_t)args[3] != 0) || iovec % 4 || bytes % 4 || flags_out % 2)
		return -1;
	uint8_t *iovec_at = at(memory, iovec, 8), *bytes_at = at(memory, bytes, 4), *flags_at = at(memory, flags_out, 2);
	if (!iovec_at || !bytes_at || !flags_at)
		return -1;
	uint32_t buffer[2]; // its address and its size
	memcpy(buffer, iovec_at, sizeof buffer);
	uint8_t *data = buffer[1] ? at(memory, buffer[0], buffer[1]) : NULL;
	if (!data)
		return -1;

	int fd = plane->streams[i].fd - 1;
	ssize_t n;
	if (receives) {
		n = recv(fd, data, buffer[1], MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == EINTR)) // Go says what an end is
			return -1;
	} else {
		n = send(fd, data, buffer[1], MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && (errno == EPIPE || errno == EINTR)) // or what has broken it
			return -1;
	}
	if (n < 0)
		return wasisock_errno_of(plane, errno);
	*(receives ? &plane->received : &plane->sent) += (uint64_t)n;
	uint32_t moved = (uint32_t)n;
	memcpy(bytes_at, &moved, sizeof moved);
	if (params > 5)
		memset(flags_at, 0, 2);
	return 0;
}
