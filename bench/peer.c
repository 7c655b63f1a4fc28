// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the peers need and Debian's guest does not have:
 *
 *   peer nfacct NAME               makes an nfacct object, if there is none
 *   peer counter|millisampler PIN  loads a BPF classifier; pins it to PIN, its map to PIN_map
 *   peer sum PIN                   packets in the map, on all CPUs
 *   peer reader FILE...            opens and reads the files for ever
 *
 * The programs are clang's (14, -O2) for the C above each of them.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_acct.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define PERIOD_NS 1000000
#define BUCKETS 2048

#define INSN(c, d, s, o, i) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }
#define MOV(d, s)	INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOV_IMM(d, i)	INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADD(d, s)	INSN(BPF_ALU64 | BPF_ADD | BPF_X, d, s, 0, 0)
#define ADD_IMM(d, i)	INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define AND_IMM(d, i)	INSN(BPF_ALU64 | BPF_AND | BPF_K, d, 0, 0, i)
#define DIV(d, s)	INSN(BPF_ALU64 | BPF_DIV | BPF_X, d, s, 0, 0)
#define LOAD(w, d, s, o) INSN(BPF_LDX | BPF_MEM | (w), d, s, o, 0)
#define STORE(w, d, s, o) INSN(BPF_STX | BPF_MEM | (w), d, s, o, 0)
#define JUMP_IF_0(r, o)	INSN(BPF_JMP | BPF_JEQ | BPF_K, r, 0, o, 0)
#define MAP(d, fd)	INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define CALL(f)		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define EXIT		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

struct value { uint64_t packets, bytes; };
struct config { uint64_t on, period; };

static int bpf(int command, union bpf_attr *attr)
{
	int fd = syscall(SYS_bpf, command, attr, sizeof(*attr));

	if (fd < 0)
		err(1, "bpf %d", command);
	return fd;
}

static int map(enum bpf_map_type type, unsigned int entries)
{
	return bpf(BPF_MAP_CREATE, &(union bpf_attr){ .map_type = type, .key_size = 4,
						      .value_size = 16, .max_entries = entries });
}

static void pin(int fd, const char *path)
{
	bpf(BPF_OBJ_PIN, &(union bpf_attr){ .pathname = (uintptr_t)path, .bpf_fd = fd });
}

static void load(const struct bpf_insn *code, size_t length, int counts, const char *path)
{
	static char log[65536], map_path[256];
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SCHED_CLS, .insns = (uintptr_t)code,
				.insn_cnt = length, .license = (uintptr_t)"GPL",
				.log_buf = (uintptr_t)log, .log_size = sizeof(log), .log_level = 1 };
	int fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		err(1, "%s", log);
	pin(fd, path);
	snprintf(map_path, sizeof(map_path), "%s_map", path);
	pin(counts, map_path);
}

/*
 * __u32 zero = 0;
 * struct value *v = bpf_map_lookup_elem(&counts, &zero);
 * if (v) { v->packets++; v->bytes += skb->len; }
 * return TC_ACT_UNSPEC;
 */
static void load_counter(const char *path)
{
	int counts = map(BPF_MAP_TYPE_PERCPU_ARRAY, 1);
	const struct bpf_insn code[] = {
		MOV(6, 1),
		MOV_IMM(1, 0), STORE(BPF_W, 10, 1, -4), MOV(2, 10), ADD_IMM(2, -4),
		MAP(1, counts), CALL(BPF_FUNC_map_lookup_elem), JUMP_IF_0(0, 7),
		LOAD(BPF_DW, 1, 0, 0), ADD_IMM(1, 1), STORE(BPF_DW, 0, 1, 0),
		LOAD(BPF_W, 1, 6, 0), LOAD(BPF_DW, 2, 0, 8), ADD(2, 1), STORE(BPF_DW, 0, 2, 8),
		MOV_IMM(0, TC_ACT_UNSPEC), EXIT,
	};

	load(code, LENGTH(code), counts, path);
}

/*
 * What Millisampler does to a packet: is it on, which bucket of time, count it there, per CPU.
 *
 * struct config *c = bpf_map_lookup_elem(&config, &zero);
 * if (!c || !c->on) return TC_ACT_UNSPEC;
 * __u32 bucket = bpf_ktime_get_ns() / c->period & (BUCKETS - 1);
 * struct value *v = bpf_map_lookup_elem(&counts, &bucket);
 * if (v) { v->packets++; v->bytes += skb->len; }
 * return TC_ACT_UNSPEC;
 */
