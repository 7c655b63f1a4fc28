// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * slewed TICK PPM COUNT: makes the wall clock go TICK microseconds in 10000 and PPM parts in a
 * million faster (adjtimex(2)), sends COUNT datagrams over lo, one after the other, and writes when
 * the kernel received each, in ns since the epoch: the stamp that a packet socket gets with it. Fails
 * if the clock did not go as told. Then it goes as before.
 */
#define _GNU_SOURCE
#include <err.h>
#include <linux/if_packet.h>
#include <math.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static void slew(long tick_us, long ppm)
{
	struct timex timex = { .modes = ADJ_TICK | ADJ_FREQUENCY, .tick = tick_us, .freq = ppm * 65536 };

	if (adjtimex(&timex) < 0)
		err(1, "adjtimex");
}

static double now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	/* Without the digits that do not fit into a double. */
	return t.tv_sec % 100000 * 1e9 + t.tv_nsec;
}

static int open_sender(void)
{
	struct sockaddr_in self = { .sin_family = AF_INET,
				    .sin_port = htons(9),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	/* To itself: nobody answers. */
	if (fd < 0 || bind(fd, (void *)&self, sizeof(self)) || connect(fd, (void *)&self, sizeof(self)))
		err(1, "socket");
	return fd;
}

static int open_receiver(void)
{
	struct sockaddr_ll lo = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_IP),
				  .sll_ifindex = if_nametoindex("lo") };
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) ||
	    bind(fd, (void *)&lo, sizeof(lo)))
		err(1, "packet socket");
	return fd;
}

static void write_stamp(int fd)
{
	char byte, control[CMSG_SPACE(sizeof(struct timespec))];
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct timespec *at;

	if (recvmsg(fd, &message, MSG_DONTWAIT) != 1 || !CMSG_FIRSTHDR(&message))
		err(1, "recvmsg");
	at = (struct timespec *)CMSG_DATA(CMSG_FIRSTHDR(&message));
	printf("%lld\n", at->tv_sec * 1000000000LL + at->tv_nsec);
}

int main(int argc, char **argv)
{
	struct timespec between = { 0 };
	double wall, raw, wanted, measured;
	int from, fd;

	if (argc != 4)
		errx(2, "want TICK PPM COUNT");
	from = open_sender();
	fd = open_receiver();
	prctl(PR_SET_TIMERSLACK, 1);
	slew(atol(argv[1]), atol(argv[2]));
	/* The kernel takes it at its next tick; the packet socket's stamps are switched on by then too. */
	usleep(50000);
	wall = now_ns(CLOCK_REALTIME);
	raw = now_ns(CLOCK_MONOTONIC_RAW);
	for (long i = 0; i < atol(argv[3]); i++) {
		if (send(from, "x", 1, 0) != 1)
			err(1, "send");
		write_stamp(fd);
		/* Bursts of eight and rests of all lengths: frames on both sides of windows' ends. */
		between.tv_nsec = random() % (i % 8 ? 30000 : 1000000);
		nanosleep(&between, NULL);
	}
	raw = now_ns(CLOCK_MONOTONIC_RAW) - raw;
	wall = now_ns(CLOCK_REALTIME) - wall;
	slew(10000, 0);
	wanted = atol(argv[1]) * 100 - 1e6 + atol(argv[2]);
	measured = (wall / raw - 1) * 1e6;
	if (fabs(measured - wanted) > 10)
		errx(1, "the clock goes %.0f ppm faster, and not %.0f", measured, wanted);
	return 0;
}
