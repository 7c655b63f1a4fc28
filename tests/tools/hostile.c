// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules that no iptables would send: valid around our match and hostile inside
 * it. What the kernel says is held against what the interface says, what it
 * accepted is read back, and nothing may be left of what it refused.
 *
 * usage: hostile [-s SEED] [-f FROM] [-n COUNT] WHERE
 *        hostile -N WHERE     one good rule, with each allocation failing in
 *                             turn; prints how many there were
 * WHERE: legacy4 legacy6 nft4 nft6, or nftables' inet bridge arp, where there
 * is no such match.
 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <linux/netfilter.h>
#include "fail_nth.h"
#include "hostile.h"
#include "seeded.h"

static const struct {
	const char *name;
	const struct backend *backend;
	int family;
	int ours;	/* the match is there */
} places[] = {
	{ "legacy4", &legacy, NFPROTO_IPV4, 1 },
	{ "legacy6", &legacy, NFPROTO_IPV6, 1 },
	{ "nft4", &nft, NFPROTO_IPV4, 1 },
	{ "nft6", &nft, NFPROTO_IPV6, 1 },
	{ "inet", &nft, NFPROTO_INET, 0 },
	{ "bridge", &nft, NFPROTO_BRIDGE, 0 },
	{ "arp", &nft, NFPROTO_ARP, 0 },
}, *place;

void die(const char *format, ...)
{
	int error = errno;
	va_list args;

	fprintf(stderr, "input %llu: ", now_at);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (seed %llu, errno %d %s)\n", seed, error, strerror(error));
	exit(1);
}

/* --- What is sent. ---------------------------------------------------------------------------- */

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

static void invent_info(struct xt_pktstat_info1 *info)
{
	unsigned int i, faults = one_of(4);
	const char *name;

	memset(info, 0, sizeof(*info));
	info->period_ns = 1000 + one_of(1000000000);
	info->samples = 1 + one_of(64);
	info->id = one_of(2) ? XT_PKTSTAT_ID_ANY : one_of(8);
	while (faults--)
		switch (one_of(10)) {
		case 0:
			info->period_ns = number();
			break;
		case 1:
			info->samples = number();
			break;
		case 2:
			info->flags = one_of(2) ? number() : one_of(8);
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
			info->flags |= XT_PKTSTAT_FLAG_ABOVE_BITS << one_of(2);
			info->above = one_of(2) ? number() : any() >> one_of(64);
			break;
		case 9:
			((unsigned char *)info)[one_of(sizeof(*info))] = any();
			break;
		}
}

static struct input good(void)
{
	return (struct input){
		.name = XT_PKTSTAT_MATCH_NAME,
		.revision = XT_PKTSTAT_REVISION,
		.size = sizeof(struct xt_pktstat_info1),
		.info.period_ns = 1000000,
		.info.samples = 16,
		.info.id = XT_PKTSTAT_ID_ANY,
	};
}

struct xt_pktstat_info1 bad_info(void)
{
	struct xt_pktstat_info1 info = good().info;

	info.period_ns = 0;
	return info;
}

static struct input invent(unsigned long long number)
{
	struct input input = good();
	unsigned int i;

	/* Others for each way in. */
	begin(number);
	state += (place - places) * 0xd1342543de82ef95ULL;
	invent_info(&input.info);
	input.aside = one_of(2);
	if (!one_of(16)) {
		for (i = sizeof(input.info); i < sizeof(input.bytes); i++)
			input.bytes[i] = any();
		input.size = one_of(2) ? one_of(sizeof(input.info)) : one_of(1024);
		input.size -= input.size % place->backend->step;
	}
	/* Each has the kernel look for a module: dear. */
	if (!one_of(64))
		input.revision = 2 + one_of(254);
	if (!one_of(8))
		input.company = one_of(2) ? BEFORE_BAD_MATCH : BEFORE_BAD_RULE;
	return input;
}

/* --- What is expected. ------------------------------------------------------------------------ */

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

