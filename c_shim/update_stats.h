/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of update_stats ask of each other. */
#ifndef PKTSTAT_UPDATE_STATS_H
#define PKTSTAT_UPDATE_STATS_H

#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "shim.h"

/* An interface that is on. */
struct pktstat_overlay {
	struct kobject dir;		/* /sys/kernel/IFNAME */
	struct net_device *dev;		/* outlives it: see device_event() */
	struct hlist_node by_dev;
	struct list_head in_order;
	raw_spinlock_t lock;		/* protects `shown` */
	struct pktstat_shown shown;
	struct rcu_head rcu;
};

/* update_stats_files.c: the files of an interface that is on. */
void pktstat_overlay_files_init(void);
struct pktstat_overlay *pktstat_overlay_new(struct net_device *dev);
/* Whatever comes of it, kobject_put() frees the overlay. */
int pktstat_overlay_add_files(struct pktstat_overlay *overlay,
			      const char *name);
/* What is shown of its device. RCU is held; any context but NMI. */
void pktstat_overlay_read(struct pktstat_overlay *overlay,
			  struct rtnl_link_stats64 *stats);
/* Waits until all overlays are freed. */
void pktstat_overlays_drain(void);

/* update_stats_devices.c: which interfaces are on. */
int pktstat_device_on(const char *name);
int pktstat_device_off(const char *name);
void pktstat_devices_off(void);
/* Their names, a line each: at most @size bytes from @pos on. */
size_t pktstat_devices_list(char *text, size_t size, loff_t pos);

/*
 * update_stats_active.c: while there are users, @devices hears of changes
 * to devices, and callers of dev_get_stats() get to @replacement.
 */
int pktstat_active_get(struct notifier_block *devices,
		       typeof(dev_get_stats) *replacement);
void pktstat_active_put(void);
/* Waits until this module's code can go; the last user has gone. */
void pktstat_active_drain(void);

/* redirect.c: sends callers outside this module to @replacement. */
int pktstat_redirect_start(typeof(dev_get_stats) *replacement);
void pktstat_redirect_stop(void);
void pktstat_redirect_drain(void);

#endif
