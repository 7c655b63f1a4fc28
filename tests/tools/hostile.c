// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules that no iptables would send: a table that is valid around our match
 * and hostile inside it. What the kernel says is held against what the
 * interface says, and what it accepted is read back.
 *
 * usage: hostile [-6] [-s SEED] [-f FROM] [-n COUNT]
 *        hostile [-6] -N        one good rule, with each allocation failing in
 *                               turn; prints how many there were
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <net/if.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include "../../c_shim/xt_pktstat.h"

static int family = AF_INET, sock;
static unsigned long long seed = 1, state;

/* splitmix64: each input has its own, so that a run can be resumed. */
static unsigned long long any(void)
{
	unsigned long long z = state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static unsigned int one_of(unsigned int n)
{
	return any() % n;
}

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (seed %llu, errno %d %s)\n", seed, errno, strerror(errno));
	exit(1);
}

/* The two families differ in the size of an entry's head. */
static size_t entry_size(void)
{
	return family == AF_INET ? sizeof(struct ipt_entry) : sizeof(struct ip6t_entry);
}

static int level(void)
{
	return family == AF_INET ? SOL_IP : SOL_IPV6;
}

struct table {
	struct ipt_replace head;	/* the same as ip6t_replace's, up to entries */
	unsigned char entries[4096];
};

static void set_offsets(unsigned char *entry, unsigned int target, unsigned int next)
{
	if (family == AF_INET) {
		((struct ipt_entry *)entry)->target_offset = target;
		((struct ipt_entry *)entry)->next_offset = next;
	} else {
		((struct ip6t_entry *)entry)->target_offset = target;
		((struct ip6t_entry *)entry)->next_offset = next;
	}
}

static unsigned int add_standard(struct table *table, unsigned int at, const void *match,
				 unsigned int match_size)
{
	struct xt_standard_target target = {
		.target.u.target_size = XT_ALIGN(sizeof(target)),
		.verdict = -NF_ACCEPT - 1,
	};
	unsigned char *entry = table->entries + at;
	unsigned int offset = entry_size() + match_size;

	set_offsets(entry, offset, offset + sizeof(target));
	memcpy(entry + entry_size(), match, match_size);
	memcpy(entry + offset, &target, sizeof(target));
	table->head.num_entries++;
	return at + offset + sizeof(target);
}

static unsigned int add_error(struct table *table, unsigned int at)
{
	struct xt_error_target target = {
		.target.u.user.target_size = XT_ALIGN(sizeof(target)),
		.target.u.user.name = XT_ERROR_TARGET,
		.errorname = XT_ERROR_TARGET,
	};
	unsigned char *entry = table->entries + at;

	set_offsets(entry, entry_size(), entry_size() + sizeof(target));
	memcpy(entry + entry_size(), &target, sizeof(target));
	table->head.num_entries++;
	return at + entry_size() + sizeof(target);
}

static unsigned int entries_now(struct ipt_getinfo *info)
{
	socklen_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	strcpy(info->name, "filter");
	if (getsockopt(sock, level(), IPT_SO_GET_INFO, info, &len))
		die("IPT_SO_GET_INFO");
	return info->num_entries;
}

/* Replaces the table by one with a rule of this match, or with none. */
static int replace(const void *match, unsigned int match_size)
{
	static struct xt_counters counters[64];
	struct table table = {};
	struct ipt_getinfo info;
	unsigned int at = 0;
	int hook, status;

	strcpy(table.head.name, "filter");
	table.head.valid_hooks = 1 << NF_INET_LOCAL_IN | 1 << NF_INET_FORWARD |
		1 << NF_INET_LOCAL_OUT;
	for (hook = NF_INET_LOCAL_IN; hook <= NF_INET_LOCAL_OUT; hook++) {
		table.head.hook_entry[hook] = at;
		if (hook == NF_INET_LOCAL_IN && match_size)
			at = add_standard(&table, at, match, match_size);
		table.head.underflow[hook] = at;
		at = add_standard(&table, at, NULL, 0);
	}
	at = add_error(&table, at);
	table.head.size = at;
	table.head.num_counters = entries_now(&info);
	if (table.head.num_counters > 64)
		die("the table has rules of somebody else");
	table.head.counters = counters;
	status = setsockopt(sock, level(), IPT_SO_SET_REPLACE, &table,
			    offsetof(struct table, entries) + at);
	return status ? -errno : 0;
}

