// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * headers DEVICE HEADERS FRAMES [MAX_LATENCY]: makes the TUN device DEVICE, and has it receive so many
 * super-packets of TCP over IPv6, each with so many headers of options before TCP's and 65220 bytes
 * long.
 *
 * Prints for how long interrupts were off: the most within a packet, the median of all of them, ns.
 * MAX_LATENCY is where the tracer irqsoff says so. Without it a timer interrupts this CPU every 10 us,
 * and what it interrupts is not looked at: where two of its interrupts are further apart, the second
 * one had to wait.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/perf_event.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LENGTH 65220
#define SEGMENT 1000
#define OPTIONS 8
#define MOST 1000
#define RING (1 << 22)
#define PERIOD_NS 10000

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static int open_tun(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int control = socket(AF_INET6, SOCK_DGRAM, 0), fd = open("/dev/net/tun", O_RDWR);

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
		err(1, "TUNSETIFF");
	request.ifr_flags = IFF_UP;
	if (control < 0 || ioctl(control, SIOCSIFFLAGS, &request))
		err(1, "SIOCSIFFLAGS");
	close(control);
	return fd;
}

struct frame {
	struct virtio_net_hdr how;
	uint8_t bytes[LENGTH];
} __attribute__((packed));

static void make(struct frame *frame, int headers)
{
	int at = sizeof(struct ip6_hdr) + headers * OPTIONS;
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6 << 28),
		.ip6_plen = htons(LENGTH - sizeof(ip)),
		.ip6_nxt = headers ? IPPROTO_DSTOPTS : IPPROTO_TCP,
		.ip6_hlim = 64,
	};
	struct tcphdr tcp = { .doff = sizeof(tcp) / 4, .ack = 1 };

	inet_pton(AF_INET6, "fd09::1", &ip.ip6_src);
	inet_pton(AF_INET6, "fd09::2", &ip.ip6_dst);
	memcpy(frame->bytes, &ip, sizeof(ip));
	for (int i = 0; i < headers; i++) {
		/* One option, of padding. */
		uint8_t options[OPTIONS] = { IPPROTO_DSTOPTS, 0, IP6OPT_PADN, OPTIONS - 4 };

		if (i == headers - 1)
			options[0] = IPPROTO_TCP;
		memcpy(frame->bytes + sizeof(ip) + i * OPTIONS, options, OPTIONS);
	}
	memcpy(frame->bytes + at, &tcp, sizeof(tcp));
	frame->how = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV6,
		.gso_size = SEGMENT,
		.hdr_len = at + sizeof(tcp),
		.csum_start = at,
		.csum_offset = offsetof(struct tcphdr, check),
	};
}

/* The timer's interrupts, each a record with its time. */
static struct perf_event_mmap_page *start_timer(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = PERIOD_NS,
		.sample_type = PERF_SAMPLE_TIME,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
	void *map;

	if (fd < 0)
		err(1, "perf_event_open");
	map = mmap(NULL, sysconf(_SC_PAGESIZE) + RING, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap");
	return map;
}

/* The times of those that came so far; returns how many. */
static int interrupts(const struct perf_event_mmap_page *page, uint64_t *times, int most)
{
	const char *ring = (const char *)page + sysconf(_SC_PAGESIZE);
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
	int count = 0;

	for (uint64_t at = 0; at < head && count < most;) {
		const struct perf_event_header *record = (const void *)(ring + at);

		if (record->type != PERF_RECORD_SAMPLE)
			errx(1, "a record of type %u: interrupts were left out", record->type);
		memcpy(times + count++, record + 1, sizeof(*times));
		at += record->size;
	}
	return count;
}

static void receive(int tun, const struct frame *frame)
{
	if (write(tun, frame, sizeof(*frame)) != sizeof(*frame))
		err(1, "write");
}

/* The longest that interrupts were off within each frame, ns, by a timer. */
static void by_timer(int tun, const struct frame *frame, uint64_t *longest, int frames)
{
	static uint64_t began[MOST], ended[MOST], times[RING / 16];
	struct perf_event_mmap_page *page;
	int count;

	memset(began, 1, sizeof(began));
	memset(ended, 1, sizeof(ended));
	page = start_timer();
	for (int i = 0; i < frames; i++) {
		began[i] = now();
		receive(tun, frame);
		ended[i] = now();
	}
	/* One more at least. */
	while (now() < ended[frames - 1] + 10 * PERIOD_NS)
		;
	count = interrupts(page, times, RING / 16);
	for (int i = 0; i < frames; i++)
		for (int j = 1; j < count; j++) {
			uint64_t gap = times[j] - times[j - 1];

			if (times[j] > began[i] && times[j - 1] < ended[i] && gap > longest[i])
				longest[i] = gap;
		}
	fprintf(stderr, "%d interrupts in %llu us\n", count,
		(unsigned long long)(ended[frames - 1] - began[0]) / 1000);
}

/* The same, by the tracer. */
static void by_tracer(const char *max_latency, int tun, const struct frame *frame,
		      uint64_t *longest, int frames)
{
	int fd = open(max_latency, O_RDWR);

	if (fd < 0)
		err(1, "%s", max_latency);
	for (int i = 0; i < frames; i++) {
		char us[32] = "";

		if (pwrite(fd, "0", 1, 0) != 1)
			err(1, "%s", max_latency);
		receive(tun, frame);
		if (pread(fd, us, sizeof(us) - 1, 0) < 1)
			err(1, "%s", max_latency);
		longest[i] = strtoull(us, NULL, 10) * 1000;
	}
}

static int compare(const void *one, const void *other)
{
	const uint64_t *a = one, *b = other;

	return (*a > *b) - (*a < *b);
}

int main(int argc, char **argv)
{
	static uint64_t longest[MOST];
	static struct frame frame;
	cpu_set_t first;
	int tun, frames;

	if (argc != 4 && argc != 5)
		errx(2, "want DEVICE HEADERS FRAMES [MAX_LATENCY]");
	frames = atoi(argv[3]);
	if (frames < 1 || frames > MOST)
		errx(2, "1 to %d frames", MOST);
	make(&frame, atoi(argv[2]));
	tun = open_tun(argv[1]);
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (sched_setaffinity(0, sizeof(first), &first))
		err(1, "sched_setaffinity");
	if (argc == 4)
		by_timer(tun, &frame, longest, frames);
	else
		by_tracer(argv[4], tun, &frame, longest, frames);
	qsort(longest, frames, sizeof(*longest), compare);
	fprintf(stderr, "the longest %llu ns\n", (unsigned long long)longest[frames - 1]);
	printf("%llu\n", (unsigned long long)longest[frames / 2]);
	return 0;
}
