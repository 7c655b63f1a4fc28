/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boundary between the halves, read by gcc and by bindgen.
 *
 * pktstat_shim_*: C, called by Rust. pktstat_rs_*: Rust, called by C. A
 * pointer that Rust gets here is opaque to it unless this file says what it
 * points to. Functions that return int return 0 or a negative errno.
 */
#ifndef PKTSTAT_SHIM_H
#define PKTSTAT_SHIM_H

#include <linux/types.h>
#ifndef __KERNEL__
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#endif

struct sk_buff;
struct xt_action_param;
struct proc_dir_entry;
struct file;
struct poll_table_struct;
struct pktstat_mutex;
struct pktstat_spinlock;
struct pktstat_timer;
struct pktstat_work;

/* Where xt_action_param has the rule's config; checked against each kernel. */
#define PKTSTAT_PAR_MATCHINFO 8
/* Where skb_shared_info has gso_size; the same. */
#define PKTSTAT_INFO_GSO_SIZE 4

/* match.c: the match and the network namespaces */

extern const __u32 pktstat_shim_skb_len_offset;
extern const __u32 pktstat_shim_skb_head_offset;
extern const __u32 pktstat_shim_skb_end_offset;
extern unsigned int pktstat_shim_max_memory_mib;
extern unsigned int pktstat_shim_max_counters;

/*
 * For rules of revision 1 and of revision 0, as all that ends in 0. On x86-64;
 * on arm64 the match is the shim's, and add_segments() too.
 */
bool pktstat_rs_match(const struct sk_buff *skb, struct xt_action_param *par);
bool pktstat_rs_match0(const struct sk_buff *skb, struct xt_action_param *par);
int pktstat_rs_check(void *net_state, void *info, bool is_revision0, void *net,
		     __u32 uid, __u32 gid);
void pktstat_rs_destroy(void *net_state, __u64 counter);
void *pktstat_rs_net_init(struct proc_dir_entry *dir);
void pktstat_rs_net_exit(void *net_state);

/*
 * What the fast path reads of a CPU's block, and adds packets to; from `bar`
 * on with --above only.
 */
struct pktstat_block {
	__u64 base_ticks;
	__u64 span_ticks;
	__u64 recent;
	__u64 others[13];
	__u64 bar;
	__u64 granted;
	__u64 mask;
	__u64 matched_frames;
	__u64 matched_bytes;
};

/* See src/stat/{tally,cpu,threshold}.rs, which are held to these. */
#define PKTSTAT_RECENT_FRAME_BIT 40
#define PKTSTAT_RECENT_FRAMES_MAX 256
#define PKTSTAT_SHIFTED_TICKS_BIT 63
#define PKTSTAT_ABOVE (~0ULL)

/*
 * The packet path's way out when a window may have ended: interrupts off, on
 * whichever CPU that is, then Rust on its block, with ticks read there.
 * roll_over: a packet is a frame. roll_over_wire: it counts as so much.
 * recount: it is counted already. All return the match's result, true but
 * with above: there it says itself whether the packet is counted already.
 */
bool pktstat_shim_roll_over(void *block, __u64 bytes);
bool pktstat_shim_roll_over_wire(void *block, __u64 frames, __u64 bytes);
bool pktstat_shim_recount(void *block, __u64 frames, __u64 bytes);
bool pktstat_shim_above(void *block, __u64 frames, __u64 bytes,
			bool is_counted);
void pktstat_rs_roll_over(void *block, __u64 bytes, __u64 ticks);
void pktstat_rs_roll_over_wire(void *block, __u64 frames, __u64 bytes,
			       __u64 ticks);
void pktstat_rs_recount(void *block, __u64 frames, __u64 bytes, __u64 ticks);
bool pktstat_rs_above(void *block, __u64 frames, __u64 bytes, bool is_counted,
		      __u64 ticks);

/*
 * --wire and a GSO packet: what its segments are, and to count that. The
 * match's result.
 */
bool pktstat_shim_count_segments(const struct sk_buff *skb, void *block,
				 bool is_above);
bool pktstat_rs_count_segments(__u64 block, __u64 frames, __u64 bytes,
			       bool is_above);

/* clock.c */

