// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules through nftables: batches of netlink messages, as iptables-nft sends
 * them, to a table with a chain on a hook and one on none. Our match comes to
 * them by nft_compat.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include "hostile.h"

#define TABLE "hostile"

static int family, sock;

/* --- What is sent. ---------------------------------------------------------------------------- */

static unsigned char out[16384];
static size_t used;

static void *put(const void *data, size_t size)
{
	void *place = out + used;

	if (used + NLMSG_ALIGN(size) > sizeof(out))
		die("the batch is too long");
	memset(place, 0, NLMSG_ALIGN(size));
	memcpy(place, data, size);
	used += NLMSG_ALIGN(size);
	return place;
}

static struct nlmsghdr *message(int type, int flags, int its_family, int resource)
{
	const struct nlmsghdr head = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags };
	const struct nfgenmsg more = { .nfgen_family = its_family, .res_id = htons(resource) };
	struct nlmsghdr *place = put(&head, sizeof(head));

	put(&more, sizeof(more));
	return place;
}

static struct nlmsghdr *about_tables(int type, int flags)
{
	return message(NFNL_SUBSYS_NFTABLES << 8 | type, flags, family, 0);
}

static void end_message(struct nlmsghdr *head)
{
	head->nlmsg_len = out + used - (unsigned char *)head;
}

static struct nlattr *nest(int type)
{
	const struct nlattr head = { .nla_type = NLA_F_NESTED | type };

	return put(&head, sizeof(head));
}

static void end_nest(struct nlattr *head)
{
	head->nla_len = out + used - (unsigned char *)head;
}

static void attribute(int type, const void *data, size_t size)
{
	const struct nlattr head = { .nla_type = type, .nla_len = sizeof(head) + size };

	put(&head, sizeof(head));
	put(data, size);
}

static void text(int type, const char *value)
{
	attribute(type, value, strlen(value) + 1);
}

static void number(int type, unsigned int value)
{
	value = htonl(value);
	attribute(type, &value, sizeof(value));
}

/* --- What comes back. ------------------------------------------------------------------------- */

static unsigned char in[65536] __attribute__((aligned(8)));

/*
 * What the kernel says of a batch: its first error, or none. All it says is
 * there when the batch is sent.
 */
static int answer(void)
{
	int status = 0, answers = 0;

	for (;;) {
		const struct nlmsghdr *head = (const void *)in;
		ssize_t size = recv(sock, in, sizeof(in), MSG_DONTWAIT);
		int said;

		if (size < 0 && errno == EAGAIN)
			break;
		/* It had no memory for an answer, or a fault took it. */
		if (size < 0 && errno != ENOBUFS && errno != EFAULT && errno != ENOMEM)
			die("recv");
		if (size >= 0 && (!NLMSG_OK(head, size) || head->nlmsg_type != NLMSG_ERROR))
			die("not an answer to a batch");
		said = size < 0 ? -errno : ((const struct nlmsgerr *)NLMSG_DATA(head))->error;
		status = status ? status : said;
		answers++;
	}
	errno = 0;
	if (!answers)
		die("the kernel does not answer");
	return status;
}