struct rule {
	struct xt_entry_match head;
	struct xt_pktstat_info info;
};

static const unsigned long long numbers[] = {
	0, 1, 2, 999, 1000, 1001, 65535, 65536, 100000000, 3599999999999ULL, 3600000000000ULL,
	3600000000001ULL, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 1048576, 1048577,
	0x7fffffffffffffffULL, 0x8000000000000000ULL, ~0ULL, 0x4141414141414141ULL,
};

static unsigned long long number(void)
{
	unsigned int at = one_of(sizeof(numbers) / sizeof(*numbers) + 4);

	return at < sizeof(numbers) / sizeof(*numbers) ? numbers[at] : any() >> one_of(64);
}

static const char *const names[] = {
	"a", "web", ".", "..", "a/b", "0", "9a", "-a", "_a", "a b", "a\n", "data", "status",
	"abcdefghijklmnopqrstuvwxyz01234", "a.b-c_D", "\xff", "a\xc3\xa4", "%s%n",
};

static void invent(struct xt_pktstat_info *info)
{
	unsigned int i, faults = one_of(4);
	const char *name;

	memset(info, 0, sizeof(*info));
	info->period_ns = 1000 + one_of(1000000000);
	info->samples = 1 + one_of(64);
	info->id = one_of(2) ? XT_PKTSTAT_ID_ANY : one_of(8);
	while (faults--)
		switch (one_of(9)) {
		case 0:
			info->period_ns = number();
			break;
		case 1:
			info->samples = number();
			break;
		case 2:
			info->flags = one_of(2) ? number() : 1;
			break;
		case 3:
			info->id = number();
			break;
		case 4:
			info->reserved = number();
			break;
		case 5:
			info->counter = number();
			break;
		case 6:
			for (i = 0; i < sizeof(info->name); i++)
				info->name[i] = any();
			break;
		case 7:
			name = names[one_of(sizeof(names) / sizeof(*names))];
			memcpy(info->name, name, strnlen(name, sizeof(info->name)));
			info->id = one_of(4) ? XT_PKTSTAT_ID_ANY : info->id;
			break;
		case 8:
			((unsigned char *)info)[one_of(sizeof(*info))] = any();
			break;
		}
}

static int is_name(const char *name)
{
	static const char more[] = "0123456789_.-";
	size_t i, len = strnlen(name, XT_PKTSTAT_NAME_SIZE);

	if (!len || len == XT_PKTSTAT_NAME_SIZE)
		return 0;
	for (i = 0; i < XT_PKTSTAT_NAME_SIZE; i++) {
		int letter = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z');

		if (i >= len ? name[i] : !letter && (!i || !strchr(more, name[i])))
			return 0;
	}
	return 1;
}

/* What INTERFACE says of it, told a second time. */
static int is_valid(const struct xt_pktstat_info *info)
{
	static const char none[XT_PKTSTAT_NAME_SIZE];

	if (info->period_ns < XT_PKTSTAT_PERIOD_MIN_NS || info->period_ns > XT_PKTSTAT_PERIOD_MAX_NS)
		return 0;
	if (!info->samples || info->samples > XT_PKTSTAT_SAMPLES_MAX)
		return 0;
	if (info->flags & ~XT_PKTSTAT_FLAG_WIRE || info->reserved)
		return 0;
	if (memcmp(info->name, none, sizeof(none)))
		return is_name(info->name) && info->id == XT_PKTSTAT_ID_ANY;
	return info->id == XT_PKTSTAT_ID_ANY || info->id <= XT_PKTSTAT_ID_MAX;
}

