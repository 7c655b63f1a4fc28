// SPDX-License-Identifier: GPL-2.0-or-later
/* kstat: the hooks, and the files that start, stop and show it. */

#include <linux/cpuhotplug.h>
#include <linux/init.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/moduleparam.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/proc_fs.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>

#include "compat.h"
#include "module.h"
#include "shim.h"

unsigned int pktstat_shim_kstat_entries = 4096;
module_param_named(kstat_entries, pktstat_shim_kstat_entries, uint, 0444);
MODULE_PARM_DESC(kstat_entries, "flows that kstat tells apart");

/* Made before the files below, freed after them. */
static void *rust_kstat;

/* --- Packets ------------------------------------------------------------- */

static inline u64 word_at(const void *bytes)
{
	u64 word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* A device's name. */
struct name {
	u64 first;
	u64 second;
};

static inline struct name name_of(const struct net_device *dev)
{
	struct name name = {};

	BUILD_BUG_ON(sizeof(dev->name) != sizeof(name));
	if (dev) {
		name.first = word_at(dev->name);
		name.second = word_at(dev->name + sizeof(name.first));
	}
	return name;
}

/*
 * Interrupts off, on PREEMPT_RT too: a CPU counts into memory of its own, and
 * synchronize_rcu() waits for regions with interrupts off.
 */
static unsigned int kstat_v4(void *block, struct sk_buff *skb,
			     const struct nf_hook_state *state)
{
	const struct iphdr *ip = ip_hdr(skb);
	struct name name = name_of(state->out);
	/* The destination is in it too. */
	u64 addresses = word_at((const u8 *)ip + offsetof(struct iphdr, saddr));
	unsigned long flags;

	local_irq_save(flags);
	pktstat_rs_kstat_v4(this_cpu_ptr(pktstat_to_percpu(block)),
			    ip->protocol, addresses, name.first, name.second,
			    skb->len);
	local_irq_restore(flags);
	return NF_ACCEPT;
}

static __always_inline unsigned int
count_v6(void *block, const struct sk_buff *skb,
	 const struct nf_hook_state *state, u8 protocol)
{
	const struct ipv6hdr *ip = ipv6_hdr(skb);
	const u8 *source = ip->saddr.s6_addr;
	const u8 *destination = ip->daddr.s6_addr;
	struct name name = name_of(state->out);
	unsigned long flags;

	local_irq_save(flags);
	pktstat_rs_kstat_v6(this_cpu_ptr(pktstat_to_percpu(block)), protocol,
			    word_at(source), word_at(source + 8),
			    word_at(destination), word_at(destination + 8),
			    name.first, name.second, skb->len);
	local_irq_restore(flags);
	return NF_ACCEPT;
}

/* Apart, since a call amid the path of the others would cost them registers. */
static noinline unsigned int count_other_v6(void *block, struct sk_buff *skb,
					    const struct nf_hook_state *state)
{
	int protocol = ipv6_hdr(skb)->nexthdr;

	if (ipv6_ext_hdr(protocol)) {
		unsigned short fragment;
		unsigned int offset = 0;
		int found = ipv6_find_hdr(skb, &offset, -1, &fragment, NULL);

		if (found >= 0)
			protocol = found;
	}
	return count_v6(block, skb, state, protocol);
}

static unsigned int kstat_v6(void *block, struct sk_buff *skb,
			     const struct nf_hook_state *state)
{
	u8 protocol = ipv6_hdr(skb)->nexthdr;

	/* Most packets are one of these. */
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return count_other_v6(block, skb, state);
	return count_v6(block, skb, state, protocol);
}

static struct nf_hook_ops hooks[] = {
	{
		.hook		= kstat_v4,
		.pf		= NFPROTO_IPV4,
		.hooknum	= NF_INET_POST_ROUTING,
		.priority	= NF_IP_PRI_LAST,	/* as conntrack's confirm */
	},
	{
		.hook		= kstat_v6,
		.pf		= NFPROTO_IPV6,
		.hooknum	= NF_INET_POST_ROUTING,
		.priority	= NF_IP6_PRI_LAST,
	},
};

int pktstat_shim_kstat_hook(void *block)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		hooks[i].priv = block;
	return nf_register_net_hooks(&init_net, hooks, ARRAY_SIZE(hooks));
}

void pktstat_shim_kstat_unhook(void)
{
	nf_unregister_net_hooks(&init_net, hooks, ARRAY_SIZE(hooks));
}

/* --- What Rust calls ------------------------------------------------------- */

void pktstat_shim_random(void *to, size_t len)
{
	get_random_bytes(to, len);
}

/* --- /sys/kernel/kstat ----------------------------------------------------- */

static ssize_t enabled_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	int err = pktstat_check_access(FMODE_READ);

	return err ?: sysfs_emit(buf, "%d\n",
				 pktstat_rs_kstat_enabled(rust_kstat));
}

static ssize_t enabled_store(struct kobject *kobj, struct kobj_attribute *attr,
			     const char *buf, size_t len)
{
	int err = pktstat_check_access(FMODE_WRITE);
	bool enable;

	if (!err)
		err = kstrtobool(buf, &enable);
	if (!err)
		err = pktstat_rs_kstat_enable(rust_kstat, enable);
	return err ?: len;
}

static struct kobj_attribute enabled_attr = __ATTR_RW(enabled);

/* --- /proc/kstat ----------------------------------------------------------- */

