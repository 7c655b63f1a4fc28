// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The files of update_stats and the devices they speak of.
 *
 * Lock order: RTNL, `registry`, an overlay's `writer`. The notifier holds
 * RTNL and takes `registry`, so who holds `registry` must never want RTNL.
 * Removing an overlay waits for those who are in its files, so those want
 * neither. `starting` is outside of RTNL: it is never taken by the notifier.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": update_stats: " fmt

#include <linux/build_bug.h>
#include <linux/capability.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/hashtable.h>
#include <linux/if_link.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include "compat.h"
#include "module.h"
#include "shim.h"

/* An interface that is on: what is shown of its device beyond its own. */
struct overlay {
	struct kobject dir;		/* /sys/kernel/IFNAME */
	struct net_device *dev;		/* outlives it: see device_event() */
	struct hlist_node by_dev;
	struct list_head in_order;
	struct mutex writer;		/* one at a time changes the deltas */
	struct pktstat_deltas deltas;
	struct rcu_head rcu;
};

/* Changed under `registry`; `by_dev` is read under RCU, in any context. */
static DEFINE_MUTEX(registry);
static DEFINE_HASHTABLE(by_dev, 8);
static LIST_HEAD(in_order);
static atomic_t overlays;	/* whose memory is not freed */

/*
 * What is shown of a device. The deltas come first, see Deltas::get(); RCU
 * is not held while the driver counts.
 */
struct rtnl_link_stats64 *pktstat_shown(struct net_device *dev,
					struct rtnl_link_stats64 *stats)
{
	u64 deltas[PKTSTAT_FIELDS] = {};
	struct overlay *it;
	unsigned int i;
	u64 *values;

	BUILD_BUG_ON(offsetof(struct rtnl_link_stats64, tx_compressed) !=
		     (PKTSTAT_FIELDS - 1) * sizeof(u64));

	rcu_read_lock();
	hash_for_each_possible_rcu(by_dev, it, by_dev, (unsigned long)dev)
		if (it->dev == dev)
			pktstat_rs_deltas_get(&it->deltas, deltas);
	rcu_read_unlock();

	stats = dev_get_stats(dev, stats);
	values = (u64 *)stats;
	for (i = 0; i < PKTSTAT_FIELDS; i++)
		values[i] += deltas[i];
	return stats;
}

/* The files in IFNAME/statistics. */

static struct kobj_attribute field_files[PKTSTAT_FIELDS];

static ssize_t write_wanted(struct kobject *dir, size_t field,
			    const char *text, size_t len)
{
	struct overlay *it = container_of(dir, struct overlay, dir);
	struct pktstat_wanted wanted;
	struct rtnl_link_stats64 own;
	int err;

	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	err = pktstat_rs_wanted(&wanted, field, text, len);
	if (err)
		return err;

	mutex_lock(&it->writer);
	rcu_read_lock();
	dev_get_stats(it->dev, &own);
	rcu_read_unlock();
	pktstat_rs_deltas_set(&it->deltas, (u64 *)&own, &wanted);
	mutex_unlock(&it->writer);
	return len;
}

static const u64 *read_shown(struct kobject *dir,
			     struct rtnl_link_stats64 *stats)
{
	struct overlay *it = container_of(dir, struct overlay, dir);

	rcu_read_lock();
	pktstat_shown(it->dev, stats);
	rcu_read_unlock();
	return (u64 *)stats;
}

static ssize_t field_show(struct kobject *dir, struct kobj_attribute *file,
			  char *text)
{
	struct rtnl_link_stats64 stats;
	const u64 *values = read_shown(dir, &stats);

	return sysfs_emit(text, "%llu\n", values[file - field_files]);
}

static ssize_t field_store(struct kobject *dir, struct kobj_attribute *file,
			   const char *text, size_t len)
{
	return write_wanted(dir, file - field_files, text, len);
}

