// SPDX-License-Identifier: GPL-2.0-or-later
/* Who may open the files that concern the whole machine. */

#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <net/net_namespace.h>

#include "module.h"

/*
 * /proc/kstat and /sys/kernel are one for all network namespaces, and uid 0
 * of a container owns them. So mode bits only narrow this further.
 */
int pktstat_check_access(fmode_t mode)
{
	bool outside = !net_eq(current->nsproxy->net_ns, &init_net);

	if ((outside || mode & FMODE_WRITE) && !capable(CAP_NET_ADMIN))
		return -EPERM;
	return 0;
}