struct product {
	uint64_t high, low;
};

/* A 32-bit program has no type of 128 bits. */
static struct product multiply(uint64_t a, uint64_t b)
{
	uint64_t a_low = (uint32_t)a, b_low = (uint32_t)b;
	uint64_t middle = (a >> 32) * b_low + (a_low * b_low >> 32);
	uint64_t other = a_low * (b >> 32) + (uint32_t)middle;

	return (struct product){ (a >> 32) * (b >> 32) + (middle >> 32) + (other >> 32), a * b };
}

static int is_less(struct product a, struct product b)
{
	return a.high < b.high || (a.high == b.high && a.low < b.low);
}

/* Whether a window of this period has a unit at this rate, and not more than it can hold. */
static int is_above(const struct xt_pktstat_info1 *info)
{
	struct product is = multiply(info->above, info->period_ns);
	uint64_t unit = 1000000000;

	switch (info->flags & ~XT_PKTSTAT_FLAG_WIRE) {
	case 0:
		return !info->above;
	case XT_PKTSTAT_FLAG_ABOVE_BITS:
		unit *= 8;
		break;
	case XT_PKTSTAT_FLAG_ABOVE_PACKETS:
		break;
	default:
		return 0;
	}
	return !is_less(is, multiply(1, unit)) && is_less(is, multiply((1ULL << 62) + 1, unit));
}

/* What INTERFACE says of it, said a second time. */
static int is_valid(const struct xt_pktstat_info1 *info)
{
	static const char none[XT_PKTSTAT_NAME_SIZE];

	if (info->period_ns < XT_PKTSTAT_PERIOD_MIN_NS || info->period_ns > XT_PKTSTAT_PERIOD_MAX_NS)
		return 0;
	if (!info->samples || info->samples > XT_PKTSTAT_SAMPLES_MAX)
		return 0;
	if (!is_above(info) || info->reserved)
		return 0;
	if (memcmp(info->name, none, sizeof(none)))
		return is_name(info->name) && info->id == XT_PKTSTAT_ID_ANY;
	return info->id == XT_PKTSTAT_ID_ANY || info->id <= XT_PKTSTAT_ID_MAX;
}

static int is_good(const struct input *input)
{
	return input->size == sizeof(input->info) && is_valid(&input->info);
}

static int expected(const struct input *input)
{
	if (!place->ours || input->revision != XT_PKTSTAT_REVISION)
		return -ENOENT;
	return is_good(input) && input->company == ALONE ? 0 : -EINVAL;
}

/* The counters of this namespace: how many, and one's name. */
static int counters(char name[XT_PKTSTAT_NAME_SIZE])
{
	DIR *dir = opendir("/proc/net/xt_pktstat");
	const struct dirent *entry;
	int found = 0;

	if (!dir)
		die("/proc/net/xt_pktstat");
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.') {
			sprintf(name, "%.31s", entry->d_name);
			found++;
		}
	closedir(dir);
	return found;
}

/* With nftables a rule is destroyed some time after it was deleted. */
static void wait_until_gone(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	char name[XT_PKTSTAT_NAME_SIZE] = "";
	int naps = place->backend == &legacy ? 0 : 60000;

	while (counters(name)) {
		if (!naps--)
			die("counter %s is left", name);
		nanosleep(&ms, NULL);
	}
}

static void clear(void)
{
	int status = place->backend->clear();

	if (status)
		die("the rules cannot be removed: %d", status);
	wait_until_gone();
}