static void load_millisampler(const char *path)
{
	int config = map(BPF_MAP_TYPE_ARRAY, 1), counts = map(BPF_MAP_TYPE_PERCPU_ARRAY, BUCKETS);
	struct config on = { .on = 1, .period = PERIOD_NS };
	uint32_t zero = 0;
	const struct bpf_insn code[] = {
		MOV(6, 1),
		MOV_IMM(1, 0), STORE(BPF_W, 10, 1, -4), MOV(2, 10), ADD_IMM(2, -4),
		MAP(1, config), CALL(BPF_FUNC_map_lookup_elem), MOV(7, 0), JUMP_IF_0(7, 20),
		LOAD(BPF_DW, 1, 7, 0), JUMP_IF_0(1, 18),
		CALL(BPF_FUNC_ktime_get_ns), LOAD(BPF_DW, 1, 7, 8), DIV(0, 1),
		AND_IMM(0, BUCKETS - 1), STORE(BPF_W, 10, 0, -8), MOV(2, 10), ADD_IMM(2, -8),
		MAP(1, counts), CALL(BPF_FUNC_map_lookup_elem), JUMP_IF_0(0, 7),
		LOAD(BPF_DW, 1, 0, 0), ADD_IMM(1, 1), STORE(BPF_DW, 0, 1, 0),
		LOAD(BPF_W, 1, 6, 0), LOAD(BPF_DW, 2, 0, 8), ADD(2, 1), STORE(BPF_DW, 0, 2, 8),
		MOV_IMM(0, TC_ACT_UNSPEC), EXIT,
	};

	bpf(BPF_MAP_UPDATE_ELEM, &(union bpf_attr){ .map_fd = config, .key = (uintptr_t)&zero,
						    .value = (uintptr_t)&on });
	load(code, LENGTH(code), counts, path);
}

static void print_sum(const char *path)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF), cpu;
	struct value *values = calloc(1024, sizeof(*values));
	char map_path[256];
	uint64_t sum = 0;
	uint32_t key;
	int fd;

	snprintf(map_path, sizeof(map_path), "%s_map", path);
	fd = bpf(BPF_OBJ_GET, &(union bpf_attr){ .pathname = (uintptr_t)map_path });
	for (key = 0; key < BUCKETS; key++) {
		union bpf_attr attr = { .map_fd = fd, .key = (uintptr_t)&key,
					.value = (uintptr_t)values };

		if (syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)))
			break;
		for (cpu = 0; cpu < cpus; cpu++)
			sum += values[cpu].packets;
	}
	printf("%lu\n", sum);
}

static void make_nfacct(const char *name)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg family;
		struct nlattr attr;
		char name[NFACCT_NAME_MAX];
	} message = {
		.head = { .nlmsg_type = NFNL_SUBSYS_ACCT << 8 | NFNL_MSG_ACCT_NEW,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE },
		.family = { .version = NFNETLINK_V0 },
		.attr = { .nla_len = NLA_HDRLEN + strlen(name) + 1, .nla_type = NFACCT_NAME },
	};
	struct { struct nlmsghdr head; struct nlmsgerr error; char rest[256]; } answer;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);

	strncpy(message.name, name, sizeof(message.name) - 1);
	message.head.nlmsg_len = sizeof(message.head) + sizeof(message.family) +
				 NLA_ALIGN(message.attr.nla_len);
	if (fd < 0 || send(fd, &message, message.head.nlmsg_len, 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), 0) < 0)
		err(1, "netlink");
	errno = -answer.error.error;
	if (errno && errno != EBUSY)
		err(1, "nfacct %s", name);
}

static void read_for_ever(char **paths)
{
	static char text[1 << 16];
	char **path;
	int fd;

	for (;;)
		for (path = paths; *path; path++) {
			fd = open(*path, O_RDONLY);
			if (fd < 0)
				err(1, "%s", *path);
			while (read(fd, text, sizeof(text)) > 0)
				;
			close(fd);
		}
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	if (!strcmp(verb, "nfacct"))
		make_nfacct(argv[2]);
	else if (!strcmp(verb, "counter"))
		load_counter(argv[2]);
	else if (!strcmp(verb, "millisampler"))
		load_millisampler(argv[2]);
	else if (!strcmp(verb, "sum"))
		print_sum(argv[2]);
	else if (!strcmp(verb, "reader"))
		read_for_ever(argv + 2);
	else
		errx(2, "see the head of peer.c");
	return 0;
}
