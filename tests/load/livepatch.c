// SPDX-License-Identifier: GPL-2.0-or-later
/* A livepatch of dev_get_stats: every device has counted nothing. */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/netdevice.h>

static struct rtnl_link_stats64 *no_stats(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	memset(stats, 0, sizeof(*stats));
	return stats;
}

static struct klp_func functions[] = {
	{ .old_name = "dev_get_stats", .new_func = no_stats },
	{ }
};
static struct klp_object objects[] = { { .funcs = functions }, { } };
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objects };

static int __init start(void)
{
	return klp_enable_patch(&patch);
}

/* The kernel unloads it only after it was switched off. */
static void __exit stop(void)
{
}

module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("dev_get_stats patched, for a test of update_stats");
