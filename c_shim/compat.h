/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only place that knows kernel versions: everything else is written for
 * the newest kernel.
 */
#ifndef PKTSTAT_COMPAT_H
#define PKTSTAT_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#error "xt_pktstat needs Linux 5.10 or newer"
#endif

#include <linux/hrtimer.h>
#include <linux/proc_fs.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 17, 0)
#define pde_data PDE_DATA
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void
pktstat_hrtimer_setup(struct hrtimer *timer,
		      enum hrtimer_restart (*function)(struct hrtimer *),
		      clockid_t clock_id, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock_id, mode);
	timer->function = function;
}
#define hrtimer_setup pktstat_hrtimer_setup
#endif

/* Whether the fast path's ticks keep time: the kernel trusts its own TSC. */
#ifdef CONFIG_X86_64
#include <asm/msr.h>
#include <asm/tsc.h>
static inline u64 pktstat_ticks(void)
{
	return rdtsc();
}

static inline u32 pktstat_ticks_khz(void)
{
	return check_tsc_unstable() ? 0 : tsc_khz;
}
#else
static inline u64 pktstat_ticks(void)
{
	return 0;
}

static inline u32 pktstat_ticks_khz(void)
{
	return 0;
}
#endif

#endif