/* CLOCK_REALTIME from `ticks` on; see src/stat/clock.rs. */
struct pktstat_line {
	__u64 ticks;
	__u64 base_ns;
	__u64 fraction;
	__s64 offset_ns;
	__u32 mult;
	__u32 nominal_mult;
	__u32 shift;
	__u32 khz;		/* of the ticks; 0: not to be relied on */
	bool goes_by_ticks;
};

bool pktstat_rs_clock_set(const struct pktstat_line *line);

/* kernel.c: memory, CPUs, locks, RCU, clocks, log */

void *pktstat_shim_alloc(size_t size, int cpu);	/* zeroed, for the cgroup */
void pktstat_shim_free(void *memory);
void *pktstat_shim_percpu_alloc(size_t size, size_t align);
void pktstat_shim_percpu_free(void *block);
void *pktstat_shim_percpu_on(void *block, int cpu);
int pktstat_shim_next_cpu(int cpu);		/* possible ones; -1: no more */

/* Lower ranks are taken before higher ones. */
#define PKTSTAT_MUTEX_RANKS 5
struct pktstat_mutex *pktstat_shim_mutex_new(__u32 rank);
void pktstat_shim_mutex_free(struct pktstat_mutex *mutex);
void pktstat_shim_lock(struct pktstat_mutex *mutex);
void pktstat_shim_unlock(struct pktstat_mutex *mutex);

/* Raw: taken with interrupts off. */
struct pktstat_spinlock *pktstat_shim_spinlock_new(void);
void pktstat_shim_spinlock_free(struct pktstat_spinlock *lock);
void pktstat_shim_spin_lock(struct pktstat_spinlock *lock);
void pktstat_shim_spin_unlock(struct pktstat_spinlock *lock);
unsigned long pktstat_shim_irq_save(void);
void pktstat_shim_irq_restore(unsigned long flags);

void pktstat_shim_synchronize_rcu(void);
/* Starts a grace period; whether the one that was started then is over. */
__u64 pktstat_shim_rcu_start(void);
bool pktstat_shim_rcu_is_over(__u64 since);
void pktstat_shim_cond_resched(void);

__u64 pktstat_shim_now_ns(void);		/* CLOCK_REALTIME */
__u64 pktstat_shim_ticks(void);

void pktstat_shim_warn(const char *text, size_t len);	/* rate-limited */
void pktstat_shim_bug(void);

/* poll.c */

/* Wakes its pollers in a while: the earliest that was asked for. */
struct pktstat_timer *pktstat_shim_timer_new(void);
void pktstat_shim_timer_free(struct pktstat_timer *timer);
void pktstat_shim_timer_start(struct pktstat_timer *timer, __u64 in_ns);

/* Puts a poller among those of `timer`. */
void pktstat_shim_poll_wait(struct pktstat_timer *timer, struct file *file,
			    struct poll_table_struct *table);
bool pktstat_shim_is_polled(struct pktstat_timer *timer);
/* Wakes the pollers of `timer` now. */
void pktstat_shim_wake(struct pktstat_timer *timer);
/* The same when the files are gone: nobody can wait there any more. */
void pktstat_shim_hang_up(struct pktstat_timer *timer);

/* work.c: has a task call pktstat_rs_collect() with a counter. */

struct pktstat_work *pktstat_shim_work_new(void);
void pktstat_shim_work_free(struct pktstat_work *work);
void pktstat_shim_work_for(struct pktstat_work *work, const void *counter);
/* Any context. */
void pktstat_shim_work_start(struct pktstat_work *work);
/* Waits until it does not run. */
void pktstat_shim_work_cancel(struct pktstat_work *work);
void pktstat_rs_collect(const void *counter);

/* proc.c */

struct proc_dir_entry *pktstat_shim_proc_dir(const char *name,
					     struct proc_dir_entry *parent,
					     void *net);
int pktstat_shim_proc_data(struct proc_dir_entry *dir, void *counter,
			   __u32 uid, __u32 gid);
int pktstat_shim_proc_history(struct proc_dir_entry *dir, void *counter,
			      __u32 uid, __u32 gid);
int pktstat_shim_proc_status(struct proc_dir_entry *dir, void *counter,
			     __u32 uid, __u32 gid);
void pktstat_shim_proc_remove(struct proc_dir_entry *entry);
/* Bytes that could not be copied. May sleep. */
size_t pktstat_shim_copy_to_user(void *to, const void *from, size_t len);
bool pktstat_shim_signal_pending(void);

