// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * slewed TICK COUNT NS: makes the wall clock go TICK microseconds in 10000 (adjtimex(2)), sends COUNT
 * datagrams to 127.0.0.1, one every NS, and writes when the kernel received each, in ns since the
 * epoch. Then the clock goes as before.
 */
#define _GNU_SOURCE
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static void tick(long us)
{
	struct timex timex = { .modes = ADJ_TICK, .tick = us };

	if (adjtimex(&timex) < 0)
		err(1, "adjtimex");
}

static long long received(int fd)
{
	char byte, control[CMSG_SPACE(sizeof(struct timespec))];
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct timespec *at;

	if (recvmsg(fd, &message, 0) != 1 || !CMSG_FIRSTHDR(&message))
		err(1, "recvmsg");
	at = (struct timespec *)CMSG_DATA(CMSG_FIRSTHDR(&message));
	return at->tv_sec * 1000000000LL + at->tv_nsec;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct timespec between = { 0 };
	int from = socket(AF_INET, SOCK_DGRAM, 0), fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	if (argc != 4)
		errx(2, "want TICK COUNT NS");
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (void *)&to, sizeof(to)) ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)))
		err(1, "socket");
	tick(atol(argv[1]));
	/* The kernel takes it at its next tick, and the fast path from 4 ms on. */
	usleep(50000);
	between.tv_nsec = atol(argv[3]);
	for (long i = 0; i < atol(argv[2]); i++) {
		if (sendto(from, "x", 1, 0, (void *)&to, sizeof(to)) != 1)
			err(1, "sendto");
		printf("%lld\n", received(fd));
		nanosleep(&between, NULL);
	}
	tick(10000);
	return 0;
}
