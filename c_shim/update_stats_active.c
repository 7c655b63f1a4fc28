// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * update_stats costs nothing while no interface is on: the first one has
 * devices watched and dev_get_stats() redirected, the last one ends that.
 */

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/workqueue.h>

#include "update_stats.h"

static DEFINE_MUTEX(start_mutex);
static struct notifier_block *watching;	/* under start_mutex; NULL: stopped */
static atomic_t users;

static int start(struct notifier_block *devices,
		 typeof(dev_get_stats) *replacement)
{
	int err = register_netdevice_notifier(devices);

	if (err)
		return err;
	err = pktstat_redirect_start(replacement);
	if (err) {
		unregister_netdevice_notifier(devices);
		return err;
	}
	watching = devices;
	return 0;
}

static void stop_if_idle(struct work_struct *work)
{
	mutex_lock(&start_mutex);
	if (watching && !atomic_read(&users)) {
		pktstat_redirect_stop();
		unregister_netdevice_notifier(watching);
		watching = NULL;
	}
	mutex_unlock(&start_mutex);
}

static DECLARE_WORK(stop_work, stop_if_idle);

int pktstat_active_get(struct notifier_block *devices,
		       typeof(dev_get_stats) *replacement)
{
	int err = 0;

	mutex_lock(&start_mutex);
	if (!watching)
		err = start(devices, replacement);
	if (!err)
		atomic_inc(&users);
	mutex_unlock(&start_mutex);
	return err;
}

/* Under RTNL too, which stopping takes: so that is left to a work item. */
void pktstat_active_put(void)
{
	if (atomic_dec_and_test(&users))
		schedule_work(&stop_work);
}

void pktstat_active_drain(void)
{
	flush_work(&stop_work);
	pktstat_redirect_drain();
}
