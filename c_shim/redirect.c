// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sends the kernel's callers of dev_get_stats() to pktstat_shown(), the way
 * livepatch replaces a function: ftrace enters another one in its place.
 *
 * Unlike a kretprobe this has no pool of instances that can run dry, so no
 * call is ever missed; it neither needs kprobes nor wraps a return address,
 * and it has nothing to do with what the device's driver is. At most one
 * such redirection of a function can exist: the kernel sees to that.
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
#include "module.h"

#ifdef PKTSTAT_CAN_REDIRECT

/* Tasks in instead(). */
static atomic_t inside;
/* Calls from elsewhere are redirected. */
static bool armed;
/* A call of this module's own was seen and known as such. */
static bool own_call_seen;

static struct rtnl_link_stats64 *instead(struct net_device *dev,
					 struct rtnl_link_stats64 *stats)
{
	struct rtnl_link_stats64 *shown;

	atomic_inc(&inside);
	shown = pktstat_shown(dev, stats);
	/* The last that is used of the module is this function's end. */
	atomic_dec_return_release(&inside);
	return shown;
}

/* What this module asks itself is meant for the device. */
static void notrace on_entry(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops,
			     struct pktstat_ftrace_regs *regs)
{
	if (within_module(parent_ip, THIS_MODULE))
		WRITE_ONCE(own_call_seen, true);
	else if (READ_ONCE(armed))
		pktstat_ftrace_enter(regs, (unsigned long)instead);
}

static struct ftrace_ops ops = {
	.func	= on_entry,
	.flags	= PKTSTAT_REDIRECT_FLAGS,
};

/*
 * Where ftrace enters a function is at or a few instructions after its
 * beginning; before 5.18 the kernel wants to be told exactly.
 */
static int filter(bool remove)
{
	unsigned long at = (unsigned long)dev_get_stats;
	int err = -EINVAL;
	int offset;

	for (offset = 0; err == -EINVAL && offset <= 16; offset += 4)
		err = ftrace_set_filter_ip(&ops, at + offset, remove, 0);
	return err;
}

/*
 * Were it not to know its own calls, the module would send itself round in
 * circles: so it looks before it is armed.
 */
static bool knows_itself(void)
{
	struct rtnl_link_stats64 stats;

	WRITE_ONCE(own_call_seen, false);
	rcu_read_lock();
	dev_get_stats(init_net.loopback_dev, &stats);
	rcu_read_unlock();
	return READ_ONCE(own_call_seen);
}

int pktstat_redirect_start(void)
{
	int err;

	/* With no filter it would be entered for every function. */
	err = filter(false);
	if (err)
		goto err_unsupported;
	err = register_ftrace_function(&ops);
	if (err)
		goto err_filter;
	if (!knows_itself()) {
		unregister_ftrace_function(&ops);
		err = -EOPNOTSUPP;
		goto err_filter;
	}
	WRITE_ONCE(armed, true);
	return 0;

err_filter:
	filter(true);
err_unsupported:
	/* No word about that: there may be memory the next time. */
	if (err == -ENOMEM)
		return err;
	if (err == -EBUSY) {
		pr_warn_ratelimited("dev_get_stats is patched by somebody else, or ftrace is disabled\n");
		return err;
	}
	pr_warn_ratelimited("dev_get_stats cannot be redirected: %d\n", err);
	return -EOPNOTSUPP;
}

/* Afterwards nobody comes in any more; some may still be in. */
void pktstat_redirect_stop(void)
{
	WRITE_ONCE(armed, false);
	unregister_ftrace_function(&ops);
	filter(true);
}

/*
 * Waits until this module's code can go. First for those who were sent but
 * are not counted yet, then for those who are counted, then for those who
 * are on the last steps out. In the first and the last nobody sleeps, so a
 * task that was preempted there is past it once it has.
 */
void pktstat_redirect_drain(void)
{
	synchronize_rcu_tasks();
	while (atomic_read_acquire(&inside))
		msleep(20);
	synchronize_rcu_tasks();
}

#else

int pktstat_redirect_start(void)
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
