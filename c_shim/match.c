// SPDX-License-Identifier: GPL-2.0-or-later
/* The match, its network namespaces, and the module. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/module.h>
#include <linux/netfilter/x_tables.h>
#include <linux/sctp.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "compat.h"
#include "module.h"
#include "shim.h"
#include "xt_pktstat.h"

static unsigned int uid;
module_param(uid, uint, 0400);
MODULE_PARM_DESC(uid, "owner of the files in /proc/net/xt_pktstat");

unsigned int pktstat_gid;
module_param_named(gid, pktstat_gid, uint, 0400);
MODULE_PARM_DESC(gid, "group of the files in /proc/net/xt_pktstat, and of /proc/kstat/nout");

unsigned int pktstat_shim_max_memory_mib = 64;
module_param_named(max_memory, pktstat_shim_max_memory_mib, uint, 0644);
MODULE_PARM_DESC(max_memory, "MiB that one counter may take");

unsigned int pktstat_shim_max_counters = 1024;
module_param_named(max_counters, pktstat_shim_max_counters, uint, 0644);
MODULE_PARM_DESC(max_counters, "counters in one network namespace");

const u32 pktstat_shim_skb_len_offset = offsetof(struct sk_buff, len);
const u32 pktstat_shim_skb_head_offset = offsetof(struct sk_buff, head);
const u32 pktstat_shim_skb_end_offset = offsetof(struct sk_buff, end);

#define FLAGS_ABOVE \
	(XT_PKTSTAT_FLAG_ABOVE_BITS | XT_PKTSTAT_FLAG_ABOVE_PACKETS)

static unsigned int net_id;

struct pktstat_net {
	struct proc_dir_entry *dir;
	void *state;
};

/*
 * Calls Rust with this CPU's block and ticks that were read on this CPU. On
 * PREEMPT_RT interrupts are off too: it is short, and neither softirqs nor
 * tasks get in.
 */
#define on_block(block, call, ...)					\
do {									\
	unsigned long flags;						\
									\
	local_irq_save(flags);						\
	call(this_cpu_ptr(pktstat_to_percpu(block)), __VA_ARGS__,	\
	     pktstat_ticks());						\
	local_irq_restore(flags);					\
} while (0)

bool pktstat_shim_roll_over(void *block, u64 bytes)
{
	on_block(block, pktstat_rs_roll_over, bytes);
	return true;
}

bool pktstat_shim_roll_over_wire(void *block, u64 frames, u64 bytes)
{
	on_block(block, pktstat_rs_roll_over_wire, frames, bytes);
	return true;
}

bool pktstat_shim_recount(void *block, u64 frames, u64 bytes)
{
	on_block(block, pktstat_rs_recount, frames, bytes);
	return true;
}

bool pktstat_shim_above(void *block, u64 frames, u64 bytes, bool is_counted)
{
	bool is_match;

	on_block(block, is_match = pktstat_rs_above, frames, bytes, is_counted);
	return is_match;
}

/*
 * Where the IP header at @at ends, extension headers included; negative where
 * there is none. What a packet that came in says of its transport header is
 * not enough: that is where the fixed part of an IPv6 header ends.
 */
static int ip_end(const struct sk_buff *skb, int at)
{
	union {
		struct iphdr four;
		struct ipv6hdr six;
	} copy;
	const struct ipv6hdr *six;
	const struct iphdr *four;
	__be16 fragment;
	u8 next;

	four = skb_header_pointer(skb, at, sizeof(*four), &copy);
	if (four && four->version == 4)
		return at + four->ihl * 4;
	six = skb_header_pointer(skb, at, sizeof(*six), &copy);
	if (!six || six->version != 6)
		return -1;
	next = six->nexthdr;
	return ipv6_skip_exthdr(skb, at + sizeof(*six), &next, &fragment);
}

/* Of the transport header at @at, which each segment repeats. */
static unsigned int transport_length(const struct sk_buff *skb, int at)
{
	unsigned int type = skb_shinfo(skb)->gso_type;

	if (type & (SKB_GSO_TCPV4 | SKB_GSO_TCPV6)) {
		const struct tcphdr *tcp;
		struct tcphdr copy;

		tcp = skb_header_pointer(skb, at, sizeof(copy), &copy);
		return tcp ? tcp->doff * 4 : sizeof(copy);
	}
	if (type & SKB_GSO_UDP_L4)
		return sizeof(struct udphdr);
	if (type & SKB_GSO_SCTP)
		return sizeof(struct sctphdr);
	return 0;
}

