/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only place that knows what older kernels lack: everything else is
 * written for the newest one.
 */
#ifndef PKTSTAT_COMPAT_H
#define PKTSTAT_COMPAT_H

#include <linux/clocksource.h>
#include <linux/ftrace.h>
#include <linux/hrtimer.h>
#include <linux/kobject.h>
#include <linux/proc_fs.h>

/* PKTSTAT_HAS_*: Kbuild has found it in the kernel's headers. */

/* 5.17 */
#ifndef PKTSTAT_HAS_pde_data
#define pde_data PDE_DATA
#endif

/* 6.13 */
#ifndef PKTSTAT_HAS_hrtimer_setup
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

/* 5.12; before, one can only wait for a grace period, so that none is ever over. */
#ifndef PKTSTAT_HAS_poll_rcu
static inline unsigned long start_poll_synchronize_rcu(void)
{
	return 0;
}

static inline bool poll_state_synchronize_rcu(unsigned long since)
{
	return false;
}
#endif

/* Const from 6.1 on; it never changed a type before either. */
#define kobject_init_and_add(kobj, type, ...) \
	kobject_init_and_add(kobj, (struct kobj_type *)(type), __VA_ARGS__)

/* 6.16: what the callbacks of a binary file are given. */
#ifdef PKTSTAT_HAS_bin_const
#define PKTSTAT_BIN_CONST const
#else
#define PKTSTAT_BIN_CONST
#endif

/*
 * Whether calls of a function can be sent to another one, as livepatch does
 * it, and how an ftrace handler says to which.
 */
#if defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS) || \
	defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS)
#define PKTSTAT_CAN_REDIRECT

#ifdef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
#define PKTSTAT_REDIRECT_REGS 0
#else
#define PKTSTAT_REDIRECT_REGS FTRACE_OPS_FL_SAVE_REGS
#endif

/* 5.11; before, FL_RECURSION_SAFE was for handlers that cannot recurse. */
#ifdef PKTSTAT_HAS_ftrace_regs
#define pktstat_ftrace_regs ftrace_regs
#define PKTSTAT_REDIRECT_FLAGS \
	(PKTSTAT_REDIRECT_REGS | \
	 FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT)
#ifndef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
#define pktstat_ftrace_enter(fregs, ip) \
	instruction_pointer_set(ftrace_get_regs(fregs), ip)
#elif defined(PKTSTAT_HAS_ftrace_regs_ip)
/* 6.2 */
#define pktstat_ftrace_enter ftrace_regs_set_instruction_pointer
#else
#define pktstat_ftrace_enter ftrace_instruction_pointer_set
#endif
#else
#define pktstat_ftrace_regs pt_regs
#define pktstat_ftrace_enter instruction_pointer_set
#define PKTSTAT_REDIRECT_FLAGS \
	(PKTSTAT_REDIRECT_REGS | FTRACE_OPS_FL_RECURSION_SAFE | \
	 FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT)
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

/*
 * The fast path's ticks; how many of them a millisecond has, 0 where the kernel
 * itself does not trust them; and whether @source counts them, so that what user
 * space may read from them, Rust may too.
 */
#ifdef CONFIG_X86_64
#include <asm/msr.h>
#include <asm/tsc.h>
static inline u64 pktstat_ticks(void)
{
	return rdtsc();
}

static inline bool pktstat_goes_by_ticks(const struct clocksource *source)
{
	return source->vdso_clock_mode == VDSO_CLOCKMODE_TSC;
}

static inline u32 pktstat_ticks_khz(const struct clocksource *source)
{
	return check_tsc_unstable() ? 0 : tsc_khz;
}
#elif defined(CONFIG_ARM64)
#include <asm/sysreg.h>
static inline u64 pktstat_ticks(void)
{
	return read_sysreg(cntvct_el0);
}

/* Not where the counter has an erratum: then its readers work around it. */
static inline bool pktstat_goes_by_ticks(const struct clocksource *source)
{
	return source->vdso_clock_mode == VDSO_CLOCKMODE_ARCHTIMER ||
	       source->vdso_clock_mode == VDSO_CLOCKMODE_ARCHTIMER_NOCOMPAT;
}

static inline u32 pktstat_ticks_khz(const struct clocksource *source)
{
	u64 hz = read_sysreg(cntfrq_el0);

	return pktstat_goes_by_ticks(source) ? (u32)hz / 1000 : 0;
}
#else
static inline u64 pktstat_ticks(void)
{
	return 0;
}

static inline bool pktstat_goes_by_ticks(const struct clocksource *source)
{
	return false;
}

static inline u32 pktstat_ticks_khz(const struct clocksource *source)
{
	return 0;
}
#endif

#endif
