/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the shim's files ask of each other. Rust never sees it. */
#ifndef PKTSTAT_MODULE_H
#define PKTSTAT_MODULE_H

/* The pollers of a counter wait here; see proc.c. */
struct wait_queue_head *pktstat_pollers(const void *key);
void pktstat_proc_init(void);
void pktstat_proc_exit(void);

#endif
