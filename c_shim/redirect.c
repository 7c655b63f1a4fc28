// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Replaces dev_get_stats() for its callers in the kernel, the way livepatch
 * does: ftrace enters another function in its place.
 *
 * Unlike a kretprobe this has no pool of instances that can run dry, so no
 * call is ever missed; it neither needs kprobes nor wraps a return address,
 * and it works for every driver. The kernel allows one such redirection of a
 * function at a time.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": update_stats: " fmt

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <net/net_namespace.h>

#include "compat.h"
#include "update_stats.h"

#ifdef PKTSTAT_CAN_REDIRECT

/* Tasks in enter_replacement(). */
static atomic_t inside;
/* Calls from outside the module are redirected. */
static bool armed;
/* A call from within the module was recognised. */
static bool own_call_seen;
/* Set before `armed`, and never changed while it is. */
static typeof(dev_get_stats) *replacement;

static struct rtnl_link_stats64 *
enter_replacement(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	atomic_inc(&inside);
	stats = replacement(dev, stats);
	/* After this, only the end of this function is used of the module. */
	atomic_dec_return_release(&inside);
	return stats;
}

/* The module's own calls are for what the device itself has counted. */
static void notrace on_entry(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops,
			     struct pktstat_ftrace_regs *regs)
{
	if (within_module(parent_ip, THIS_MODULE))
		WRITE_ONCE(own_call_seen, true);
	else if (READ_ONCE(armed))
		pktstat_ftrace_enter(regs,
				     (unsigned long)enter_replacement);
}

static struct ftrace_ops ops = {
	.func	= on_entry,
	.flags	= PKTSTAT_REDIRECT_FLAGS,
};

static int filter(bool remove)
{
	return pktstat_ftrace_filter(&ops, (unsigned long)dev_get_stats,
				     remove);
}

/*
 * If the module's own calls were redirected too, they would recurse without
 * end: so this is tried before `armed` is set.
 */
static bool detects_own_calls(void)
{
	struct rtnl_link_stats64 stats;

	WRITE_ONCE(own_call_seen, false);
	rcu_read_lock();
	dev_get_stats(init_net.loopback_dev, &stats);
	rcu_read_unlock();
	return READ_ONCE(own_call_seen);
}

int pktstat_redirect_start(typeof(dev_get_stats) *function)
{
	int err;

	replacement = function;
	/* Without a filter, ops would be called for every function. */
	err = filter(false);
	if (err)
		goto err_unsupported;
	err = register_ftrace_function(&ops);
	if (err)
		goto err_filter;
	if (!detects_own_calls()) {
		unregister_ftrace_function(&ops);
		err = -EOPNOTSUPP;
		goto err_filter;
	}
	WRITE_ONCE(armed, true);
	return 0;

err_filter:
	filter(true);
err_unsupported:
	/* The errno says enough. */
	if (err == -ENOMEM)
		return err;
	if (err == -EBUSY) {
		pr_warn_ratelimited("dev_get_stats is patched by somebody else, or ftrace is disabled\n");
		return err;
	}
	pr_warn_ratelimited("dev_get_stats cannot be redirected: %d\n", err);
	return -EOPNOTSUPP;
}

/* No call is redirected from here on; some may still be in progress. */
void pktstat_redirect_stop(void)
{
	WRITE_ONCE(armed, false);
	unregister_ftrace_function(&ops);
	filter(true);
}

/*
 * Waits until no task is in enter_replacement(). First for those that have
 * not incremented `inside` yet, then for those that have, then for those
 * that have decremented it and not returned yet. A task cannot sleep in the
 * first and the last of these, so an RCU-tasks grace period is enough, also
 * for one that was preempted there.
 */
void pktstat_redirect_drain(void)
{
	synchronize_rcu_tasks();
	while (atomic_read_acquire(&inside))
		msleep(20);
	synchronize_rcu_tasks();
}

#else

int pktstat_redirect_start(typeof(dev_get_stats) *function)
{
	pr_warn_ratelimited("needs a kernel with CONFIG_DYNAMIC_FTRACE_WITH_ARGS or _REGS\n");
	return -EOPNOTSUPP;
}

void pktstat_redirect_stop(void)
{
}

void pktstat_redirect_drain(void)
{
}

#endif
