// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gen [-6P] [-s SEGMENTS] [-c CPU] [-n PACKETS] [-w WARM_UP] [-r RUNS] [-p PERIOD_NS] [-g GAP_NS] [-i IDLE_S]
 * gen -R DATA [-n READS]
 * gen -S DIRECTORY [-n TIMES]
 *
 * Sends datagrams to itself over lo and brackets each send with readings of the ticks. The
 * receiver's socket filter drops them, so a packet goes all the way (OUTPUT, lo, softirq, ingress,
 * INPUT, UDP's lookup) and no task is woken.
 *
 * -p: leaves out of `same` the packets that may have opened a window of that many ns.
 * -g: each packet waits for the next multiple of GAP_NS.
 * -i: sleeps before each packet that counts.
 * -P: polls all counters before each packet: each has to wake when its window ends.
 * -s: each packet is one of TCP over IPv4 that stands for so many, as GRO makes them.
 * -R: reads DATA to its end with one large read, then again and again.
 *
 * -S: writes the 23 files of an interface that is on, one by one, and then all in one batch.
 *
 * Prints for each run `all` and with -p `same`: packets, mode, how many cost that +-2, min, max, and the
 * mean of those that no interrupt hit; at last `sent N`, with -s `segments N` of each. -R: `rows N COST`, and the same for
 * `empty` reads. -S: `single` and `batch`.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#define PAYLOAD 100
#define PORT 9999

/* What nf_tables' path changes by in the middle of a run, now and then. */
#define NEAR 2
/* Dearer than the cheapest by more: an interrupt came. */
#define INTERRUPT 2000

/* What counts an instruction as one, in the machine that this is for. */
static uint64_t ticks(void)
{
#ifdef __x86_64__
	return __rdtsc();
#else
	uint64_t now;

	asm volatile("mrs %0, cntvct_el0" : "=r"(now));
	return now;
#endif
}

static int family = AF_INET;
static unsigned int segments, packets = 1000, warm_up = 64, runs = 4, idle;
static uint64_t period, gap;
static bool polls;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void report(const char *name, uint64_t *values, unsigned int n)
{
	unsigned int i, from = 0, most = 0, calm = 0;
	uint64_t mode = 0, sum = 0;

	if (!n)
		return;
	qsort(values, n, sizeof(*values), ascending);
	for (i = 0; i < n; i++) {
		if (values[i] - values[0] <= INTERRUPT) {
			sum += values[i];
			calm++;
		}
		if (values[i] != values[from])
			from = i;
		if (i - from + 1 > most) {
			most = i - from + 1;
			mode = values[i];
		}
	}
	most = 0;
	for (i = 0; i < n; i++)
		most += values[i] + NEAR >= mode && values[i] <= mode + NEAR;
	printf("%s %u %lu %u %lu %lu %.1f\n", name, n, mode, most, values[0],
	       values[n - 1], (double)sum / calm);
}

/* Connected, to a receiver that takes nothing. */
static int open_sender(void)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_fprog nothing = { .len = 1, .filter = code };
	struct sockaddr_in to4 = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				   .sin_port = htons(PORT) };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6,
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT,
				    .sin6_port = htons(PORT) };
	const void *to = family == AF_INET ? (void *)&to4 : (void *)&to6;
	socklen_t size = family == AF_INET ? sizeof(to4) : sizeof(to6);
	int receiver = socket(family, SOCK_DGRAM, 0);
	int sender = socket(family, SOCK_DGRAM, 0);

	if (receiver < 0 || sender < 0 ||
	    setsockopt(receiver, SOL_SOCKET, SO_ATTACH_FILTER, &nothing, sizeof(nothing)) ||
	    bind(receiver, to, size) || connect(sender, to, size))
		err(1, "socket");
	return sender;
}

struct super_packet {
	struct virtio_net_hdr gso;
	struct ethhdr ether;
	struct iphdr ip;
	struct tcphdr tcp;
	char payload[65000];
} __attribute__((packed));

static void write_setting(const char *name)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/lo/%s", name);
	file = fopen(path, "w");
	if (!file || fputs("1", file) < 0 || fclose(file))
		err(1, "%s", path);
}