/* From the network header on, of any GSO packet; more than it has: unknown. */
static unsigned int headers_of(const struct sk_buff *skb)
{
	int at;

	if (skb->encapsulation) {
		at = ip_end(skb, skb_inner_network_offset(skb));
		if (at < 0)
			at = skb_inner_transport_offset(skb);
	} else {
		at = ip_end(skb, skb_network_offset(skb));
		if (at < 0)
			at = skb_transport_offset(skb);
	}
	return at - skb_network_offset(skb) + transport_length(skb, at);
}

/*
 * The same, of most: TCP over IPv4 without options or tunnels; 0: another. The
 * network header's first byte is in the linear part wherever there are rules.
 */
static unsigned int usual_headers_of(const struct sk_buff *skb)
{
	const u8 *ip = skb_network_header(skb);
	const struct tcphdr *tcp = (void *)(ip + sizeof(struct iphdr));

	if (skb->encapsulation || *ip != 0x45 ||
	    !(skb_shinfo(skb)->gso_type & SKB_GSO_TCPV4) ||
	    (u8 *)(tcp + 1) > skb_tail_pointer(skb))
		return 0;
	return sizeof(struct iphdr) + tcp->doff * 4;
}

#ifdef CONFIG_ARM64
/* Out of line, so that the fast path needs no frame. */
static noinline bool count_slowly(void *block, u64 frames, u64 bytes,
				  bool is_wire, bool is_above, bool is_counted)
{
	if (is_above)
		return pktstat_shim_above(block, frames, bytes, is_counted);
	if (is_counted)
		return pktstat_shim_recount(block, frames, bytes);
	if (is_wire)
		return pktstat_shim_roll_over_wire(block, frames, bytes);
	return pktstat_shim_roll_over(block, bytes);
}

/*
 * The fast path: what pktstat_rs_match() does on x86-64 itself, where an
 * instruction finds this CPU's memory. Here preemption is off meanwhile, and
 * the addition is one that no interrupt can split. Counters with @is_above are
 * of those with @is_wire.
 */
static __always_inline bool count(void *block, u64 frames, u64 bytes,
				  bool is_wire, bool is_above)
{
	u64 packet = (frames << PKTSTAT_RECENT_FRAME_BIT) + bytes;
	bool is_counted = false, is_in_time, is_match = true;
	struct pktstat_block *its;
	u64 base, recent;

	preempt_disable_notrace();
	its = raw_cpu_ptr(pktstat_to_percpu(block));
	base = READ_ONCE(its->base_ticks);
	is_in_time = (pktstat_ticks() ^
		      (u64)is_wire << PKTSTAT_SHIFTED_TICKS_BIT) - base <
		     READ_ONCE(its->span_ticks);
	if (likely(is_in_time)) {
		is_counted = true;
		if (is_above) {
			recent = atomic64_add_return_relaxed(packet,
							     (atomic64_t *)&its->recent);
			is_match = READ_ONCE(its->granted) == PKTSTAT_ABOVE;
			is_in_time = (recent & its->mask) <= READ_ONCE(its->bar);
		} else {
			atomic64_add(packet, (atomic64_t *)&its->recent);
		}
		/* Otherwise a window was turned meanwhile. */
		if (READ_ONCE(its->base_ticks) != base)
			is_in_time = false;
		if (is_above && is_match && is_in_time) {
			atomic64_add(frames,
				     (atomic64_t *)&its->matched_frames);
			atomic64_add(bytes,
				     (atomic64_t *)&its->matched_bytes);
		}
	}
	preempt_enable_notrace();

	if (unlikely(!is_in_time))
		return count_slowly(block, frames, bytes, is_wire, is_above,
				    is_counted);
	return is_match;
}

/* With --wire or --above. What a rule does not ask for costs it nothing. */
static __always_inline bool count_shifted(void *block, u64 frames, u64 bytes,
					  bool is_above)
{
	if (is_above)
		return count(block, frames, bytes, true, true);
	return count(block, frames, bytes, true, false);
}

static bool add_segments(void *block, u64 frames, u64 bytes, bool is_above)
{
	if (frames > PKTSTAT_RECENT_FRAMES_MAX)
		return count_slowly(block, frames, bytes, true, is_above,
				    false);
	return count_shifted(block, frames, bytes, is_above);
}
#else
static bool add_segments(void *block, u64 frames, u64 bytes, bool is_above)
{
	return pktstat_rs_count_segments((unsigned long)block, frames, bytes,
					 is_above);
}
#endif

/*
 * Counts the frames and bytes of a packet's segments on the wire: the sum that
 * qdisc_pkt_len_init() does, from the network header on; each segment but the
 * first repeats the headers, those of tunnels too.
 */
