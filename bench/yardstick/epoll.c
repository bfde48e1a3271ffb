/*
 * The yardstick: an HTTP/1.1 keep-alive echo server with one thread and one
 * level-triggered epoll, which does the work of guest/server with nothing in
 * between. It answers every request with "echo: " and the request's body.
 *
 *     cc -O2 -o epoll epoll.c && ./epoll 127.0.0.1 1234
 *
 * A request, head and body, is at most 64 KiB; a larger one, a chunked one and a
 * malformed one end the connection. There are no timeouts. It is not a server for
 * anything but measuring.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn {
	int fd;
	int closing;            /* close when everything is sent */
	char *in, *out;         /* what is kept between events, or NULL */
	size_t in_len, out_len, out_sent;
};

enum { MAX_REQUEST = 64 << 10, MAX_EVENTS = 512 };

/* The shortest request has 18 bytes, the head of an answer less than 100. */
static char in[MAX_REQUEST], out[MAX_REQUEST / 18 * 100 + MAX_REQUEST];
static int ep;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void watch(struct conn *c, int op, unsigned events)
{
	struct epoll_event ev = {.events = events, .data.ptr = c};
	if (epoll_ctl(ep, op, c->fd, &ev) < 0)
		die("epoll_ctl");
}

static void hang_up(struct conn *c)
{
	close(c->fd);
	free(c->in);
	free(c->out);
	free(c);
}

/* is reports whether the len bytes of a header's name are name. */
static int is(const char *at, size_t len, const char *name)
{
	return len == strlen(name) && strncasecmp(at, name, len) == 0;
}

/*
 * request takes one request from the front of the n bytes at p and appends its
 * answer to out. It returns the length of the request, 0 if it is not whole, -1
 * if it is not understood; *closing becomes 1 if it is the last.
 */
static ssize_t request(const char *p, size_t n, size_t *out_len, int *closing)
{
	const char *end = memmem(p, n, "\r\n\r\n", 4), *line, *eol;
	size_t length = 0, head;
	int have_length = 0, headless;

	if (!end)
		return n == MAX_REQUEST ? -1 : 0;
	head = end + 4 - p;

	line = p;
	eol = memmem(line, head, "\r\n", 2);
	headless = strncmp(p, "HEAD ", 5) == 0;
	if (eol - line < 14 || !memchr(line, ' ', eol - line - 9) || strncmp(eol - 9, " HTTP/1.", 8) != 0)
		return -1;
	*closing = eol[-1] == '0';

	for (line = eol + 2; line < end + 2; line = eol + 2) {
		const char *colon, *value;
		eol = memmem(line, end + 4 - line, "\r\n", 2);
		colon = memchr(line, ':', eol - line);
		if (!colon || colon == line)
			return -1;
		for (value = colon + 1; value < eol && (*value == ' ' || *value == '\t'); value++)
			;
		if (is(line, colon - line, "Content-Length")) {
			if (have_length++ || value == eol)
				return -1;
			for (; value < eol; value++) {
				if (*value < '0' || *value > '9' || length > MAX_REQUEST)
					return -1;
				length = 10 * length + (*value - '0');
			}
		} else if (is(line, colon - line, "Connection")) {
			if (is(value, eol - value, "close"))
				*closing = 1;
			else if (is(value, eol - value, "keep-alive"))
				*closing = 0;
		} else if (is(line, colon - line, "Transfer-Encoding")) {
			return -1;
		}
	}
	if (head + length > MAX_REQUEST)
		return -1;
	if (n < head + length)
		return 0;

	*out_len += sprintf(out + *out_len,
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n%s\r\n",
		length + 6, *closing ? "Connection: close\r\n" : "");
	if (!headless) {
		memcpy(out + *out_len, "echo: ", 6);
		memcpy(out + *out_len + 6, p + head, length);
		*out_len += 6 + length;
	}
	return head + length;
}

/* keep copies n bytes, or returns NULL for none. */
static char *keep(const char *p, size_t n)
{
	char *copy = n ? malloc(n) : NULL;
	if (n && !copy)
		die("malloc");
	return copy ? memcpy(copy, p, n) : NULL;
}

/* transmit sends p, and keeps what does not fit. It returns -1 if c is over. */
static int transmit(struct conn *c, const char *p, size_t n)
{
	ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		return -1;
	sent = sent < 0 ? 0 : sent;
	if ((size_t)sent == n)
		return c->closing ? -1 : 0;
	c->out = keep(p + sent, n - sent);
	c->out_len = n - sent;
	c->out_sent = 0;
	watch(c, EPOLL_CTL_MOD, EPOLLOUT);
	return 0;
}

static int readable(struct conn *c)
{
	size_t had = c->in_len, used = 0, answer = 0;
	ssize_t n;

	if (had)
		memcpy(in, c->in, had);
	n = recv(c->fd, in + had, sizeof in - had, 0);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	if (n == 0)
		return -1;
	had += n;
	while (used < had && !c->closing) {
		n = request(in + used, had - used, &answer, &c->closing);
		if (n < 0)
			c->closing = 1;
		if (n <= 0)
			break;
		used += n;
	}
	free(c->in);
	c->in = keep(in + used, had - used);
	c->in_len = had - used;
	return answer || c->closing ? transmit(c, out, answer) : 0;
}

static int writable(struct conn *c)
{
	ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	c->out_sent += n;
	if (c->out_sent < c->out_len)
		return 0;
	free(c->out);
	c->out = NULL;
	if (c->closing)
		return -1;
	watch(c, EPOLL_CTL_MOD, EPOLLIN);
	return 0;
}

static void accept_all(int listener)
{
	int fd, on = 1;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *c = calloc(1, sizeof *c);
		if (!c)
			die("calloc");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		c->fd = fd;
		watch(c, EPOLL_CTL_ADD, EPOLLIN);
	}
	if (errno == EMFILE || errno == ENFILE)
		die("accept4");
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t size = sizeof addr;
	struct rlimit files;
	struct epoll_event events[MAX_EVENTS];
	struct conn listener = {0};
	int on = 1;

	if (argc != 3 || inet_pton(AF_INET, argv[1], &addr.sin_addr) != 1) {
		fprintf(stderr, "usage: %s IPV4-ADDRESS PORT\n", argv[0]);
		return 2;
	}
	addr.sin_port = htons(atoi(argv[2]));
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	listener.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener.fd < 0)
		die("socket");
	setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener.fd, (struct sockaddr *)&addr, sizeof addr) < 0)
		die("bind");
	if (listen(listener.fd, 4096) < 0)
		die("listen");
	if (getsockname(listener.fd, (struct sockaddr *)&addr, &size) < 0)
		die("getsockname");
	printf("listening on %s:%d\n", argv[1], ntohs(addr.sin_port));
	fflush(stdout);

	ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep < 0)
		die("epoll_create1");
	watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
	for (;;) {
		int i, n = epoll_wait(ep, events, MAX_EVENTS, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;
			if (c == &listener)
				accept_all(c->fd);
			else if ((c->out ? writable(c) : readable(c)) < 0)
				hang_up(c);
		}
	}
}
