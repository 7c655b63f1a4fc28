// SPDX-License-Identifier: GPL-2.0-or-later
/* Each change of the kernel's wall clock, as KVM hears of it. */
#include <linux/clocksource.h>
#include <linux/irq_work.h>
#include <linux/notifier.h>
#include <linux/pvclock_gtod.h>
#include <linux/timekeeper_internal.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "module.h"
#include "shim.h"

/*
 * A step, forward or back, and the end of a sleep: rows are ready that no
 * timer was set for. Twice: for some milliseconds after a step packets may
 * still be counted by the clock before it.
 */
#define SETTLED_MS 10

static void wake_again(struct work_struct *work)
{
	pktstat_wake_all();
}

static DECLARE_DELAYED_WORK(again_work, wake_again);

static void wake(struct work_struct *work)
{
	pktstat_wake_all();
	cancel_delayed_work(&again_work);
	schedule_delayed_work(&again_work, msecs_to_jiffies(SETTLED_MS) + 1);
}

static DECLARE_WORK(wake_work, wake);

static void stepped(struct irq_work *work)
{
	schedule_work(&wake_work);
}

static struct irq_work step_irq_work;

/*
 * Interrupts off, under the timekeeper's lock, before its readers go on: no
 * work can be queued here.
 */
static int pktstat_clock_was_set(struct notifier_block *notifier,
				 unsigned long was_set, void *data)
{
	const struct timekeeper *timekeeper = data;
	const struct tk_read_base *mono = &timekeeper->tkr_mono;
	struct pktstat_line line = {
		.ticks		= mono->cycle_last,
		.base_ns	= ktime_to_ns(ktime_add(mono->base,
							timekeeper->offs_real)),
		.fraction	= mono->xtime_nsec,
		.offset_ns	= ktime_to_ns(timekeeper->offs_real),
		.mult		= mono->mult,
		.nominal_mult	= mono->clock->mult,
		.shift		= mono->shift,
		.khz		= pktstat_ticks_khz(mono->clock),
		.goes_by_ticks	= pktstat_goes_by_ticks(mono->clock),
	};

	if (pktstat_rs_clock_set(&line))
		irq_work_queue(&step_irq_work);
	return NOTIFY_DONE;
}

static struct notifier_block pktstat_clock_notifier = {
	.notifier_call = pktstat_clock_was_set,
};

/* Called once from in here. */
void pktstat_clock_init(void)
{
	init_irq_work(&step_irq_work, stepped);
	pvclock_gtod_register_notifier(&pktstat_clock_notifier);
}

void pktstat_clock_exit(void)
{
	pvclock_gtod_unregister_notifier(&pktstat_clock_notifier);
	irq_work_sync(&step_irq_work);
	cancel_work_sync(&wake_work);
	cancel_delayed_work_sync(&again_work);
}
