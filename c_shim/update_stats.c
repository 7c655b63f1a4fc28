// SPDX-License-Identifier: GPL-2.0-or-later
/* /sys/kernel/update_stats/update_stats: which interfaces are on. */

#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "compat.h"
#include "module.h"
#include "update_stats.h"

static ssize_t list_write(struct file *file, struct kobject *dir,
			  PKTSTAT_BIN_CONST struct bin_attribute *attr,
			  char *text, loff_t pos, size_t len)
{
	struct pktstat_command command;
	int err = pktstat_check_access(FMODE_WRITE);

	if (!err)
		err = pktstat_rs_command(&command, text, len);
	if (!err && command.on)
		err = pktstat_device_on(command.name);
	else if (!err)
		err = pktstat_device_off(command.name);
	return err ?: len;
}

static ssize_t list_read(struct file *file, struct kobject *dir,
			 PKTSTAT_BIN_CONST struct bin_attribute *attr,
			 char *text, loff_t pos, size_t size)
{
	int err = pktstat_check_access(FMODE_READ);

	return err ?: pktstat_devices_list(text, size, pos);
}

/* Binary: the list can be longer than the page that a text file has. */
static struct bin_attribute list_file = {
	.attr	= { .name = "update_stats", .mode = 0644 },
	.read	= list_read,
	.write	= list_write,
};

static struct kobject *own_dir;

int __init pktstat_update_stats_init(void)
{
	int err;

	pktstat_overlay_files_init();
	sysfs_bin_attr_init(&list_file);
	own_dir = kobject_create_and_add("update_stats", kernel_kobj);
	if (!own_dir)
		return -ENOMEM;
	err = sysfs_create_bin_file(own_dir, &list_file);
	if (err)
		kobject_put(own_dir);
	return err;
}

void pktstat_update_stats_exit(void)
{
	/* No interface is switched on from here on. */
	sysfs_remove_bin_file(own_dir, &list_file);
	kobject_put(own_dir);
	pktstat_devices_off();
	pktstat_overlays_drain();
	pktstat_active_drain();
}
