// SPDX-License-Identifier: GPL-2.0-or-later
/* The files of a counter. */

#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/poll.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "compat.h"
#include "module.h"
#include "shim.h"

static unsigned int perms = 0440;
module_param(perms, uint, 0400);
MODULE_PARM_DESC(perms, "mode of the files in /proc/net/xt_pktstat");

/*
 * A counter's files can go while somebody polls them, and a poller takes its
 * entry off the wait queue only after that. So the wait queues belong to the
 * module, not to a counter: its timer's address selects one, a stranger's
 * wake-up is spurious, and only unloading has to wait for the pollers.
 */
#define POLLERS_BITS 6
static struct wait_queue_head pollers[1 << POLLERS_BITS];

struct wait_queue_head *pktstat_pollers(const void *key)
{
	return &pollers[hash_ptr(key, POLLERS_BITS)];
}

void pktstat_shim_poll_wait(const struct pktstat_timer *timer,
			    struct file *file, struct poll_table_struct *table)
{
	poll_wait(file, pktstat_pollers(timer), table);
}

void pktstat_shim_wake(const struct pktstat_timer *timer)
{
	wake_up_poll(pktstat_pollers(timer), EPOLLIN | EPOLLRDNORM | EPOLLHUP);
}

void __init pktstat_proc_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pollers); i++)
		init_waitqueue_head(&pollers[i]);
}

/*
 * The files are gone, so nobody comes to wait; who still waits is sent away.
 * epoll leaves the queue at once, and RCU tells when it has looked at it for
 * the last time; poll() and select() leave it when they run.
 */
void pktstat_proc_exit(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pollers); i++)
		/* Nobody is added any more, so there is no race to lose. */
		while (waitqueue_active(&pollers[i])) {
			__wake_up(&pollers[i], TASK_NORMAL, 0,
				  poll_to_key(EPOLLHUP | POLLFREE));
			msleep(20);
		}
	synchronize_rcu();
}

static int data_open(struct inode *inode, struct file *file)
{
	file->private_data = pktstat_rs_data_open(pde_data(inode));
	return file->private_data ? 0 : -ENOMEM;
}

/* The offset means nothing: a FIFO goes on where it stands. */
static ssize_t data_read(struct file *file, char __user *to, size_t len,
			 loff_t *pos)
{
	return pktstat_rs_data_read(file->private_data, (__force void *)to,
				    len);
}

static __poll_t data_poll(struct file *file, struct poll_table_struct *table)
{
	return pktstat_rs_data_poll(file->private_data, file, table) ?
		EPOLLIN | EPOLLRDNORM : 0;
}

static int data_release(struct inode *inode, struct file *file)
{
	pktstat_rs_data_release(file->private_data);
	return 0;
}

static const struct proc_ops data_ops = {
	.proc_open	= data_open,
	.proc_read	= data_read,
	.proc_lseek	= noop_llseek,
	.proc_poll	= data_poll,
	.proc_release	= data_release,
};

/* What the file says is fixed when it is opened. */
struct text {
	size_t len;
	char bytes[1024 - sizeof(size_t)];
};

static int status_open(struct inode *inode, struct file *file)
{
	struct text *text = kmalloc(sizeof(*text), GFP_KERNEL_ACCOUNT);

	if (!text)
		return -ENOMEM;
	text->len = pktstat_rs_status(pde_data(inode), text->bytes,
				      sizeof(text->bytes));
	file->private_data = text;
	return 0;
}

static ssize_t status_read(struct file *file, char __user *to, size_t len,
			   loff_t *pos)
{
	const struct text *text = file->private_data;

	return simple_read_from_buffer(to, len, pos, text->bytes, text->len);
}

static int status_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static const struct proc_ops status_ops = {
	.proc_open	= status_open,
	.proc_read	= status_read,
	.proc_lseek	= default_llseek,
	.proc_release	= status_release,
};

struct proc_dir_entry *pktstat_shim_proc_dir(const char *name,
					     struct proc_dir_entry *parent)
{
	return proc_mkdir(name, parent);
}

static int create(const char *name, struct proc_dir_entry *dir,
		  const struct proc_ops *ops, void *counter, u32 owner,
		  u32 group)
{
	struct proc_dir_entry *entry;

	entry = proc_create_data(name, perms & 0777, dir, ops, counter);
	if (!entry)
		return -ENOMEM;
	proc_set_user(entry, KUIDT_INIT(owner), KGIDT_INIT(group));
	return 0;
}

int pktstat_shim_proc_data(struct proc_dir_entry *dir, void *counter,
			   u32 owner, u32 group)
{
	return create("data", dir, &data_ops, counter, owner, group);
}

int pktstat_shim_proc_status(struct proc_dir_entry *dir, void *counter,
			     u32 owner, u32 group)
{
	return create("status", dir, &status_ops, counter, owner, group);
}

void pktstat_shim_proc_remove(struct proc_dir_entry *entry)
{
	proc_remove(entry);
}

size_t pktstat_shim_copy_to_user(void *to, const void *from, size_t len)
{
	cond_resched();
	return copy_to_user((__force void __user *)to, from, len);
}