static __always_inline bool count_segments(const struct sk_buff *skb,
					   void *block, unsigned int headers,
					   bool is_above)
{
	const struct skb_shared_info *info = skb_shinfo(skb);
	unsigned int segments = info->gso_segs;
	u64 frames = 1, bytes = skb->len;

	if (headers < skb->len) {
		if (info->gso_type & SKB_GSO_DODGY &&
		    info->gso_size != GSO_BY_FRAGS)
			segments = DIV_ROUND_UP(skb->len - headers,
						info->gso_size);
		if (segments > 1) {
			frames = segments;
			bytes += (u64)(segments - 1) * headers;
		}
	}
	return add_segments(block, frames, bytes, is_above);
}

static noinline bool count_unusual(const struct sk_buff *skb, void *block,
				   bool is_above)
{
	return count_segments(skb, block, headers_of(skb), is_above);
}

/* Headers may be many: with interrupts on. */
bool pktstat_shim_count_segments(const struct sk_buff *skb, void *block,
				 bool is_above)
{
	unsigned int headers = usual_headers_of(skb);

	if (!headers)
		return count_unusual(skb, block, is_above);
	return count_segments(skb, block, headers, is_above);
}

static int check(const struct xt_mtchk_param *par, bool is_revision0)
{
	const struct pktstat_net *net = net_generic(par->net, net_id);
	/* Not when the namespace comes: its users are mapped later. */
	kuid_t owner = make_kuid(par->net->user_ns, uid);
	kgid_t group = make_kgid(par->net->user_ns, pktstat_gid);

	/* An id that the namespace does not have: root of the machine. */
	return pktstat_rs_check(net->state, par->matchinfo, is_revision0,
				par->net,
				uid_valid(owner) ? __kuid_val(owner) : 0,
				gid_valid(group) ? __kgid_val(group) : 0);
}

static int pktstat_mt_check1(const struct xt_mtchk_param *par)
{
	return check(par, false);
}

static int pktstat_mt_check0(const struct xt_mtchk_param *par)
{
	return check(par, true);
}

static void destroy(struct net *its, u64 counter)
{
	const struct pktstat_net *net = net_generic(its, net_id);

	/* Its state outlives pktstat_net_exit() as long as a rule does. */
	pktstat_rs_destroy(net->state, counter);
}

static void pktstat_mt_destroy1(const struct xt_mtdtor_param *par)
{
	const struct xt_pktstat_info1 *info = par->matchinfo;

	destroy(par->net, info->counter);
}

static void pktstat_mt_destroy0(const struct xt_mtdtor_param *par)
{
	const struct xt_pktstat_info0 *info = par->matchinfo;

	destroy(par->net, info->counter);
}

#ifdef CONFIG_ARM64
static __always_inline bool count_packet(const struct sk_buff *skb,
					 u64 counter, u32 flags)
{
	void *block = (void *)(unsigned long)counter;

	if (!flags)
		return count(block, 1, skb->len, false, false);
	if (flags & XT_PKTSTAT_FLAG_WIRE && skb_is_gso(skb))
		return pktstat_shim_count_segments(skb, block,
						   flags & FLAGS_ABOVE);
	return count_shifted(block, 1, skb->len, flags & FLAGS_ABOVE);
}

static notrace bool pktstat_mt1(const struct sk_buff *skb,
				struct xt_action_param *par)
{
	const struct xt_pktstat_info1 *info = par->matchinfo;

	return count_packet(skb, info->counter, info->flags);
}

static notrace bool pktstat_mt0(const struct sk_buff *skb,
				struct xt_action_param *par)
{
	const struct xt_pktstat_info0 *info = par->matchinfo;

	return count_packet(skb, info->counter,
			    info->flags & XT_PKTSTAT_FLAG_WIRE);
}

/*
 * Where the kernel checks what it calls through a pointer (kCFI), it looks for
 * a hash that only its own compiler puts before a function.
 */
#elif defined(CONFIG_CFI_CLANG) || defined(CONFIG_CFI)
static bool pktstat_mt1(const struct sk_buff *skb, struct xt_action_param *par)
{
	return pktstat_rs_match(skb, par);
}

static bool pktstat_mt0(const struct sk_buff *skb, struct xt_action_param *par)
{
	return pktstat_rs_match0(skb, par);
}
#else
#define pktstat_mt1 pktstat_rs_match
#define pktstat_mt0 pktstat_rs_match0
#endif

