// SPDX-License-Identifier: GPL-2.0-or-later
/* What a packet leaves to a task: a counter's collecting. */

#include <linux/gfp.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "module.h"
#include "shim.h"

/* Unbound: a CPU that is busy with packets must not put it off. */
static struct workqueue_struct *collectors;

struct pktstat_work {
	struct work_struct work;
	const void *counter;
};

static void pktstat_work_runs(struct work_struct *work)
{
	pktstat_rs_collect(container_of(work, struct pktstat_work,
					work)->counter);
}

struct pktstat_work *pktstat_shim_work_new(void)
{
	struct pktstat_work *it = kmalloc(sizeof(*it), GFP_KERNEL_ACCOUNT);

	if (!it)
		return NULL;
	it->counter = NULL;
	INIT_WORK(&it->work, pktstat_work_runs);
	return it;
}

void pktstat_shim_work_free(struct pktstat_work *it)
{
	if (it)
		cancel_work_sync(&it->work);
	kfree(it);
}

void pktstat_shim_work_for(struct pktstat_work *it, const void *counter)
{
	it->counter = counter;
}

void pktstat_shim_work_cancel(struct pktstat_work *it)
{
	cancel_work_sync(&it->work);
}

void pktstat_shim_work_start(struct pktstat_work *it)
{
	queue_work(collectors, &it->work);
}

int __init pktstat_work_init(void)
{
	collectors = alloc_workqueue("xt_pktstat", WQ_UNBOUND, 0);
	return collectors ? 0 : -ENOMEM;
}

void pktstat_work_exit(void)
{
	destroy_workqueue(collectors);
}
