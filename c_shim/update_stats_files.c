// SPDX-License-Identifier: GPL-2.0-or-later
/* The files in /sys/kernel/IFNAME/statistics, and what they show. */

#include <linux/build_bug.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/if_link.h>
#include <linux/kobject.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "compat.h"
#include "module.h"
#include "update_stats.h"

static atomic_t overlays;	/* whose memory is not freed */

/* @update, unless it is NULL, is written at the moment of the reading. */
static void take_reading(struct pktstat_overlay *overlay,
			 struct rtnl_link_stats64 *stats,
			 const struct pktstat_update *update)
{
	struct pktstat_known before;
	unsigned long flags;

	BUILD_BUG_ON(offsetof(struct rtnl_link_stats64, tx_compressed) !=
		     (PKTSTAT_FIELDS - 1) * sizeof(u64));

	raw_spin_lock_irqsave(&overlay->lock, flags);
	before = overlay->shown.known;
	raw_spin_unlock_irqrestore(&overlay->lock, flags);

	/* Without the lock: a bond's driver reads its ports' overlays. */
	dev_get_stats(overlay->dev, stats);

	raw_spin_lock_irqsave(&overlay->lock, flags);
	pktstat_rs_shown(&overlay->shown, &before, (u64 *)stats, update);
	raw_spin_unlock_irqrestore(&overlay->lock, flags);
}

void pktstat_overlay_read(struct pktstat_overlay *overlay,
			  struct rtnl_link_stats64 *stats)
{
	take_reading(overlay, stats, NULL);
}

static struct pktstat_overlay *to_overlay(struct kobject *dir)
{
	return container_of(dir, struct pktstat_overlay, dir);
}

static int read_shown(struct kobject *dir, struct rtnl_link_stats64 *stats)
{
	int err = pktstat_check_access(FMODE_READ);

	if (err)
		return err;
	rcu_read_lock();
	pktstat_overlay_read(to_overlay(dir), stats);
	rcu_read_unlock();
	return 0;
}

static ssize_t write_update(struct kobject *dir, size_t field,
			    const char *text, size_t len)
{
	struct pktstat_update update;
	struct rtnl_link_stats64 stats;
	int err = pktstat_check_access(FMODE_WRITE);

	if (err)
		return err;
	err = pktstat_rs_update(&update, field, text, len);
	if (err)
		return err;

	rcu_read_lock();
	take_reading(to_overlay(dir), &stats, &update);
	rcu_read_unlock();
	return len;
}

static struct kobj_attribute field_files[PKTSTAT_FIELDS];

static ssize_t field_show(struct kobject *dir, struct kobj_attribute *file,
			  char *text)
{
	struct rtnl_link_stats64 stats;
	const u64 *values = (const u64 *)&stats;
	int err = read_shown(dir, &stats);

	return err ?: sysfs_emit(text, "%llu\n", values[file - field_files]);
}

static ssize_t field_store(struct kobject *dir, struct kobj_attribute *file,
			   const char *text, size_t len)
{
	return write_update(dir, file - field_files, text, len);
}

static ssize_t all_show(struct kobject *dir, struct kobj_attribute *file,
			char *text)
{
	struct rtnl_link_stats64 stats;
	int err = read_shown(dir, &stats);

	BUILD_BUG_ON(PKTSTAT_ALL_MAX > PAGE_SIZE);
	return err ?: pktstat_rs_all((u64 *)&stats, text);
}

static ssize_t all_store(struct kobject *dir, struct kobj_attribute *file,
			 const char *text, size_t len)
{
	return write_update(dir, PKTSTAT_FIELDS, text, len);
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
	kfree_rcu(to_overlay(dir), rcu);
	atomic_dec(&overlays);
}

static const struct kobj_type dir_type = {
	.release	= dir_release,
	.sysfs_ops	= &kobj_sysfs_ops,
	.default_groups	= dir_groups,
};

void __init pktstat_overlay_files_init(void)
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

struct pktstat_overlay *pktstat_overlay_new(struct net_device *dev)
{
	struct pktstat_overlay *overlay = kzalloc(sizeof(*overlay), GFP_KERNEL);

	if (!overlay)
		return NULL;
	overlay->dev = dev;
	raw_spin_lock_init(&overlay->lock);
	atomic_inc(&overlays);
	return overlay;
}

int pktstat_overlay_add_files(struct pktstat_overlay *overlay,
			      const char *name)
{
	return kobject_init_and_add(&overlay->dir, &dir_type, kernel_kobj,
				    "%s", name);
}

void pktstat_overlays_drain(void)
{
	/* With CONFIG_DEBUG_KOBJECT_RELEASE they go some time later. */
	while (atomic_read(&overlays))
		msleep(20);
}
