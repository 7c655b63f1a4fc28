// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * waiter KIND FILE...: opens all files, waits for all of them at once, and reads to its end each that
 * is said to be readable, until all have gone. Rows go to standard output, whole ones.
 *
 * KIND: poll, select, epoll, exclusive (EPOLLEXCLUSIVE), edge (EPOLLET) or multishot (io_uring).
 *
 * edge has the flags that mio, and so tokio, registers a file with that is to be read: EPOLLIN |
 * EPOLLRDHUP | EPOLLET. Like those it adds each file once, and never changes what it asked for.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST 128

static int fds[MOST], count, left;

/* To its end. Takes what has gone out of the set. */
static void read_all(int i)
{
	char rows[65536];
	ssize_t n;

	while ((n = read(fds[i], rows, sizeof(rows))) > 0)
		if (write(1, rows, n) != n)
			err(1, "standard output");
	if (n < 0) {
		close(fds[i]);
		fds[i] = -1;
		left--;
	}
}

static void expect(int ready)
{
	if (ready < 0)
		err(1, "waiting");
}

static void with_poll(void)
{
	struct pollfd set[MOST];

	for (int i = 0; i < count; i++)
		set[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	expect(poll(set, count, -1));
	for (int i = 0; i < count; i++)
		if (set[i].revents)
			read_all(i);
}

static void with_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	for (int i = 0; i < count; i++)
		if (fds[i] >= 0)
			FD_SET(fds[i], &set);
	expect(select(FD_SETSIZE, &set, NULL, NULL, NULL));
	for (int i = 0; i < count; i++)
		if (fds[i] >= 0 && FD_ISSET(fds[i], &set))
			read_all(i);
}

static void with_epoll(unsigned int how)
{
	static int epoll = -1;
	struct epoll_event ready[MOST];
	int n;

	if (epoll < 0) {
		epoll = epoll_create1(0);
		for (int i = 0; i < count; i++) {
			struct epoll_event event = { .events = EPOLLIN | how, .data.u32 = i };

			if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event))
				err(1, "epoll_ctl");
		}
	}
	n = epoll_wait(epoll, ready, MOST, -1);
	expect(n);
	for (int i = 0; i < n; i++)
		read_all(ready[i].data.u32);
}

static struct {
	int fd;
	unsigned int *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
} ring = { .fd = -1 };

static void *map(size_t size, off_t what)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, what);

	if (at == MAP_FAILED)
		err(1, "mmap");
	return at;
}

static void open_ring(void)
{
	struct io_uring_params params = { 0 };
	char *sq, *cq;

	ring.fd = syscall(SYS_io_uring_setup, MOST, &params);
	if (ring.fd < 0)
		err(1, "io_uring_setup");
	sq = map(params.sq_off.array + params.sq_entries * sizeof(*ring.sq_array), IORING_OFF_SQ_RING);
	cq = map(params.cq_off.cqes + params.cq_entries * sizeof(*ring.cqes), IORING_OFF_CQ_RING);
	ring.sqes = map(params.sq_entries * sizeof(*ring.sqes), IORING_OFF_SQES);
	ring.sq_tail = (void *)(sq + params.sq_off.tail);
	ring.sq_mask = (void *)(sq + params.sq_off.ring_mask);
	ring.sq_array = (void *)(sq + params.sq_off.array);
	ring.cq_head = (void *)(cq + params.cq_off.head);
	ring.cq_tail = (void *)(cq + params.cq_off.tail);
	ring.cq_mask = (void *)(cq + params.cq_off.ring_mask);
	ring.cqes = (void *)(cq + params.cq_off.cqes);
}

static void start_multishot(int i)
{
	unsigned int at = *ring.sq_tail & *ring.sq_mask;

	ring.sqes[at] = (struct io_uring_sqe){
		.opcode = IORING_OP_POLL_ADD,
		.fd = fds[i],
		.poll32_events = POLLIN,
		.len = IORING_POLL_ADD_MULTI,
		.user_data = i,
	};
	ring.sq_array[at] = at;
	__atomic_store_n(ring.sq_tail, *ring.sq_tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring.fd, 1, 0, 0, NULL, 0) != 1)
		err(1, "io_uring_enter");
}

static void with_multishot(void)
{
	struct pollfd wait = { .events = POLLIN };

	if (ring.fd < 0) {
		open_ring();
		for (int i = 0; i < count; i++)
			start_multishot(i);
	}
	wait.fd = ring.fd;
	expect(poll(&wait, 1, -1));
	while (*ring.cq_head != __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE)) {
		struct io_uring_cqe cqe = ring.cqes[*ring.cq_head & *ring.cq_mask];
		int i = cqe.user_data;

		__atomic_store_n(ring.cq_head, *ring.cq_head + 1, __ATOMIC_RELEASE);
		if (fds[i] >= 0)
			read_all(i);
		if (fds[i] >= 0 && !(cqe.flags & IORING_CQE_F_MORE))
			start_multishot(i);
	}
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";

	if (argc < 3 || argc > MOST + 2)
		errx(2, "want KIND FILE...");
	count = left = argc - 2;
	for (int i = 0; i < count; i++) {
		fds[i] = open(argv[i + 2], O_RDONLY);
		if (fds[i] < 0)
			err(1, "%s", argv[i + 2]);
		read_all(i);
	}
	while (left > 0) {
		if (!strcmp(kind, "poll"))
			with_poll();
		else if (!strcmp(kind, "select"))
			with_select();
		else if (!strcmp(kind, "epoll"))
			with_epoll(0);
		else if (!strcmp(kind, "exclusive"))
			with_epoll(EPOLLEXCLUSIVE);
		else if (!strcmp(kind, "edge"))
			with_epoll(EPOLLRDHUP | EPOLLET);
		else if (!strcmp(kind, "multishot"))
			with_multishot();
		else
			errx(2, "%s: no such kind", kind);
	}
	fprintf(stderr, "all %d have gone\n", count);
	return 0;
}
