// Drives cengine.h as an engine would, with 64 KiB of memory.

#define _GNU_SOURCE
#include "../cengine.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint8_t memory[1 << 16];

static uint8_t *at(void *base, uint32_t address, uint32_t size)
{
	return (uint64_t)address + size <= sizeof memory ? (uint8_t *)base + address : NULL;
}

static int failures;

static void is(int line, const char *what, int64_t got, int64_t want)
{
	if (got != want) {
		printf("line %d: %s is %lld, want %lld\n", line, what, (long long)got, (long long)want);
		failures++;
	}
}
#define IS(got, want) is(__LINE__, #got, got, want)

enum { iovec = 8, bytes = 16, flags_out = 20, data = 1024, first = 1 << 16, sentinel = 0xa5 };

static uint32_t word(uint32_t address)
{
	uint32_t w;
	memcpy(&w, memory + address, sizeof w);
	return w;
}

static void put(uint32_t address, uint32_t w) { memcpy(memory + address, &w, sizeof w); }

int main(void)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return 2;
	static uint16_t errnos[wasisock_errno_count];
	errnos[EAGAIN] = 6;
	errnos[EBADF] = 8;
	wasisock_stream streams[] = {{0}, {pair[0] + 1}, {1000}};
	wasisock_plane plane = {.first_stream = first, .stream_count = 3, .streams = streams, .errnos = errnos};
	plane.epoch = wasisock_now(CLOCK_MONOTONIC);

	// The time.
	memset(memory, sentinel, sizeof memory);
	for (uint64_t id = 0; id < 4; id++) {
		uint64_t args[] = {id, 1, 32};
		IS(wasisock_clock_time_get(&plane, at, memory, args), id < 2 ? 0 : -1);
	}
	int64_t time;
	memcpy(&time, memory + 32, sizeof time);
	IS(time >= 0 && time < INT64_C(60000000000), 1); // since epoch
	IS(memory[31] == sentinel && memory[40] == sentinel, 1);
	IS(wasisock_clock_time_get(&plane, at, memory, (uint64_t[]){1, 1, sizeof memory - 8}), 0);
	IS(wasisock_clock_time_get(&plane, at, memory, (uint64_t[]){1, 1, sizeof memory - 7}), -1);
	IS(wasisock_clock_time_get(&plane, at, memory, (uint64_t[]){0, 0, UINT32_MAX}), -1);

	// Sending and receiving, by each form of parameters.
	memset(memory, sentinel, sizeof memory);
	put(iovec, data);
	put(iovec + 4, 5);
	memcpy(memory + data, "hello", 5);
	uint64_t write4[] = {first + 1, iovec, 1, bytes}, send5[] = {first + 1, iovec, 1, 0, bytes}, recv6[] = {first + 1, iovec, 1, 0, bytes, flags_out};
	IS(wasisock_transfer(&plane, at, memory, write4, 4, 0), 0);
	IS(word(bytes), 5);
	IS(wasisock_transfer(&plane, at, memory, send5, 5, 0), 0);
	IS((int64_t)plane.sent, 10);
	char got[16];
	IS(read(pair[1], got, sizeof got), 10);
	IS(memcmp(got, "hellohello", 10), 0);
	IS(wasisock_transfer(&plane, at, memory, recv6, 6, 1), 6); // EAGAIN
	IS(write(pair[1], "worlds", 6), 6);
	IS(wasisock_transfer(&plane, at, memory, recv6, 6, 1), 0);
	IS(word(bytes), 5);
	IS(memory[flags_out] + memory[flags_out + 1], 0);
	IS(memcmp(memory + data, "world", 5), 0);
	IS(memory[data + 5], sentinel);
	IS(wasisock_transfer(&plane, at, memory, write4, 4, 1), 0);
	IS(word(bytes), 1);
	IS((int64_t)plane.received, 6);

	// What is left to Go leaves all as it was.
	uint8_t before[sizeof memory];
	memcpy(before, memory, sizeof memory);
	wasisock_plane was = plane;
	struct { uint64_t args[6]; uint32_t params; } rows[] = {
		{{first, iovec, 1, bytes}, 4},                        // no plain stream
		{{first - 1, iovec, 1, bytes}, 4},                    // a file
		{{first + 3, iovec, 1, bytes}, 4},                    // beyond the streams
		{{UINT32_MAX, iovec, 1, bytes}, 4},
		{{first + 1, iovec, 0, bytes}, 4},                    // no buffer
		{{first + 1, iovec, 2, bytes}, 4},                    // more than one
		{{first + 1, iovec + 1, 1, bytes}, 4},                // not aligned
		{{first + 1, iovec, 1, bytes + 2}, 4},
		{{first + 1, iovec, 1, 0, bytes, flags_out + 1}, 6},
		{{first + 1, iovec, 1, 1, bytes}, 5},                 // flags
		{{first + 1, sizeof memory - 4, 1, bytes}, 4},        // beyond the memory
		{{first + 1, UINT32_MAX - 3, 1, bytes}, 4},
		{{first + 1, iovec, 1, sizeof memory}, 4},
		{{first + 1, iovec, 1, 0, bytes, sizeof memory}, 6},
	};
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
		for (int receives = 0; receives < 2; receives++)
			is((int)r, "a row that is left to Go", wasisock_transfer(&plane, at, memory, rows[r].args, rows[r].params, receives), -1);
	struct { uint32_t address, size; } buffers[] = {
		{data, 0}, {sizeof memory - 4, 5}, {sizeof memory, 1}, {UINT32_MAX, 1}, {0, sizeof memory + 1}, {data, UINT32_MAX},
	};
	for (size_t b = 0; b < sizeof buffers / sizeof *buffers; b++) {
		put(iovec, buffers[b].address);
		put(iovec + 4, buffers[b].size);
		is((int)b, "a buffer that is left to Go", wasisock_transfer(&plane, at, memory, write4, 4, 0), -1);
	}
	put(iovec, data);
	put(iovec + 4, 5);
	IS(memcmp(before, memory, sizeof memory), 0);
	IS(memcmp(&was, &plane, sizeof plane), 0);

	// Errors: a guest's errno, or Go.
	IS(wasisock_transfer(&plane, at, memory, (uint64_t[]){first + 2, iovec, 1, bytes}, 4, 0), 8); // EBADF
	IS(wasisock_errno_of(&plane, wasisock_errno_count), -1);
	IS(wasisock_errno_of(&plane, -1), -1);
	close(pair[1]);
	IS(wasisock_transfer(&plane, at, memory, recv6, 6, 1), -1);  // the end
	IS(wasisock_transfer(&plane, at, memory, write4, 4, 0), -1); // EPIPE, without SIGPIPE
	return failures > 0;
}
