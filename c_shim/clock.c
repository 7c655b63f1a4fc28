// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's wall clock, for who has the ticks already: what KVM does. */
#include <linux/clocksource.h>
#include <linux/notifier.h>
#include <linux/pvclock_gtod.h>
#include <linux/timekeeper_internal.h>

#include "module.h"
#include "shim.h"

/* Interrupts off, under the timekeeper's lock, before its readers go on. */
static int pktstat_clock_was_set(struct notifier_block *notifier,
				 unsigned long stepped, void *data)
{
	const struct timekeeper *timekeeper = data;
	const struct tk_read_base *mono = &timekeeper->tkr_mono;
	struct pktstat_line line = {};

	/* What user space may read from the TSC, Rust may too. */
	if (mono->clock->vdso_clock_mode == VDSO_CLOCKMODE_TSC) {
		line.ticks = mono->cycle_last;
		line.base_ns = ktime_to_ns(ktime_add(mono->base,
						     timekeeper->offs_real));
		line.fraction = mono->xtime_nsec;
		line.mult = mono->mult;
		line.shift = mono->shift;
	}
	pktstat_rs_clock_set(&line);
	return NOTIFY_DONE;
}

static struct notifier_block pktstat_clock_notifier = {
	.notifier_call = pktstat_clock_was_set,
};

/* Called once from in here. */
void pktstat_clock_init(void)
{
	pvclock_gtod_register_notifier(&pktstat_clock_notifier);
}

void pktstat_clock_exit(void)
{
	pvclock_gtod_unregister_notifier(&pktstat_clock_notifier);
}
