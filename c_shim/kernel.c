// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory, CPUs, locks, RCU, clocks and the log, as Rust can call them. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/topology.h>

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

struct pktstat_spinlock {
	raw_spinlock_t lock;	/* protects a value that Rust keeps */
};

struct pktstat_spinlock *pktstat_shim_spinlock_new(void)
{
	struct pktstat_spinlock *it = kmalloc(sizeof(*it), GFP_KERNEL_ACCOUNT);

	if (it)
		raw_spin_lock_init(&it->lock);
	return it;
}

void pktstat_shim_spinlock_free(struct pktstat_spinlock *it)
{
	kfree(it);
}

void pktstat_shim_spin_lock(struct pktstat_spinlock *it)
	__acquires(&it->lock)
{
	raw_spin_lock(&it->lock);
}

void pktstat_shim_spin_unlock(struct pktstat_spinlock *it)
	__releases(&it->lock)
{
	raw_spin_unlock(&it->lock);
}

unsigned long pktstat_shim_irq_save(void)
{
	unsigned long flags;

	local_irq_save(flags);
	return flags;
}

void pktstat_shim_irq_restore(unsigned long flags)
{
	local_irq_restore(flags);
}

void pktstat_shim_synchronize_rcu(void)
{
	synchronize_rcu();
}

u64 pktstat_shim_rcu_start(void)
{
	return start_poll_synchronize_rcu();
}

bool pktstat_shim_rcu_is_over(u64 since)
{
	return poll_state_synchronize_rcu(since);
}

void pktstat_shim_cond_resched(void)
{
	cond_resched();
}

u64 pktstat_shim_now_ns(void)
{
	return ktime_get_real_ns();
}

u64 pktstat_shim_ticks(void)
{
	return pktstat_ticks();
}

void pktstat_shim_warn(const char *text, size_t len)
{
	pr_warn_ratelimited("%.*s\n", (int)len, text);
}

void pktstat_shim_bug(void)
{
	pr_emerg("unexpected panic in the Rust half: please report it\n");
}
