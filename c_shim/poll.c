// SPDX-License-Identifier: GPL-2.0-or-later
/* Who polls a counter, and what wakes them. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/init.h>
#include <linux/kmemleak.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "compat.h"
#include "module.h"
#include "shim.h"

/*
 * A counter's files can go while somebody polls them, and a poller takes its
 * entry off the wait queue only after that. So the queue outlives its counter:
 * it lingers until it is empty, and after that as long as RCU says, since
 * epoll, io_uring and aio look at it once more (POLLFREE).
 */
struct pollers {
	struct wait_queue_head queue;
	struct list_head lingering;
	struct rcu_head rcu;
};

struct pktstat_timer {
	struct hrtimer timer;
	raw_spinlock_t lock;		/* when it is to fire */
	struct pollers *pollers;
	struct list_head list;
};

/* To lockdep, of the queues' locks: as long as a queue lingers, so does this. */
struct queue_class {
	struct lock_class_key key;
	char name[16];
};

static struct queue_class *queue_class;

static DEFINE_MUTEX(lists_lock);	/* innermost */
static LIST_HEAD(timers);
static LIST_HEAD(lingering);

/* All of them, those that want to be woken alone too. */
static void wake(struct pollers *pollers, __poll_t events)
{
	__wake_up(&pollers->queue, TASK_NORMAL, 0, poll_to_key(events));
}

static enum hrtimer_restart timer_fires(struct hrtimer *timer)
{
	struct pktstat_timer *it = container_of(timer, struct pktstat_timer,
						timer);

	/* Not that there is something: whoever waits is to look. */
	wake(it->pollers, 0);
	return HRTIMER_NORESTART;
}

struct pktstat_timer *pktstat_shim_timer_new(void)
{
	struct pktstat_timer *it = kmalloc(sizeof(*it), GFP_KERNEL_ACCOUNT);
	struct pollers *pollers = kmalloc(sizeof(*pollers), GFP_KERNEL_ACCOUNT);

	if (!it || !pollers) {
		kfree(pollers);
		kfree(it);
		return NULL;
	}
	__init_waitqueue_head(&pollers->queue, queue_class->name,
			      &queue_class->key);
	it->pollers = pollers;
	raw_spin_lock_init(&it->lock);
	/* Not the wall clock: whenever that is set, all are woken anyway. */
	hrtimer_setup(&it->timer, timer_fires, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS_SOFT);
	mutex_lock(&lists_lock);
	list_add(&it->list, &timers);
	mutex_unlock(&lists_lock);
	return it;
}

/* Frees what nobody waits at any more. */
static void sweep(void)
{
	struct pollers *pollers, *next;

	list_for_each_entry_safe(pollers, next, &lingering, lingering) {
		unsigned long flags;
		bool empty;

		/* The last to leave has let go of the lock. */
		spin_lock_irqsave(&pollers->queue.lock, flags);
		empty = list_empty(&pollers->queue.head);
		spin_unlock_irqrestore(&pollers->queue.lock, flags);
		if (empty) {
			list_del(&pollers->lingering);
			kfree_rcu(pollers, rcu);
		}
	}
}

void pktstat_shim_timer_free(struct pktstat_timer *it)
{
	if (!it)
		return;
	mutex_lock(&lists_lock);
	list_del(&it->list);
	hrtimer_cancel(&it->timer);
	pktstat_shim_hang_up(it);
	list_add(&it->pollers->lingering, &lingering);
	sweep();
	mutex_unlock(&lists_lock);
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

void pktstat_shim_poll_wait(struct pktstat_timer *it, struct file *file,
			    struct poll_table_struct *table)
{
	poll_wait(file, &it->pollers->queue, table);
}

bool pktstat_shim_is_polled(struct pktstat_timer *it)
{
	return wq_has_sleeper(&it->pollers->queue);
}

void pktstat_shim_wake(struct pktstat_timer *it)
{
	wake(it->pollers, EPOLLIN | EPOLLRDNORM);
}

void pktstat_shim_hang_up(struct pktstat_timer *it)
{
	/* POLLFREE: epoll leaves the queue at once; poll() when it runs. */
	wake(it->pollers, EPOLLIN | EPOLLRDNORM | EPOLLHUP | POLLFREE);
}

void pktstat_wake_all(void)
{
	struct pktstat_timer *it;

	mutex_lock(&lists_lock);
	list_for_each_entry(it, &timers, list)
		pktstat_shim_wake(it);
	mutex_unlock(&lists_lock);
}

int __init pktstat_pollers_init(void)
{
	queue_class = kzalloc(sizeof(*queue_class), GFP_KERNEL);
	if (!queue_class)
		return -ENOMEM;
	strscpy(queue_class->name, "pktstat_pollers",
		sizeof(queue_class->name));
	lockdep_register_key(&queue_class->key);
	return 0;
}

/* How long the module waits for a poller who was woken. */
#define PATIENCE_MS 10000
#define PAUSE_MS 20

/*
 * The counters are gone, so nobody comes to wait. Whoever was woken and does
 * not run, or is kept in poll() by another file for ever (FUSE), leaves by
 * code of the kernel's: the queue must stay, but not the module.
 */
void pktstat_pollers_exit(void)
{
	unsigned int pauses = PATIENCE_MS / PAUSE_MS;
	struct pollers *pollers;

	for (;;) {
		mutex_lock(&lists_lock);
		sweep();
		mutex_unlock(&lists_lock);
		if (list_empty(&lingering) || !pauses--)
			break;
		msleep(PAUSE_MS);
	}
	if (list_empty(&lingering)) {
		lockdep_unregister_key(&queue_class->key);
		kfree(queue_class);
		return;
	}
	pr_notice("a poller has not left, what it waits at is not freed\n");
	kmemleak_not_leak(queue_class);
	list_for_each_entry(pollers, &lingering, lingering)
		kmemleak_not_leak(pollers);
}