static void begin_batch(void)
{
	used = 0;
	end_message(message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

static int send_batch(void)
{
	end_message(message(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
	if (send(sock, out, used, 0) < 0)
		return -errno;
	return answer();
}

/* --- The words of a backend. ------------------------------------------------------------------ */

static void add_chain(const char *name, int hooked)
{
	struct nlmsghdr *chain = about_tables(NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_ACK);
	struct nlattr *hook;

	text(NFTA_CHAIN_TABLE, TABLE);
	text(NFTA_CHAIN_NAME, name);
	if (hooked) {
		hook = nest(NFTA_CHAIN_HOOK);
		/* This number is a hook in every family. */
		number(NFTA_HOOK_HOOKNUM, 1);
		number(NFTA_HOOK_PRIORITY, 0);
		end_nest(hook);
		text(NFTA_CHAIN_TYPE, "filter");
	}
	end_message(chain);
}

static void open_nft(int which)
{
	struct nlmsghdr *table;
	int status;

	family = which;
	sock = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	if (sock < 0)
		die("socket");
	begin_batch();
	table = about_tables(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);
	text(NFTA_TABLE_NAME, TABLE);
	end_message(table);
	add_chain("hooked", 1);
	add_chain("aside", 0);
	status = send_batch();
	if (status)
		die("the table is refused: %d", status);
}

static void put_match(const char *name, unsigned int revision, const void *info, size_t size)
{
	struct nlattr *element = nest(NFTA_LIST_ELEM), *data;

	text(NFTA_EXPR_NAME, "match");
	data = nest(NFTA_EXPR_DATA);
	text(NFTA_MATCH_NAME, name);
	number(NFTA_MATCH_REV, revision);
	attribute(NFTA_MATCH_INFO, info, size);
	end_nest(data);
	end_nest(element);
}

static int add(const struct input *input)
{
	const struct xt_pktstat_info1 bad = bad_info();
	int rule, rules = input->company == BEFORE_BAD_RULE ? 2 : 1;

	begin_batch();
	for (rule = 0; rule < rules; rule++) {
		struct nlmsghdr *head = about_tables(NFT_MSG_NEWRULE,
						     NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK);
		struct nlattr *expressions;

		text(NFTA_RULE_TABLE, TABLE);
		text(NFTA_RULE_CHAIN, input->aside ? "aside" : "hooked");
		expressions = nest(NFTA_RULE_EXPRESSIONS);
		if (rule == 0)
			put_match(input->name, input->revision, input->bytes, input->size);
		if (rule == 1 || input->company == BEFORE_BAD_MATCH)
			put_match(XT_PKTSTAT_MATCH_NAME, XT_PKTSTAT_REVISION, &bad, sizeof(bad));
		end_nest(expressions);
		end_message(head);
	}
	return send_batch();
}

static int clear(void)
{
	struct nlmsghdr *head;

	begin_batch();
	head = about_tables(NFT_MSG_DELRULE, NLM_F_ACK);
	text(NFTA_RULE_TABLE, TABLE);
	end_message(head);
	return send_batch();
}

/* The attribute of this type among those that fill `size` bytes. */
static const struct nlattr *find(const void *attributes, size_t size, int type)
{
	const unsigned char *at = attributes, *end = at + size;

	while (at + sizeof(struct nlattr) <= end) {
		const struct nlattr *head = (const void *)at;

		if (head->nla_len < sizeof(*head) || head->nla_len > end - at)
			break;
		if ((head->nla_type & NLA_TYPE_MASK) == type)
			return head;
		at += NLA_ALIGN(head->nla_len);
	}
	die("no attribute %d in what the kernel shows", type);
}

static const struct nlattr *inside(const struct nlattr *head, int type)
{
	return find(head + 1, head->nla_len - sizeof(*head), type);
}

static void show_rule(const struct nlmsghdr *head, struct xt_pktstat_info1 *info)
{
	size_t before = NLMSG_SPACE(sizeof(struct nfgenmsg));
	const struct nlattr *match, *config;
	unsigned int revision;

	match = find((const char *)head + before, head->nlmsg_len - before, NFTA_RULE_EXPRESSIONS);
	match = inside(inside(match, NFTA_LIST_ELEM), NFTA_EXPR_DATA);
	memcpy(&revision, inside(match, NFTA_MATCH_REV) + 1, sizeof(revision));
	if (strcmp((const char *)(inside(match, NFTA_MATCH_NAME) + 1), XT_PKTSTAT_MATCH_NAME) ||
	    ntohl(revision) != XT_PKTSTAT_REVISION)
		die("another match is shown");
	config = inside(match, NFTA_MATCH_INFO);
	if (config->nla_len != sizeof(*config) + sizeof(*info))
		die("%d bytes are shown", config->nla_len);
	memcpy(info, config + 1, sizeof(*info));
}

static void show(struct xt_pktstat_info1 *info)
{
	struct nlmsghdr *question;
	int rules = 0;

	used = 0;
	question = about_tables(NFT_MSG_GETRULE, NLM_F_DUMP);
	text(NFTA_RULE_TABLE, TABLE);
	end_message(question);
	if (send(sock, out, used, 0) < 0)
		die("send");
	for (;;) {
		const struct nlmsghdr *head = (const void *)in;
		ssize_t size = recv(sock, in, sizeof(in), 0);

		if (size < 0)
			die("recv");
		for (; NLMSG_OK(head, size); head = NLMSG_NEXT(head, size)) {
			if (head->nlmsg_type == NLMSG_DONE) {
				if (rules != 1)
					die("%d rules are shown", rules);
				return;
			}
			if (head->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE))
				die("message %d among the rules", head->nlmsg_type);
			show_rule(head, info);
			rules++;
		}
	}
}

const struct backend nft = {
	.open = open_nft,
	.add = add,
	.show = show,
	.clear = clear,
	.step = 1,
};