/* Longer texts are no number, nor anything else that a file takes. */
#define WRITE_MAX 64

/* Copies what is written. Returns 0 or a negative errno. */
static int copy_text(char *text, const char __user *from, size_t len)
{
	if (len > WRITE_MAX)
		return -EINVAL;
	return copy_from_user(text, from, len) ? -EFAULT : 0;
}

static int counter_open(struct inode *inode, struct file *file)
{
	return pktstat_check_access(file->f_mode);
}

static ssize_t counter_read(struct file *file, char __user *to, size_t len,
			    loff_t *pos)
{
	char text[PKTSTAT_KSTAT_COUNTER_TEXT];
	size_t size = pktstat_rs_kstat_counter(rust_kstat, text);

	return simple_read_from_buffer(to, len, pos, text, size);
}

static ssize_t counter_write(struct file *file, const char __user *from,
			     size_t len, loff_t *pos)
{
	char text[WRITE_MAX];
	int err = copy_text(text, from, len);

	if (!err)
		err = pktstat_rs_kstat_set_counter(rust_kstat, text, len);
	return err ?: len;
}

static const struct proc_ops counter_ops = {
	.proc_open	= counter_open,
	.proc_read	= counter_read,
	.proc_write	= counter_write,
	.proc_lseek	= default_llseek,
};

/* The text is made when the file is opened, and does not change then. */
static int nout_open(struct inode *inode, struct file *file)
{
	int err = pktstat_check_access(file->f_mode);

	file->private_data = NULL;
	if (!err && file->f_mode & FMODE_READ)
		err = pktstat_rs_kstat_nout_open(rust_kstat, &file->private_data);
	return err;
}

static ssize_t nout_read(struct file *file, char __user *to, size_t len,
			 loff_t *pos)
{
	size_t size;
	const char *text = pktstat_rs_kstat_nout_text(file->private_data,
						      &size);

	return simple_read_from_buffer(to, len, pos, text, size);
}

static ssize_t nout_write(struct file *file, const char __user *from,
			  size_t len, loff_t *pos)
{
	char text[WRITE_MAX];
	int err = copy_text(text, from, len);

	if (!err)
		err = pktstat_rs_kstat_nout_write(rust_kstat, text, len);
	return err ?: len;
}

static int nout_release(struct inode *inode, struct file *file)
{
	if (file->private_data)
		pktstat_rs_kstat_nout_release(file->private_data);
	return 0;
}

static const struct proc_ops nout_ops = {
	.proc_open	= nout_open,
	.proc_read	= nout_read,
	.proc_write	= nout_write,
	.proc_lseek	= default_llseek,
	.proc_release	= nout_release,
};

/* --- The module ------------------------------------------------------------ */

static struct kobject *sysfs_dir;
static struct proc_dir_entry *proc_dir;
static int cpu_state;

/*
 * Called by another CPU, with the lock of CPU hotplug held for writing: before
 * anything runs on the CPU, and when nothing does any more. No CPU is kept
 * from coming: without memory its packets are counted as `other`.
 */
static int cpu_comes(unsigned int cpu)
{
	pktstat_rs_kstat_cpu(rust_kstat, cpu, true);
	return 0;
}

static int cpu_has_gone(unsigned int cpu)
{
	pktstat_rs_kstat_cpu(rust_kstat, cpu, false);
	return 0;
}

static int __init create_proc_files(void)
{
	struct proc_dir_entry *nout;

	proc_dir = proc_mkdir("kstat", NULL);
	if (!proc_dir)
		return -ENOMEM;
	nout = proc_create("nout", 0640, proc_dir, &nout_ops);
	if (!nout || !proc_create("counter", 0644, proc_dir, &counter_ops)) {
		proc_remove(proc_dir);
		return -ENOMEM;
	}
	proc_set_user(nout, GLOBAL_ROOT_UID, KGIDT_INIT(pktstat_gid));
	return 0;
}

int __init pktstat_kstat_init(void)
{
	int err;

	rust_kstat = pktstat_rs_kstat_new();
	if (!rust_kstat)
		return -ENOMEM;
	/* Calls cpu_comes() for those that are there. */
	cpu_state = cpuhp_setup_state(CPUHP_BP_PREPARE_DYN,
				      "net/xt_pktstat:prepare", cpu_comes,
				      cpu_has_gone);
	err = cpu_state;
	if (err < 0)
		goto err_kstat;
	err = create_proc_files();
	if (err)
		goto err_cpus;

	err = -ENOMEM;
	sysfs_dir = kobject_create_and_add("kstat", kernel_kobj);
	if (!sysfs_dir)
		goto err_proc;
	err = sysfs_create_file(sysfs_dir, &enabled_attr.attr);
	if (err)
		goto err_sysfs;
	return 0;

err_sysfs:
	kobject_put(sysfs_dir);
err_proc:
	proc_remove(proc_dir);
err_cpus:
	cpuhp_remove_state_nocalls(cpu_state);
err_kstat:
	pktstat_rs_kstat_free(rust_kstat);
	return err;
}

/* Removing a file waits for its readers and writers, and releases open ones. */
void pktstat_kstat_exit(void)
{
	sysfs_remove_file(sysfs_dir, &enabled_attr.attr);
	kobject_put(sysfs_dir);
	proc_remove(proc_dir);
	cpuhp_remove_state_nocalls(cpu_state);
	pktstat_rs_kstat_free(rust_kstat);
}