static ssize_t all_show(struct kobject *dir, struct kobj_attribute *file,
			char *text)
{
	struct rtnl_link_stats64 stats;

	BUILD_BUG_ON(PKTSTAT_ALL_MAX > PAGE_SIZE);
	return pktstat_rs_all(read_shown(dir, &stats), text);
}

static ssize_t all_store(struct kobject *dir, struct kobj_attribute *file,
			 const char *text, size_t len)
{
	return write_wanted(dir, PKTSTAT_FIELDS, text, len);
}

static struct kobj_attribute all_file = __ATTR(all, 0644, all_show, all_store);

static struct attribute *dir_files[PKTSTAT_FIELDS + 2] = {
	[PKTSTAT_FIELDS] = &all_file.attr,
};

static const struct attribute_group dir_group = {
	.name	= "statistics",
	.attrs	= dir_files,
};

static const struct attribute_group *dir_groups[] = {
	&dir_group,
	NULL,
};

static void dir_release(struct kobject *dir)
{
	struct overlay *it = container_of(dir, struct overlay, dir);

	mutex_destroy(&it->writer);
	kfree_rcu(it, rcu);
	atomic_dec(&overlays);
}

static const struct kobj_type dir_type = {
	.release	= dir_release,
	.sysfs_ops	= &kobj_sysfs_ops,
	.default_groups	= dir_groups,
};

static void __init name_the_files(void)
{
	size_t i;

	for (i = 0; i < PKTSTAT_FIELDS; i++) {
		field_files[i].attr.name = pktstat_rs_field_name(i);
		field_files[i].attr.mode = 0644;
		field_files[i].show = field_show;
		field_files[i].store = field_store;
		dir_files[i] = &field_files[i].attr;
	}
}

/* Which interfaces are on. All under `registry`. */

static struct overlay *overlay_of(const struct net_device *dev)
{
	struct overlay *it;

	hash_for_each_possible(by_dev, it, by_dev, (unsigned long)dev)
		if (it->dev == dev)
			return it;
	return NULL;
}

/* Sysfs would say the same, at length and with a stack trace. */
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
 * The interface of this name, and the name by which its directory goes. A
 * device that can be found here is one for which device_event() has not come
 * in yet, and cannot do so while `registry` is held.
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
	struct overlay *it = kzalloc(sizeof(*it), GFP_KERNEL);
	int err;

	if (!it)
		return -ENOMEM;
	it->dev = dev;
	mutex_init(&it->writer);
	atomic_inc(&overlays);
	hash_add_rcu(by_dev, &it->by_dev, (unsigned long)dev);
	err = kobject_init_and_add(&it->dir, &dir_type, kernel_kobj, "%s",
				   dir_name);
	if (err) {
		hash_del_rcu(&it->by_dev);
		kobject_put(&it->dir);
		return err;
	}
	list_add_tail(&it->in_order, &in_order);
	return 0;
}

static void release(void);

static void remove(struct overlay *it)
{
	list_del(&it->in_order);
	hash_del_rcu(&it->by_dev);
	kobject_del(&it->dir);
	kobject_put(&it->dir);
	release();
}

static void follow_name(struct overlay *it)
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
 * RTNL is held. NETDEV_UNREGISTER comes when a device is not to be found any
 * more, before it is freed or shown in another namespace.
 */
