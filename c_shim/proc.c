// SPDX-License-Identifier: GPL-2.0-or-later
/* The files of a counter. */

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/poll.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>

#include "compat.h"
#include "module.h"
#include "shim.h"

static unsigned int perms = 0440;
module_param(perms, uint, 0400);
MODULE_PARM_DESC(perms, "mode of the files in /proc/net/xt_pktstat");

/*
 * A read can wait for ever for the page that it copies to. Removing a file
 * waits for reads in progress, and others wait for that: the teardown of any
 * namespace, and nft's destruction of any rule. So a read keeps its namespace,
 * and a counter keeps its files while they are read.
 */
static struct net *read_begin(struct file *file)
{
	struct inode *inode = file_inode(file);
	struct net *net = maybe_get_net(proc_get_parent_data(inode));

	if (net && !pktstat_rs_read_begin(pde_data(inode))) {
		put_net(net);
		net = NULL;
	}
	return net;
}

static void read_end(struct file *file, struct net *net)
{
	pktstat_rs_read_end(pde_data(file_inode(file)));
	put_net(net);
}

static int data_open(struct inode *inode, struct file *file)
{
	return pktstat_rs_data_open(pde_data(inode), false,
				    &file->private_data);
}

static int history_open(struct inode *inode, struct file *file)
{
	return pktstat_rs_data_open(pde_data(inode), true,
				    &file->private_data);
}

/* The offset means nothing: a reader goes on where it stands. */
static ssize_t data_read(struct file *file, char __user *to, size_t len,
			 loff_t *pos)
{
	struct net *net = read_begin(file);
	ssize_t done;

	if (!net)
		return -EIO;
	done = pktstat_rs_data_read(file->private_data, (__force void *)to,
				    len);
	read_end(file, net);
	return done;
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

static const struct proc_ops history_ops = {
	.proc_open	= history_open,
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
	struct net *net = read_begin(file);
	ssize_t done;

	if (!net)
		return -EIO;
	done = simple_read_from_buffer(to, len, pos, text->bytes, text->len);
	read_end(file, net);
	return done;
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
					     struct proc_dir_entry *parent,
					     void *net)
{
	return proc_mkdir_data(name, 0, parent, net);
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

int pktstat_shim_proc_history(struct proc_dir_entry *dir, void *counter,
			      u32 owner, u32 group)
{
	return create("history", dir, &history_ops, counter, owner, group);
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

bool pktstat_shim_signal_pending(void)
{
	return signal_pending(current);
}
