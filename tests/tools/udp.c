// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * udp [-b BURST] [-i US] [-a NS] [-o US] [-p PORT] [-g SEGMENT] [-t TXTIME]
 *     ADDRESS FRAMES PAYLOAD
 *
 * Sends exactly FRAMES datagrams of PAYLOAD bytes (with -g: FRAMES calls of one GSO super-packet),
 * in bursts of BURST, one each -i US, the first one -o US after the next multiple of NS of the
 * realtime clock; without -i each of them. Prints for each burst when it began and ended, ns since
 * the epoch, and its size.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/net_tstamp.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* Sleeps most of the way and spins the rest, on a clock that nobody steps. */
static void until(uint64_t when)
{
	uint64_t t = now(CLOCK_MONOTONIC);

	if (when > t + 2000000)
		usleep((when - t - 1000000) / 1000);
	while (now(CLOCK_MONOTONIC) < when)
		;
}

/*
 * When the next multiple of @align of the realtime clock is. That clock is read first: then a pause
 * in between makes it late, never early.
 */
static uint64_t next_multiple(uint64_t align)
{
	uint64_t rest = align ? align - now(CLOCK_REALTIME) % align : 0;

	return rest + now(CLOCK_MONOTONIC);
}

static void send_all(int fd, struct msghdr *msg)
{
	while (sendmsg(fd, msg, 0) < 0)
		if (errno != EINTR && errno != ECONNREFUSED && errno != ENOBUFS)
			err(1, "sendmsg");
}

int main(int argc, char **argv)
{
	uint64_t frames, burst = 0, gap = 0, align = 0, offset = 0, txtime = 0, next;
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	union {
		char bytes[CMSG_SPACE(sizeof(uint64_t))];
		struct cmsghdr header;
	} control;
	struct msghdr msg = { 0 };
	struct iovec payload;
	int port = 9, segment = 0, fd, c;

	while ((c = getopt(argc, argv, "b:i:a:o:p:g:t:")) != -1) {
		switch (c) {
		case 'b': burst = strtoull(optarg, NULL, 10); break;
		case 'i': gap = strtoull(optarg, NULL, 10) * 1000; break;
		case 'a': align = strtoull(optarg, NULL, 10); break;
		case 'o': offset = strtoull(optarg, NULL, 10) * 1000; break;
		case 'p': port = atoi(optarg); break;
		case 'g': segment = atoi(optarg); break;
		case 't': txtime = strtoull(optarg, NULL, 10); break;
		default: return 2;
		}
	}
	if (argc - optind != 3)
		errx(2, "want ADDRESS FRAMES PAYLOAD");
	frames = strtoull(argv[optind + 1], NULL, 10);
	payload.iov_len = strtoul(argv[optind + 2], NULL, 10);
	payload.iov_base = calloc(1, payload.iov_len + 1);
	msg.msg_iov = &payload;
	msg.msg_iovlen = 1;
	if (inet_pton(AF_INET, argv[optind], &four.sin_addr) == 1) {
		four.sin_port = htons(port);
		msg.msg_name = &four;
		msg.msg_namelen = sizeof(four);
	} else if (inet_pton(AF_INET6, argv[optind], &six.sin6_addr) == 1) {
		six.sin6_port = htons(port);
		msg.msg_name = &six;
		msg.msg_namelen = sizeof(six);
	} else {
		errx(2, "%s: not an address", argv[optind]);
	}
	fd = socket(((struct sockaddr *)msg.msg_name)->sa_family, SOCK_DGRAM, 0);
	if (fd < 0)
		err(1, "socket");
	if (segment && setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)))
		err(1, "UDP_SEGMENT");
	if (txtime) {
		struct sock_txtime clock = { .clockid = CLOCK_MONOTONIC };

		if (setsockopt(fd, SOL_SOCKET, SO_TXTIME, &clock, sizeof(clock)))
			err(1, "SO_TXTIME");
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_TXTIME;
		control.header.cmsg_len = CMSG_LEN(sizeof(txtime));
		memcpy(CMSG_DATA(&control.header), &txtime, sizeof(txtime));
	}

	if (!burst)
		burst = frames;
	next = next_multiple(align) + offset;
	while (frames) {
		uint64_t n = burst < frames ? burst : frames, began;

		until(next);
		began = now(CLOCK_REALTIME);
		for (uint64_t i = 0; i < n; i++)
			send_all(fd, &msg);
		printf("%llu %llu %llu\n", (unsigned long long)began,
		       (unsigned long long)now(CLOCK_REALTIME), (unsigned long long)n);
		frames -= n;
		next = gap || !align ? next + gap : next_multiple(align) + offset;
	}
	return 0;
}