/* Not NFPROTO_UNSPEC: that would let arptables and ebtables in. */
#define pktstat_match(of_family, of_revision)				\
{									\
	.name		= XT_PKTSTAT_MATCH_NAME,			\
	.revision	= of_revision,					\
	.family		= of_family,					\
	.match		= pktstat_mt##of_revision,			\
	.checkentry	= pktstat_mt_check##of_revision,		\
	.destroy	= pktstat_mt_destroy##of_revision,		\
	.matchsize	= sizeof(struct xt_pktstat_info##of_revision),	\
	.usersize	= offsetof(struct xt_pktstat_info##of_revision,	\
				   counter),				\
	.me		= THIS_MODULE,					\
}

/*
 * Registered in this order, one by one, and unregistered in the other. An
 * iptables that comes in between takes revision 0 if only that is there, and
 * its rule cannot be deleted by its specification later, which is of revision 1.
 */
static struct xt_match pktstat_mt_reg[] __read_mostly = {
	pktstat_match(NFPROTO_IPV4, 1),
	pktstat_match(NFPROTO_IPV6, 1),
	pktstat_match(NFPROTO_IPV4, 0),
	pktstat_match(NFPROTO_IPV6, 0),
};

static int __net_init pktstat_net_init(struct net *net)
{
	struct pktstat_net *its = net_generic(net, net_id);

	its->dir = proc_mkdir("xt_pktstat", net->proc_net);
	if (!its->dir)
		return -ENOMEM;

	its->state = pktstat_rs_net_init(its->dir);
	if (!its->state) {
		proc_remove(its->dir);
		return -ENOMEM;
	}
	return 0;
}

/* Comes before the namespace's rules are destroyed. */
static void __net_exit pktstat_net_exit(struct net *net)
{
	struct pktstat_net *its = net_generic(net, net_id);

	pktstat_rs_net_exit(its->state);
}

static struct pernet_operations pktstat_net_ops = {
	.init	= pktstat_net_init,
	.exit	= pktstat_net_exit,
	.id	= &net_id,
	.size	= sizeof(struct pktstat_net),
};

/* What Rust, and the rules of both revisions, take for granted. */
static_assert(offsetof(struct xt_action_param, matchinfo) ==
	      PKTSTAT_PAR_MATCHINFO);
static_assert(offsetof(struct sk_buff, len) <= U32_MAX);
static_assert(sizeof_field(struct sk_buff, end) == sizeof(u32));
static_assert(offsetof(struct skb_shared_info, gso_size) ==
	      PKTSTAT_INFO_GSO_SIZE);
static_assert(XT_PKTSTAT_REVISION == 1);
static_assert(XT_PKTSTAT_FLAG_WIRE == 1);
static_assert(offsetof(struct xt_pktstat_info1, flags) ==
	      offsetof(struct xt_pktstat_info0, flags));

static int __init pktstat_init(void)
{
	int err;

	err = pktstat_work_init();
	if (err)
		return err;
	err = pktstat_pollers_init();
	if (err)
		goto err_work;
	pktstat_clock_init();
	err = register_pernet_subsys(&pktstat_net_ops);
	if (err)
		goto err_clock;
	err = xt_register_matches(pktstat_mt_reg, ARRAY_SIZE(pktstat_mt_reg));
	if (err)
		goto err_net;
	err = pktstat_kstat_init();
	if (err)
		goto err_matches;
	err = pktstat_update_stats_init();
	if (err)
		goto err_kstat;

	pr_info("version %s, rule config %zu bytes\n", PKTSTAT_VERSION,
		sizeof(struct xt_pktstat_info1));
	return 0;

err_kstat:
	pktstat_kstat_exit();
err_matches:
	xt_unregister_matches(pktstat_mt_reg, ARRAY_SIZE(pktstat_mt_reg));
err_net:
	unregister_pernet_subsys(&pktstat_net_ops);
err_clock:
	pktstat_clock_exit();
	pktstat_pollers_exit();
err_work:
	pktstat_work_exit();
	return err;
}

static void __exit pktstat_exit(void)
{
	pktstat_update_stats_exit();
	pktstat_kstat_exit();
	xt_unregister_matches(pktstat_mt_reg, ARRAY_SIZE(pktstat_mt_reg));
	unregister_pernet_subsys(&pktstat_net_ops);
	pktstat_clock_exit();
	pktstat_pollers_exit();
	pktstat_work_exit();
}

module_init(pktstat_init);
module_exit(pktstat_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The xt_pktstat authors");
MODULE_DESCRIPTION("Xtables: frames and bytes per time window, for any rule");
MODULE_VERSION(PKTSTAT_VERSION);
MODULE_ALIAS("ipt_pktstat");
MODULE_ALIAS("ip6t_pktstat");
