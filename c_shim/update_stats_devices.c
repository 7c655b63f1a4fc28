// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which interfaces are on.
 *
 * Lock order: start_mutex, RTNL, `registry`, an overlay's `lock`. The
 * notifier holds RTNL and takes `registry`, so nothing under `registry` may
 * take RTNL. Removing an overlay waits for those who are in its files, so
 * these take neither.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": update_stats: " fmt

#include <linux/errno.h>
#include <linux/hashtable.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <net/net_namespace.h>

#include "update_stats.h"

/* Changed under `registry`; `by_dev` is read under RCU, in any context. */
static DEFINE_MUTEX(registry);
static DEFINE_HASHTABLE(by_dev, 8);
static LIST_HEAD(in_order);

/* Under `registry` or RCU. */
static struct pktstat_overlay *overlay_of(const struct net_device *dev)
{
	struct pktstat_overlay *it;

	hash_for_each_possible_rcu(by_dev, it, by_dev, (unsigned long)dev,
				   lockdep_is_held(&registry))
		if (it->dev == dev)
			return it;
	return NULL;
}

/* Called in place of dev_get_stats(). */
static struct rtnl_link_stats64 *get_shown(struct net_device *dev,
					   struct rtnl_link_stats64 *stats)
{
	struct pktstat_overlay *it;

	rcu_read_lock();
	it = overlay_of(dev);
	if (it)
		pktstat_overlay_read(it, stats);
	rcu_read_unlock();
	return it ? stats : dev_get_stats(dev, stats);
}

/* Sysfs would refuse it too, at length and with a stack trace. */
static bool is_taken(const char *name)
{
	struct kernfs_node *its;

	if (pktstat_rs_name_reserved(name, strlen(name)))
		return true;
	its = kernfs_find_and_get(kernel_kobj->sd, name);
	kernfs_put(its);
	return its;
}

static void complain(const char *name, const char *what)
{
	char text[PKTSTAT_ESCAPED_MAX];
	int len = pktstat_rs_name_escape(name, strlen(name), text);

	pr_warn_ratelimited("%.*s: %s\n", len, text, what);
}

/*
 * The interface of this name, which may be an alternative one, and the first
 * of its names. device_event() has not yet come for a device that is found
 * here, and cannot come while `registry` is held.
 */
static struct net_device *find(const char *name, char *dir_name)
{
	struct net_device *dev;

	rcu_read_lock();
	dev = dev_get_by_name_rcu(&init_net, name);
	if (dev)
		strscpy(dir_name, dev->name, IFNAMSIZ);
	rcu_read_unlock();
	return dev;
}

static int can_add(const struct net_device *dev, const char *dir_name)
{
	if (!dev)
		return -ENODEV;
	if (overlay_of(dev)) {
		complain(dir_name, "is on already");
		return -EEXIST;
	}
	if (is_taken(dir_name)) {
		complain(dir_name, "the name is /sys/kernel's own");
		return -EEXIST;
	}
	return 0;
}

static int add(struct net_device *dev, const char *dir_name)
{
	struct pktstat_overlay *it = pktstat_overlay_new(dev);
	int err;

	if (!it)
		return -ENOMEM;
	hash_add_rcu(by_dev, &it->by_dev, (unsigned long)dev);
	err = pktstat_overlay_add_files(it, dir_name);
	if (err) {
		hash_del_rcu(&it->by_dev);
		kobject_put(&it->dir);
		return err;
	}
	list_add_tail(&it->in_order, &in_order);
	return 0;
}

static void remove(struct pktstat_overlay *it)
{
	list_del(&it->in_order);
	hash_del_rcu(&it->by_dev);
	kobject_del(&it->dir);
	kobject_put(&it->dir);
	pktstat_active_put();
}

static void follow_name(struct pktstat_overlay *it)
{
	const char *name = it->dev->name;

	if (!strcmp(kobject_name(&it->dir), name))
		return;
	if (!is_taken(name) && !kobject_rename(&it->dir, name))
		return;
	complain(name, "the name is /sys/kernel's own: switched off");
	remove(it);
}

/*
 * RTNL is held. NETDEV_UNREGISTER comes when a device cannot be found any
 * more, before it is freed or shown in another namespace.
 */
static int device_event(struct notifier_block *nb, unsigned long event,
			void *info)
{
	struct pktstat_overlay *it;

	if (event != NETDEV_UNREGISTER && event != NETDEV_CHANGENAME)
		return NOTIFY_DONE;

	mutex_lock(&registry);
	it = overlay_of(netdev_notifier_info_to_dev(info));
	if (it && event == NETDEV_UNREGISTER)
		remove(it);
	else if (it)
		follow_name(it);
	mutex_unlock(&registry);
	return NOTIFY_DONE;
}

static struct notifier_block devices = {
	.notifier_call = device_event,
};

int pktstat_device_on(const char *name)
{
	char dir_name[IFNAMSIZ];
	struct net_device *dev;
	int err;

	/* What is refused starts nothing. */
	mutex_lock(&registry);
	dev = find(name, dir_name);
	err = can_add(dev, dir_name);
	mutex_unlock(&registry);
	if (err)
		return err;

	err = pktstat_active_get(&devices, get_shown);
	if (err)
		return err;
	/* The device may have gone, or another one of the name come. */
	mutex_lock(&registry);
	dev = find(name, dir_name);
	err = can_add(dev, dir_name);
	if (!err)
		err = add(dev, dir_name);
	mutex_unlock(&registry);
	if (err)
		pktstat_active_put();
	return err;
}

int pktstat_device_off(const char *name)
{
	char dir_name[IFNAMSIZ];
	struct pktstat_overlay *it;
	struct net_device *dev;
	int err = 0;

	mutex_lock(&registry);
	dev = find(name, dir_name);
	it = dev ? overlay_of(dev) : NULL;
	if (it)
		remove(it);
	else
		err = dev ? -ENOENT : -ENODEV;
	mutex_unlock(&registry);
	return err;
}

void pktstat_devices_off(void)
{
	struct pktstat_overlay *it, *next;

	mutex_lock(&registry);
	list_for_each_entry_safe(it, next, &in_order, in_order)
		remove(it);
	mutex_unlock(&registry);
}

size_t pktstat_devices_list(char *text, size_t size, loff_t pos)
{
	char line[PKTSTAT_ESCAPED_MAX + 1];
	struct pktstat_overlay *it;
	size_t done = 0;

	mutex_lock(&registry);
	list_for_each_entry(it, &in_order, in_order) {
		const char *name = kobject_name(&it->dir);
		size_t len = pktstat_rs_name_escape(name, strlen(name), line);

		line[len++] = '\n';
		done += memory_read_from_buffer(text + done, size - done, &pos,
						line, len);
		if (done == size)
			break;
		/* Where the next line begins. */
		pos -= len;
	}
	mutex_unlock(&registry);
	return done;
}