/* Around a read, which may be kept waiting for ever by the page it writes to. */
bool pktstat_rs_read_begin(void *counter);
void pktstat_rs_read_end(void *counter);
int pktstat_rs_data_open(void *counter, bool history, void **open);
ssize_t pktstat_rs_data_read(void *open, void *to, size_t len);
bool pktstat_rs_data_poll(void *open, struct file *file,
			  struct poll_table_struct *table);
void pktstat_rs_data_release(void *open);
size_t pktstat_rs_status(void *counter, char *text, size_t size);

/* kstat.c */

extern unsigned int pktstat_shim_kstat_entries;

/* Packets go to `block`, a per-CPU allocation; once unhooked, until RCU says. */
int pktstat_shim_kstat_hook(void *block);
void pktstat_shim_kstat_unhook(void);

void pktstat_shim_random(void *to, size_t len);

/*
 * Interrupts off; `cpu` is this CPU's part of the block. What is counted
 * together is passed as words of its bytes: both addresses, as they stand in
 * the packet, and the device's name.
 */
void pktstat_rs_kstat_v4(const void *cpu, __u8 protocol, __u64 addresses,
			 __u64 name0, __u64 name1, __u32 bytes);
void pktstat_rs_kstat_v6(const void *cpu, __u8 protocol, __u64 source0,
			 __u64 source1, __u64 destination0, __u64 destination1,
			 __u64 name0, __u64 name1, __u32 bytes);

/* All that follows may sleep. */
void *pktstat_rs_kstat_new(void);
void pktstat_rs_kstat_free(void *kstat);
bool pktstat_rs_kstat_enabled(void *kstat);
int pktstat_rs_kstat_enable(void *kstat, bool enable);
/* A CPU is about to come, or has gone: nothing runs there. */
void pktstat_rs_kstat_cpu(void *kstat, int cpu, bool is_up);

#define PKTSTAT_KSTAT_COUNTER_TEXT 11
size_t pktstat_rs_kstat_counter(void *kstat, char *text);
int pktstat_rs_kstat_set_counter(void *kstat, const char *text, size_t len);

int pktstat_rs_kstat_nout_open(void *kstat, void **open);
const char *pktstat_rs_kstat_nout_text(const void *open, size_t *len);
void pktstat_rs_kstat_nout_release(void *open);
int pktstat_rs_kstat_nout_write(void *kstat, const char *text, size_t len);

/* update_stats.c, update_stats_*.c */

#define PKTSTAT_FIELDS		23	/* that rtnl_link_stats64 begins with */
#define PKTSTAT_ALL_MAX		1024	/* the text of `all` */
#define PKTSTAT_NAME_MAX	127	/* of an interface, if alternative */
#define PKTSTAT_ESCAPED_MAX	60

/* Rust's, see src/update_stats/shown.rs. Zeroed: nothing was written. */
struct pktstat_known {
	__u64 own[PKTSTAT_FIELDS];
	__u32 epoch;
};

struct pktstat_shown {
	struct pktstat_known known;
	__u64 values[PKTSTAT_FIELDS];
	__u32 written;
};

/* Values for the fields whose bit is set in `which`. */
struct pktstat_update {
	__u64 values[PKTSTAT_FIELDS];
	__u32 which;
};

struct pktstat_command {
	char name[PKTSTAT_NAME_MAX + 1];
	bool on;
};

const char *pktstat_rs_field_name(size_t field);
/* Reads what was written; PKTSTAT_FIELDS and beyond: to `all`. */
int pktstat_rs_update(struct pktstat_update *update, size_t field,
		      const char *text, size_t len);
/*
 * Takes a reading of the device that began when @before was known, turns it
 * into what is shown and, unless @update is NULL, writes that. One caller at
 * a time for each @shown.
 */
void pktstat_rs_shown(struct pktstat_shown *shown,
		      const struct pktstat_known *before, __u64 *reading,
		      const struct pktstat_update *update);
size_t pktstat_rs_all(const __u64 *values, char *text);
int pktstat_rs_command(struct pktstat_command *command, const char *text,
		       size_t len);
bool pktstat_rs_name_reserved(const char *name, size_t len);
size_t pktstat_rs_name_escape(const char *name, size_t len, char *text);

#endif