static int device_event(struct notifier_block *nb, unsigned long event,
			void *info)
{
	struct overlay *it;

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

/*
 * Devices are watched and dev_get_stats() is redirected while an interface
 * is on. That ends in a work: it takes its time, and RTNL.
 */
static DEFINE_MUTEX(starting);
static bool running;		/* under `starting` */
static atomic_t users;

static int hold(void)
{
	int err = 0;

	mutex_lock(&starting);
	if (!running) {
		err = register_netdevice_notifier(&devices);
		if (err)
			goto out;
		err = pktstat_redirect_start();
		if (err) {
			unregister_netdevice_notifier(&devices);
			goto out;
		}
		running = true;
	}
	atomic_inc(&users);
out:
	mutex_unlock(&starting);
	return err;
}

static void rest(struct work_struct *work)
{
	mutex_lock(&starting);
	if (running && !atomic_read(&users)) {
		pktstat_redirect_stop();
		unregister_netdevice_notifier(&devices);
		running = false;
	}
	mutex_unlock(&starting);
}

static DECLARE_WORK(resting, rest);

static void release(void)
{
	if (atomic_dec_and_test(&users))
		schedule_work(&resting);
}

/* update_stats/update_stats. */

static int switch_on(const char *name)
{
	char dir_name[IFNAMSIZ];
	struct net_device *dev;
	int err;

	/* Whether to hold at all. */
	mutex_lock(&registry);
	dev = find(name, dir_name);
	err = can_add(dev, dir_name);
	mutex_unlock(&registry);
	if (err)
		return err;

	err = hold();
	if (err)
		return err;
	mutex_lock(&registry);
	dev = find(name, dir_name);
	err = can_add(dev, dir_name);
	if (!err)
		err = add(dev, dir_name);
	mutex_unlock(&registry);
	if (err)
		release();
	return err;
}

static int switch_off(const char *name)
{
	char dir_name[IFNAMSIZ];
	struct net_device *dev;
	struct overlay *it;
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

static ssize_t orders_write(struct file *file, struct kobject *dir,
			    PKTSTAT_BIN_CONST struct bin_attribute *attr,
			    char *text, loff_t pos, size_t len)
{
	struct pktstat_order order;
	int err;

	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	err = pktstat_rs_order(&order, text, len);
	if (!err && order.on)
		err = switch_on(order.name);
	else if (!err)
		err = switch_off(order.name);
	return err ?: len;
}

/* The list can be longer than the page that a text file has. */
static ssize_t orders_read(struct file *file, struct kobject *dir,
			   PKTSTAT_BIN_CONST struct bin_attribute *attr,
			   char *text, loff_t pos, size_t size)
{
	char line[PKTSTAT_ESCAPED_MAX + 1];
	struct overlay *it;
	size_t done = 0;
	loff_t at = 0;

	mutex_lock(&registry);
	list_for_each_entry(it, &in_order, in_order) {
		const char *name = kobject_name(&it->dir);
		size_t len, from, some;

		len = pktstat_rs_name_escape(name, strlen(name), line);
		line[len++] = '\n';
		from = clamp_t(loff_t, pos - at, 0, len);
		some = min(len - from, size - done);
		memcpy(text + done, line + from, some);
		done += some;
		at += len;
		if (done == size)
			break;
	}
	mutex_unlock(&registry);
	return done;
}

static struct bin_attribute orders = {
	.attr	= { .name = "update_stats", .mode = 0644 },
	.read	= orders_read,
	.write	= orders_write,
};

static struct kobject *own_dir;

int __init pktstat_update_stats_init(void)
{
	int err;

	name_the_files();
	sysfs_bin_attr_init(&orders);
	own_dir = kobject_create_and_add("update_stats", kernel_kobj);
	if (!own_dir)
		return -ENOMEM;
	err = sysfs_create_bin_file(own_dir, &orders);
	if (err)
		kobject_put(own_dir);
	return err;
}

void pktstat_update_stats_exit(void)
{
	struct overlay *it, *next;

	/* No new ones from here on. */
	sysfs_remove_bin_file(own_dir, &orders);
	kobject_put(own_dir);
	mutex_lock(&registry);
	list_for_each_entry_safe(it, next, &in_order, in_order)
		remove(it);
	mutex_unlock(&registry);

	flush_work(&resting);
	/* With CONFIG_DEBUG_KOBJECT_RELEASE they go some time later. */
	while (atomic_read(&overlays))
		msleep(20);
	pktstat_redirect_drain();
}