/* What the kernel shows of the rule that it took. */
static void read_back(const struct xt_pktstat_info1 *sent)
{
	char want[XT_PKTSTAT_NAME_SIZE] = "", name[XT_PKTSTAT_NAME_SIZE] = "";
	struct xt_pktstat_info1 info;
	unsigned int id = sent->id;

	/* There is no other counter, so the lowest number is free. */
	if (!sent->name[0] && id == XT_PKTSTAT_ID_ANY)
		id = 0;
	place->backend->show(&info);
	if (info.counter)
		die("a kernel pointer is shown: %llx", (unsigned long long)info.counter);
	if (memcmp(&info, sent, offsetof(struct xt_pktstat_info1, id)))
		die("the rule was changed");
	if (info.id != id)
		die("number %u is shown instead of %u", info.id, id);
	if (!is_valid(&info))
		die("what was accepted reads back as invalid");
	if (sent->name[0])
		memcpy(want, sent->name, sizeof(want));
	else
		sprintf(want, "%u", id);
	if (counters(name) != 1 || strcmp(name, want))
		die("counter %s is there instead of %s", name, want);
}

/* --- What is done. ---------------------------------------------------------------------------- */

static void fuzz(unsigned long long from, unsigned long long count)
{
	unsigned long long accepted = 0;

	for (now_at = from; now_at < from + count; now_at++) {
		struct input input = invent(now_at);
		const struct xt_pktstat_info1 *info = &input.info;
		int want = expected(&input), status = place->backend->add(&input);

		/* Too much memory is another matter than a bad rule. */
		if (status != want && !(status == -ENOMEM && is_good(&input)))
			die("%d instead of %d: %u bytes of revision %u, company %d: period %llu samples %u flags %x id %u name %.31s",
			    status, want, input.size, input.revision, input.company,
			    (unsigned long long)info->period_ns, info->samples, info->flags,
			    info->id, info->name);
		if (status) {
			wait_until_gone();
		} else {
			accepted++;
			read_back(info);
			clear();
		}
		if ((now_at - from + 1) % 1000 == 0)
			printf("up to %llu of seed %llu: %llu accepted\n", now_at, seed, accepted);
	}
	printf("%s: %llu rules, %llu accepted\n", place->name, count, accepted);
	if (place->ours && (!accepted || accepted == count))
		die("inputs of one kind only");
}

/*
 * A match of every family is found here, if not always taken: so it is ours
 * that is not there, and not the table or nft_compat.
 */
static void control(void)
{
	const struct input comment = { .name = "comment", .size = 256 };
	int status = place->backend->add(&comment);

	if (status && status != -EINVAL)
		die("no match at all can be used here: %d", status);
	clear();
}

static void sweep(void)
{
	const struct input input = good();
	int nth, failed = 0, left = 0;

	/* tests/vm/kernel_errors knows this name: the failures are asked for. */
	prctl(PR_SET_NAME, "fail-nth");
	for (nth = 1; nth < 2000 && !left; nth++) {
		int fd = open_faults("fail-nth"), status;

		put_faults(fd, nth);
		status = place->backend->add(&input);
		left = end_faults(fd);
		close(fd);
		if (status && status != -ENOMEM && status != -EFAULT && status != -ENOBUFS)
			die("allocation %d: %d", nth, status);
		if (status && left)
			die("allocation %d: %d, and nothing had failed", nth, status);
		failed += !!status;
		/* The rule is there where only the answer was lost. */
		clear();
		if (status && place->backend->add(&input))
			die("allocation %d: the next try fails", nth);
		if (status)
			read_back(&input.info);
		clear();
	}
	if (!left)
		die("no end of allocations");
	printf("%s: %d allocations, %d failures\n", place->name, nth - 2, failed);
	if (failed < 3)
		die("the faults do not arrive");
}

int main(int argc, char **argv)
{
	unsigned long long from = 0, count = 100;
	int option, faults = 0;

	while ((option = getopt(argc, argv, "s:f:n:N")) != -1)
		switch (option) {
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
	for (place = places; optind < argc && place < places + sizeof(places) / sizeof(*places); place++)
		if (!strcmp(place->name, argv[optind]))
			break;
	if (optind + 1 != argc || place == places + sizeof(places) / sizeof(*places))
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	place->backend->open(place->family);
	if (!place->ours)
		control();
	if (faults)
		sweep();
	else
		fuzz(from, count);
	return 0;
}
