/* SPDX-License-Identifier: GPL-2.0-or-later WITH Linux-syscall-note */
/*
 * The rule config, as C sees it. src/abi.rs says the same in Rust, with the
 * reasons; build.rs fails where they differ.
 */
#ifndef _XT_PKTSTAT_H
#define _XT_PKTSTAT_H

#include <linux/types.h>

#define XT_PKTSTAT_MATCH_NAME		"pktstat"
#define XT_PKTSTAT_REVISION		1
#define XT_PKTSTAT_NAME_SIZE		32
#define XT_PKTSTAT_FLAG_WIRE		(1U << 0)
#define XT_PKTSTAT_FLAG_ABOVE_BITS	(1U << 1)
#define XT_PKTSTAT_FLAG_ABOVE_PACKETS	(1U << 2)
#define XT_PKTSTAT_ID_ANY		0xffffffffU
#define XT_PKTSTAT_ID_MAX		65535U
#define XT_PKTSTAT_PERIOD_MIN_NS	1000ULL
#define XT_PKTSTAT_PERIOD_MAX_NS	3600000000000ULL
#define XT_PKTSTAT_SAMPLES_MAX		1048576U

struct xt_pktstat_info1 {
	__aligned_u64 period_ns;
	__u32 samples;
	__u32 flags;
	char name[XT_PKTSTAT_NAME_SIZE];

	__aligned_u64 above;

	/* iptables compares a rule by what stands above. */
	__u32 id;
	__u32 reserved;

	/* Userspace neither sets nor sees what stands below. */
	__aligned_u64 counter;
};

/* Revision 0, without --above. */
struct xt_pktstat_info0 {
	__aligned_u64 period_ns;
	__u32 samples;
	__u32 flags;
	char name[XT_PKTSTAT_NAME_SIZE];
	__u32 id;
	__u32 reserved;
	__aligned_u64 counter;
};

#endif /* _XT_PKTSTAT_H */