/* To a listener, which takes no segment that neither acknowledges nor begins anything. */
static size_t make_super_packet(struct super_packet *packet)
{
	size_t size = offsetof(struct super_packet, payload) + segments * PAYLOAD;
	size_t headers = sizeof(packet->ip) + sizeof(packet->tcp);
	uint16_t words[sizeof(packet->ip) / 2];
	uint32_t sum = 0;
	unsigned int i;

	if (segments * PAYLOAD > sizeof(packet->payload))
		errx(2, "-s: %u segments", segments);
	packet->gso.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	packet->gso.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	packet->gso.gso_size = PAYLOAD;
	packet->gso.hdr_len = sizeof(packet->ether) + headers;
	packet->gso.csum_start = sizeof(packet->ether) + sizeof(packet->ip);
	packet->gso.csum_offset = offsetof(struct tcphdr, check);
	packet->ether.h_proto = htons(ETH_P_IP);
	packet->ip.version = 4;
	packet->ip.ihl = 5;
	packet->ip.ttl = 64;
	packet->ip.protocol = IPPROTO_TCP;
	packet->ip.tot_len = htons(headers + segments * PAYLOAD);
	packet->ip.saddr = htonl(INADDR_LOOPBACK + 1);
	packet->ip.daddr = htonl(INADDR_LOOPBACK);
	memcpy(words, &packet->ip, sizeof(words));
	for (i = 0; i < sizeof(words) / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	packet->ip.check = ~(sum + (sum >> 16));
	packet->tcp.source = htons(PORT + 1);
	packet->tcp.dest = htons(PORT);
	packet->tcp.doff = sizeof(packet->tcp) / 4;
	return size;
}

static int open_super_sender(void)
{
	struct sockaddr_ll lo = { .sll_family = AF_PACKET,
				  .sll_ifindex = if_nametoindex("lo") };
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				  .sin_port = htons(PORT) };
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int sender = socket(AF_PACKET, SOCK_RAW, 0);
	int on = 1;

	/* Packets from an address of this machine, that come with no route. */
	write_setting("accept_local");
	write_setting("route_localnet");
	if (listener < 0 || bind(listener, (void *)&to, sizeof(to)) ||
	    listen(listener, 1) || sender < 0 ||
	    setsockopt(sender, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
	    bind(sender, (void *)&lo, sizeof(lo)))
		err(1, "socket");
	return sender;
}

static nfds_t open_counters(struct pollfd **counters)
{
	glob_t found = { 0 };
	nfds_t i;

	if (!polls || glob("/proc/net/xt_pktstat/*/data", 0, NULL, &found))
		return 0;
	*counters = calloc(found.gl_pathc, sizeof(**counters));
	for (i = 0; i < found.gl_pathc; i++) {
		(*counters)[i].events = POLLIN;
		(*counters)[i].fd = open(found.gl_pathv[i], O_RDONLY);
		if ((*counters)[i].fd < 0)
			err(1, "%s", found.gl_pathv[i]);
	}
	return found.gl_pathc;
}

static void generate(void)
{
	static struct super_packet super;
	static const char small[PAYLOAD];
	const void *payload = segments ? (void *)&super : small;
	ssize_t size = segments ? make_super_packet(&super) : sizeof(small);
	uint64_t window = 0, last, start;
	uint64_t *all = calloc(packets, sizeof(*all)), *same = calloc(packets, sizeof(*same));
	unsigned int run, i, sames;
	struct pollfd *counters = NULL;
	nfds_t counted = open_counters(&counters);
	int fd = segments ? open_super_sender() : open_sender();
	bool stays, stayed;

	for (run = 0; run < runs; run++) {
		sames = 0;
		stays = false;
		for (i = 0; i < warm_up + packets; i++) {
			if (idle && i >= warm_up)
				sleep(idle);
			if (counted && poll(counters, counted, 0) < 0)
				err(1, "poll");
			if (gap) {
				start = ticks();
				start += gap - start % gap;
				while (ticks() < start)
					;
			}
			start = ticks();
			if (send(fd, payload, size, 0) != size)
				err(1, "send");
			start = ticks() - start;
			last = window;
			window = period ? now() / period : 0;
			/* The packet before may have been counted before its window ended. */
			stayed = stays;
			stays = window == last;
			if (i < warm_up)
				continue;
			all[i - warm_up] = start;
			if (stays && stayed)
				same[sames++] = start;
		}
		report("all", all, packets);
		if (period)
			report("same", same, sames);
	}
	printf("sent %u\n", runs * (warm_up + packets));
	if (segments)
		printf("segments %u\n", segments);
}

static void drain(const char *path)
{
	const size_t size = 16 << 20;
	char *text = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	uint64_t start, end, *empty = calloc(packets, sizeof(*empty));
	int fd = open(path, O_RDONLY);
	unsigned int rows = 0, i;
	ssize_t got, at;

	if (fd < 0 || text == MAP_FAILED)
		err(1, "%s", path);
	/* The header is no row. */
	for (got = 0; got < 1 || text[0] != '\n';)
		if ((got = read(fd, text, 1)) < 1)
			errx(1, "%s: no header", path);
	start = ticks();
	got = read(fd, text, size);
	end = ticks();
	for (at = 0; at < got; at++)
		rows += text[at] == '\n';
	printf("rows %u %lu\n", rows, end - start);
	for (i = 0; i < packets; i++) {
		start = ticks();
		got = read(fd, text, size);
		empty[i] = ticks() - start;
		if (got)
			errx(1, "%s: more rows", path);
	}
	report("empty", empty, packets);
}

#define FIELDS 23

static void write_statistics(const char *path)
{
	static const char value[] = "1000000000000\n";
	uint64_t start, *single = calloc(packets, sizeof(*single));
	uint64_t *batch = calloc(packets, sizeof(*batch));
	char lines[FIELDS * 64] = "";
	unsigned int n = 0, i, k;
	struct dirent *entry;
	int fds[FIELDS], all;
	DIR *dir;

	if (chdir(path) || !(dir = opendir(".")))
		err(1, "%s", path);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "all"))
			continue;
		if (n == FIELDS || (fds[n++] = open(entry->d_name, O_WRONLY)) < 0)
			err(1, "%s", entry->d_name);
		strcat(strcat(strcat(lines, entry->d_name), " "), value);
	}
	all = open("all", O_WRONLY);
	if (n != FIELDS || all < 0)
		errx(1, "%s: %u files", path, n);
	for (i = 0; i < packets; i++) {
		start = ticks();
		for (k = 0; k < FIELDS; k++)
			if (pwrite(fds[k], value, sizeof(value) - 1, 0) < 0)
				err(1, "write");
		single[i] = ticks() - start;
		start = ticks();
		if (pwrite(all, lines, strlen(lines), 0) < 0)
			err(1, "all");
		batch[i] = ticks() - start;
	}
	report("single", single, packets);
	report("batch", batch, packets);
}

int main(int argc, char **argv)
{
	const char *data = NULL, *statistics = NULL;
	cpu_set_t cpus;
	int c, cpu = 0;

	while ((c = getopt(argc, argv, "6Ps:c:n:w:r:p:g:i:R:S:")) != -1)
		switch (c) {
		case '6': family = AF_INET6; break;
		case 'P': polls = true; break;
		case 's': segments = atoi(optarg); break;
		case 'c': cpu = atoi(optarg); break;
		case 'n': packets = atoi(optarg); break;
		case 'w': warm_up = atoi(optarg); break;
		case 'r': runs = atoi(optarg); break;
		case 'p': period = strtoull(optarg, NULL, 0); break;
		case 'g': gap = strtoull(optarg, NULL, 0); break;
		case 'i': idle = atoi(optarg); break;
		case 'R': data = optarg; break;
		case 'S': statistics = optarg; break;
		default: errx(2, "see the head of gen.c");
		}
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		err(1, "CPU %d", cpu);
	if (data)
		drain(data);
	else if (statistics)
		write_statistics(statistics);
	else
		generate();
	return 0;
}
