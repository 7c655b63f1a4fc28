// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nfacct [NAME...]: makes the counters that `-m nfacct --nfacct-name NAME` counts for; without a
 * name, prints each one's name, packets and bytes. They outlive the rules that count for them.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_acct.h>
#include <linux/netlink.h>

static int sock, received;

struct request {
	struct nlmsghdr head;
	struct nfgenmsg family;
	struct nlattr attr;
	char name[NFACCT_NAME_MAX];
};

static struct nlmsghdr *answer(void)
{
	static _Alignas(struct nlmsghdr) char bytes[1 << 16];

	received = recv(sock, bytes, sizeof(bytes), 0);
	if (received < 0)
		err(1, "recv");
	return (void *)bytes;
}

static struct nlmsghdr *ask(int type, int flags, const char *name)
{
	struct request request = {
		.head.nlmsg_type = NFNL_SUBSYS_ACCT << 8 | type,
		.head.nlmsg_flags = NLM_F_REQUEST | flags,
		.head.nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg)),
		.family.version = NFNETLINK_V0,
	};

	if (name) {
		request.attr.nla_type = NFACCT_NAME;
		request.attr.nla_len = NLA_HDRLEN + strlen(name) + 1;
		strncpy(request.name, name, sizeof(request.name) - 1);
		request.head.nlmsg_len += NLA_ALIGN(request.attr.nla_len);
	}
	if (send(sock, &request, request.head.nlmsg_len, 0) < 0)
		err(1, "send");
	return answer();
}

static void make(const char *name)
{
	struct nlmsghdr *said = ask(NFNL_MSG_ACCT_NEW, NLM_F_ACK | NLM_F_CREATE, name);

	errno = -((struct nlmsgerr *)NLMSG_DATA(said))->error;
	if (errno)
		err(1, "%s", name);
}

static void show(const struct nlmsghdr *message)
{
	const char *at = (const char *)NLMSG_DATA(message) + sizeof(struct nfgenmsg);
	const char *end = (const char *)message + message->nlmsg_len;
	unsigned long long packets = 0, bytes = 0;
	const char *name = "";

	while (at + NLA_HDRLEN < end) {
		const struct nlattr *attr = (const void *)at;
		const char *value = at + NLA_HDRLEN;
		unsigned long long number = 0;

		if (attr->nla_len == NLA_HDRLEN + sizeof(number))
			memcpy(&number, value, sizeof(number));
		switch (attr->nla_type & NLA_TYPE_MASK) {
		case NFACCT_NAME:
			name = value;
			break;
		case NFACCT_PKTS:
			packets = be64toh(number);
			break;
		case NFACCT_BYTES:
			bytes = be64toh(number);
			break;
		}
		at += NLA_ALIGN(attr->nla_len);
	}
	printf("%s %llu %llu\n", name, packets, bytes);
}

int main(int argc, char **argv)
{
	struct nlmsghdr *message;

	sock = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	if (sock < 0)
		err(1, "socket");
	for (int i = 1; i < argc; i++)
		make(argv[i]);
	if (argc > 1)
		return 0;
	message = ask(NFNL_MSG_ACCT_GET, NLM_F_DUMP, NULL);
	for (;;) {
		for (; NLMSG_OK(message, received); message = NLMSG_NEXT(message, received)) {
			if (message->nlmsg_type == NLMSG_DONE)
				return 0;
			if (message->nlmsg_type == NLMSG_ERROR)
				errx(1, "netlink says no");
			show(message);
		}
		message = answer();
	}
}
