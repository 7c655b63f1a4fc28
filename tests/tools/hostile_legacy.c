// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules through IPT_SO_SET_REPLACE, which sends the whole table. */
#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <net/if.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include "hostile.h"

static int family, sock;

/* The two families differ in the size of an entry's head. */
static size_t entry_size(void)
{
	return family == AF_INET ? sizeof(struct ipt_entry) : sizeof(struct ip6t_entry);
}

static int level(void)
{
	return family == AF_INET ? SOL_IP : SOL_IPV6;
}

static void open_legacy(int which)
{
	family = which;
	sock = socket(family, SOCK_RAW, IPPROTO_RAW);
	if (sock < 0)
		die("socket");
}

struct table {
	struct ipt_replace head;	/* the same as ip6t_replace's, up to entries */
	unsigned char entries[8192];
	unsigned int size;
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

static void add_entry(struct table *table, const void *matches, unsigned int matches_size,
		      const void *target, unsigned int target_size)
{
	unsigned char *entry = table->entries + table->size;
	unsigned int offset = entry_size() + matches_size;

	set_offsets(entry, offset, offset + target_size);
	memcpy(entry + entry_size(), matches, matches_size);
	memcpy(entry + offset, target, target_size);
	table->size += offset + target_size;
	table->head.num_entries++;
}

static void add_accept(struct table *table, const void *matches, unsigned int matches_size)
{
	struct xt_standard_target target = {
		.target.u.target_size = XT_ALIGN(sizeof(target)),
		.verdict = -NF_ACCEPT - 1,
	};

	add_entry(table, matches, matches_size, &target, sizeof(target));
}

static void add_error(struct table *table)
{
	struct xt_error_target target = {
		.target.u.user.target_size = XT_ALIGN(sizeof(target)),
		.target.u.user.name = XT_ERROR_TARGET,
		.errorname = XT_ERROR_TARGET,
	};

	add_entry(table, "", 0, &target, sizeof(target));
}

/* Writes a match and says how long it is. */
static unsigned int put_match(unsigned char *to, const char *name, unsigned int revision,
			      const void *info, unsigned int size)
{
	struct xt_entry_match head = {
		.u.user.match_size = sizeof(head) + size,
		.u.user.revision = revision,
	};

	strcpy(head.u.user.name, name);
	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), info, size);
	return sizeof(head) + size;
}

static int table_now(struct ipt_getinfo *info)
{
	socklen_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	strcpy(info->name, "filter");
	return getsockopt(sock, level(), IPT_SO_GET_INFO, info, &len);
}

/* Replaces the table by one with these rules on INPUT. */
static int replace(const struct input *input)
{
	static struct xt_counters counters[64];
	unsigned char matches[4096];
	struct table table = {};
	struct ipt_getinfo now;
	unsigned int size = 0;
	int hook;

	strcpy(table.head.name, "filter");
	table.head.valid_hooks = 1 << NF_INET_LOCAL_IN | 1 << NF_INET_FORWARD |
		1 << NF_INET_LOCAL_OUT;
	for (hook = NF_INET_LOCAL_IN; hook <= NF_INET_LOCAL_OUT; hook++) {
		table.head.hook_entry[hook] = table.size;
		if (hook == NF_INET_LOCAL_IN && input) {
			const struct xt_pktstat_info1 bad = bad_info();

			size = put_match(matches, input->name, input->revision, input->bytes,
					 input->size);
			if (input->company == BEFORE_BAD_RULE) {
				add_accept(&table, matches, size);
				size = 0;
			}
			if (input->company != ALONE)
				size += put_match(matches + size, XT_PKTSTAT_MATCH_NAME,
						  XT_PKTSTAT_REVISION, &bad, sizeof(bad));
			add_accept(&table, matches, size);
		}
		table.head.underflow[hook] = table.size;
		add_accept(&table, "", 0);
	}
	add_error(&table);
	table.head.size = table.size;
	/* The way to the kernel is one of the things that a fault may meet. */
	if (table_now(&now))
		return -errno;
	table.head.num_counters = now.num_entries;
	if (table.head.num_counters > 64)
		die("the table has rules of somebody else");
	table.head.counters = counters;
	if (setsockopt(sock, level(), IPT_SO_SET_REPLACE, &table,
		       offsetof(struct table, entries) + table.size))
		return -errno;
	return 0;
}

static int clear(void)
{
	return replace(NULL);
}

static void show(struct xt_pktstat_info1 *info)
{
	struct {
		struct ipt_get_entries head;
		unsigned char entries[8192];
	} got = {};
	struct ipt_getinfo now;
	socklen_t len;

	if (table_now(&now))
		die("IPT_SO_GET_INFO");
	strcpy(got.head.name, "filter");
	got.head.size = now.size;
	len = offsetof(struct ipt_get_entries, entrytable) + now.size;
	if (getsockopt(sock, level(), IPT_SO_GET_ENTRIES, &got, &len))
		die("IPT_SO_GET_ENTRIES");
	/* The entries begin where the head's flexible array does. */
	memcpy(info, (const unsigned char *)got.head.entrytable + entry_size() +
	       sizeof(struct xt_entry_match), sizeof(*info));
}

const struct backend legacy = {
	.open = open_legacy,
	.add = replace,
	.show = show,
	.clear = clear,
	/* An entry that is not aligned is refused before its matches are looked at. */
	.step = 8,
};
