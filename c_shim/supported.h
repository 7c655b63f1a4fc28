/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernels that it would not run on are refused. Kbuild includes this first. */
#ifndef PKTSTAT_SUPPORTED_H
#define PKTSTAT_SUPPORTED_H

#include <linux/version.h>

/* PKTSTAT_WITHOUT_*: Kbuild has not found it among what modules may use. */

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#error "xt_pktstat needs Linux 5.10 or newer"
#endif

#ifdef PKTSTAT_WITHOUT_clock_notifier
#error "xt_pktstat needs pvclock_gtod_register_notifier(), which says when the clock is set"
#endif

#if defined(CONFIG_X86_64) && !defined(CONFIG_SMP) && \
	LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#error "xt_pktstat needs CONFIG_SMP: without it x86-64 kept per-CPU memory elsewhere up to 6.14"
#endif
#if defined(CONFIG_UML) || \
	(!defined(CONFIG_X86_64) && !defined(CONFIG_ARM64)) || \
	defined(CONFIG_CPU_BIG_ENDIAN)
#error "xt_pktstat runs on x86-64 and on little-endian arm64: it has no Rust half for anything else"
#endif

#endif
