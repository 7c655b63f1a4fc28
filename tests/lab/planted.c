// SPDX-License-Identifier: GPL-2.0-or-later
/* Bugs in C beside those of planted.rs, and the parameter that calls either. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

void pktstat_rs_plant(u32 which);
void pktstat_rs_race(void);

static DEFINE_SPINLOCK(one);
static DEFINE_SPINLOCK(other);
static DEFINE_MUTEX(mutex);

static const char *const in_rust[] = {
	"rust_write", "rust_read", "rust_copy", "rust_stack", "rust_global",
	"rust_freed",
};

static void take_both(spinlock_t *first, spinlock_t *second)
{
	spin_lock(first);
	spin_lock(second);
	spin_unlock(second);
	spin_unlock(first);
}

static noinline void race_in_c(void)
{
	static u64 raced __maybe_unused;

	raced++;
}

static int other_side(void *step)
{
	while (!kthread_should_stop()) {
		((void (*)(void))step)();
		cond_resched();
	}
	return 0;
}

static int race(void (*step)(void))
{
	struct task_struct *other = kthread_run(other_side, step, "planted");
	int i;

	if (IS_ERR(other))
		return PTR_ERR(other);
	for (i = 0; i < 1000000; i++) {
		step();
		cond_resched();
	}
	return kthread_stop(other);
}

static int plant(const char *name, const struct kernel_param *param)
{
	int which = sysfs_match_string(in_rust, name);
	volatile u8 *memory;

	if (which >= 0) {
		pktstat_rs_plant(which);
		return 0;
	}
	if (sysfs_streq(name, "c_race"))
		return race(race_in_c);
	if (sysfs_streq(name, "rust_race"))
		return race(pktstat_rs_race);
	memory = kmalloc(60, GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	if (sysfs_streq(name, "c_write")) {
		OPTIMIZER_HIDE_VAR(memory);
		memory[60] = 1;
	} else if (sysfs_streq(name, "c_freed")) {
		kfree((void *)memory);
		OPTIMIZER_HIDE_VAR(memory);
		return memory[0] > 0;
	} else if (sysfs_streq(name, "c_leak")) {
		memory = NULL;
	} else if (sysfs_streq(name, "sleep")) {
		spin_lock(&one);
		mutex_lock(&mutex);
		mutex_unlock(&mutex);
		spin_unlock(&one);
	} else if (sysfs_streq(name, "deadlock")) {
		take_both(&one, &other);
		take_both(&other, &one);
	} else if (!sysfs_streq(name, "nothing")) {
		kfree((void *)memory);
		return -EINVAL;
	}
	kfree((void *)memory);
	return 0;
}

static const struct kernel_param_ops ops = { .set = plant };
module_param_cb(plant, &ops, NULL, 0200);
MODULE_PARM_DESC(plant, "a bug to fall into");
