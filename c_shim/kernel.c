// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory, CPUs, locks, clocks and the log, as Rust can call them. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/poll.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/topology.h>
#include <linux/wait.h>

#include "compat.h"
#include "module.h"
#include "shim.h"

void *pktstat_shim_alloc(size_t size, int cpu)
{
	int node = cpu < 0 ? NUMA_NO_NODE : cpu_to_node(cpu);

	/* kvmalloc would WARN, and anybody can ask for it. */
	if (size > INT_MAX)
		return NULL;
	return kvmalloc_node(size,
			     GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN,
			     node);
}

void pktstat_shim_free(void *memory)
{
	kvfree(memory);
}

void *pktstat_shim_percpu_alloc(size_t size, size_t align)
{
	return pktstat_from_percpu(__alloc_percpu_gfp(size, align,
						      GFP_KERNEL_ACCOUNT |
						      __GFP_NOWARN));
}

void pktstat_shim_percpu_free(void *block)
{
	free_percpu(pktstat_to_percpu(block));
}

void *pktstat_shim_percpu_on(void *block, int cpu)
{
	return per_cpu_ptr(pktstat_to_percpu(block), cpu);
}

int pktstat_shim_next_cpu(int cpu)
{
	unsigned int next = cpumask_next(cpu, cpu_possible_mask);

	return next < nr_cpu_ids ? next : -1;
}

struct pktstat_mutex {
	struct mutex mutex;	/* protects a value that Rust keeps */
};

struct pktstat_mutex *pktstat_shim_mutex_new(u32 rank)
{
	/* To lockdep all that mutex_init() makes here would be one lock. */
	static struct lock_class_key ranks[PKTSTAT_MUTEX_RANKS];
	struct pktstat_mutex *it = kmalloc(sizeof(*it), GFP_KERNEL_ACCOUNT);

	if (!it || rank >= PKTSTAT_MUTEX_RANKS) {
		kfree(it);
		return NULL;
	}
	mutex_init(&it->mutex);
	lockdep_set_class(&it->mutex, &ranks[rank]);
	return it;
}

void pktstat_shim_mutex_free(struct pktstat_mutex *it)
{
	if (it)
		mutex_destroy(&it->mutex);
	kfree(it);
}

void pktstat_shim_lock(struct pktstat_mutex *it)
{
	mutex_lock(&it->mutex);
}

void pktstat_shim_unlock(struct pktstat_mutex *it)
{
	mutex_unlock(&it->mutex);
}

u64 pktstat_shim_now_ns(void)
{
	return ktime_get_real_ns();
}

u32 pktstat_shim_ticks_khz(void)
{
	return pktstat_ticks_khz();
}

struct pktstat_timer {
	struct hrtimer timer;
	raw_spinlock_t lock;
};

static enum hrtimer_restart pktstat_timer_fires(struct hrtimer *timer)
{
	struct pktstat_timer *it = container_of(timer, struct pktstat_timer,
						timer);

	wake_up_poll(pktstat_pollers(it), EPOLLIN | EPOLLRDNORM);
	return HRTIMER_NORESTART;
}

struct pktstat_timer *pktstat_shim_timer_new(void)
{
	struct pktstat_timer *it = kmalloc(sizeof(*it), GFP_KERNEL_ACCOUNT);

	if (!it)
		return NULL;
	raw_spin_lock_init(&it->lock);
	/* Not the wall clock: a step back would put off who waits for long. */
	hrtimer_setup(&it->timer, pktstat_timer_fires, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS_SOFT);
	return it;
}

void pktstat_shim_timer_free(struct pktstat_timer *it)
{
	if (it)
		hrtimer_cancel(&it->timer);
	kfree(it);
}

/*
 * A timer that has expired runs after the network's softirqs: a packet of the
 * next window, seen in between, must not put it off.
 */
void pktstat_shim_timer_start(struct pktstat_timer *it, u64 in_ns)
{
	ktime_t at = ktime_add_ns(ktime_get(), in_ns);
	unsigned long flags;

	raw_spin_lock_irqsave(&it->lock, flags);
	if (!hrtimer_is_queued(&it->timer) ||
	    ktime_before(at, hrtimer_get_expires(&it->timer)))
		hrtimer_start(&it->timer, at, HRTIMER_MODE_ABS_SOFT);
	raw_spin_unlock_irqrestore(&it->lock, flags);
}

void pktstat_shim_warn(const char *text, size_t len)
{
	pr_warn_ratelimited("%.*s\n", (int)len, text);
}

void pktstat_shim_bug(void)
{
	pr_emerg("a panic that cannot be: please report it\n");
}
