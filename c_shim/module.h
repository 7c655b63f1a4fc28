/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the shim's files ask of each other. Rust never sees it. */
#ifndef PKTSTAT_MODULE_H
#define PKTSTAT_MODULE_H

#include <linux/compiler_types.h>
#include <linux/types.h>

/*
 * Rust has a per-CPU block as a plain pointer. From 6.15 on these are two
 * address spaces to the compiler, and only a number goes from one to the other.
 */
static inline void __percpu *pktstat_to_percpu(void *block)
{
	return (void __percpu *)(__force unsigned long)block;
}

static inline void *pktstat_from_percpu(void __percpu *block)
{
	return (void *)(__force unsigned long)block;
}

/* Tells Rust of each change of the wall clock. */
void pktstat_clock_init(void);
void pktstat_clock_exit(void);

/* Wakes the pollers of all counters. Process context. */
void pktstat_wake_all(void);
int pktstat_pollers_init(void);
/* Waits for the pollers of counters that are gone, but not for ever. */
void pktstat_pollers_exit(void);

/*
 * Whether the current task may do this with kstat and update_stats. Reading:
 * in the initial network namespace, or with CAP_NET_ADMIN in the initial user
 * namespace. Writing always takes that capability. Else -EPERM.
 */
int pktstat_check_access(fmode_t mode);

/* Parameter of the module: the group that may read. */
extern unsigned int pktstat_gid;

/* Where counters are collected; see work.c. */
int pktstat_work_init(void);
void pktstat_work_exit(void);

int pktstat_kstat_init(void);
void pktstat_kstat_exit(void);

int pktstat_update_stats_init(void);
void pktstat_update_stats_exit(void);

#endif
