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

#include <linux/clocksource.h>
#include <linux/ftrace.h>
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

/* It never changed a type. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#include <linux/kobject.h>
#define kobject_init_and_add(kobj, type, ...) \
	kobject_init_and_add(kobj, (struct kobj_type *)(type), __VA_ARGS__)
#endif

/* What a binary file's callbacks are given. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define PKTSTAT_BIN_CONST
#else
#define PKTSTAT_BIN_CONST const
#endif

/*
 * Whether a function can be entered elsewhere, as livepatch does it, and how
 * an ftrace handler says where.
 */
#if defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS) || \
	defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS)
#define PKTSTAT_CAN_REDIRECT

#ifdef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
#define PKTSTAT_REDIRECT_REGS 0
#else
#define PKTSTAT_REDIRECT_REGS FTRACE_OPS_FL_SAVE_REGS
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
#define pktstat_ftrace_regs pt_regs
#define pktstat_ftrace_enter instruction_pointer_set
#define PKTSTAT_REDIRECT_FLAGS \
	(PKTSTAT_REDIRECT_REGS | FTRACE_OPS_FL_RECURSION_SAFE | \
	 FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT)
#else
#define pktstat_ftrace_regs ftrace_regs
#define PKTSTAT_REDIRECT_FLAGS \
	(PKTSTAT_REDIRECT_REGS | \
	 FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT)
#ifndef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
#define pktstat_ftrace_enter(fregs, ip) \
	instruction_pointer_set(ftrace_get_regs(fregs), ip)
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define pktstat_ftrace_enter ftrace_instruction_pointer_set
#else
#define pktstat_ftrace_enter ftrace_regs_set_instruction_pointer
#endif
#endif

/*
 * Before 5.18 a filter takes no function but the place in it that ftrace
 * patches, which is one of its first instructions.
 */
static inline int pktstat_ftrace_filter(struct ftrace_ops *ops,
					unsigned long function, bool remove)
{
	int err = -EINVAL;
	int offset;

	for (offset = 0; err == -EINVAL && offset <= 16; offset += 4)
		err = ftrace_set_filter_ip(ops, function + offset, remove, 0);
	return err;
}
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

/* What user space may read from the TSC, Rust may too. */
static inline bool pktstat_goes_by_ticks(const struct clocksource *source)
{
	return source->vdso_clock_mode == VDSO_CLOCKMODE_TSC;
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

static inline bool pktstat_goes_by_ticks(const struct clocksource *source)
{
	return false;
}
#endif

#endif