/* What the kernel shows of the rule that it took. */
static void read_back(const struct xt_pktstat_info *sent)
{
	struct {
		struct ipt_get_entries head;
		unsigned char entries[8192];
	} got = {};
	const struct xt_pktstat_info *info;
	struct ipt_getinfo now;
	socklen_t len;

	entries_now(&now);
	strcpy(got.head.name, "filter");
	got.head.size = now.size;
	len = offsetof(struct ipt_get_entries, entrytable) + now.size;
	if (getsockopt(sock, level(), IPT_SO_GET_ENTRIES, &got, &len))
		die("IPT_SO_GET_ENTRIES");
	/* The entries begin where the head's flexible array does. */
	info = (const void *)((const unsigned char *)got.head.entrytable + entry_size() +
			      sizeof(struct xt_entry_match));
	if (info->counter)
		die("a kernel pointer is shown: %llx", (unsigned long long)info->counter);
	if (memcmp(info, sent, offsetof(struct xt_pktstat_info, id)))
		die("the rule was changed");
	if (!is_valid(info))
		die("what was accepted reads back as invalid");
	if (!sent->name[0] && info->id > XT_PKTSTAT_ID_MAX)
		die("a counter without a name has no number");
}

static struct rule good(void)
{
	struct rule rule = {
		.head.u.user.match_size = sizeof(rule),
		.head.u.user.name = XT_PKTSTAT_MATCH_NAME,
		.info.period_ns = 1000000,
		.info.samples = 16,
		.info.id = XT_PKTSTAT_ID_ANY,
	};
	return rule;
}

static void fuzz(unsigned long long from, unsigned long long count)
{
	unsigned long long i, accepted = 0;

	for (i = from; i < from + count; i++) {
		struct rule rule = good();
		unsigned int size = sizeof(rule);
		int status, want;

		state = seed + i * 0x632be59bd9b4e019ULL;
		invent(&rule.info);
		want = is_valid(&rule.info) ? 0 : -EINVAL;
		if (!one_of(16)) {
			size -= 8 * (1 + one_of(8));
			rule.head.u.user.match_size = size;
			want = -EINVAL;
		}
		status = replace(&rule, size);
		/* Too much memory is another matter than a bad rule. */
		if (status != want && !(want == 0 && status == -ENOMEM))
			die("input %llu: %d instead of %d: period %llu samples %u flags %x id %u", i,
			    status, want, (unsigned long long)rule.info.period_ns, rule.info.samples,
			    rule.info.flags, rule.info.id);
		if (!status) {
			accepted++;
			read_back(&rule.info);
			if (replace(NULL, 0))
				die("input %llu: the empty table is refused", i);
		}
	}
	printf("%llu rules, %llu accepted\n", count, accepted);
	if (!accepted || accepted == count)
		die("inputs of one kind only");
}

static void sweep(void)
{
	struct rule rule = good();
	int nth, failed = 0;

	for (nth = 1; nth < 2000; nth++) {
		char text[16];
		int fd = open("/proc/thread-self/fail-nth", O_RDWR), status;

		if (fd < 0)
			die("/proc/thread-self/fail-nth");
		sprintf(text, "%d", nth);
		if (write(fd, text, strlen(text)) < 0)
			die("fail-nth");
		status = replace(&rule, sizeof(rule));
		memset(text, 0, sizeof(text));
		if (pread(fd, text, sizeof(text) - 1, 0) < 0)
			die("fail-nth");
		if (write(fd, "0", 1) < 0)
			die("fail-nth");
		close(fd);
		if (status && status != -ENOMEM && status != -EFAULT)
			die("allocation %d: %d", nth, status);
		failed += !!status;
		if (replace(NULL, 0))
			die("allocation %d: the next try fails", nth);
		/* Nothing was left to fail. */
		if (atoi(text) > 0)
			break;
	}
	printf("%d allocations, %d failures\n", nth - 1, failed);
	if (failed < 3)
		die("the faults do not arrive");
}

int main(int argc, char **argv)
{
	unsigned long long from = 0, count = 100;
	int option, faults = 0;

	while ((option = getopt(argc, argv, "6s:f:n:N")) != -1)
		switch (option) {
		case '6':
			family = AF_INET6;
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			from = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			count = strtoull(optarg, NULL, 0);
			break;
		case 'N':
			faults = 1;
			break;
		default:
			return 2;
		}
	sock = socket(family, SOCK_RAW, IPPROTO_RAW);
	if (sock < 0)
		die("socket");
	if (faults)
		sweep();
	else
		fuzz(from, count);
	return 0;
}
