// SPDX-License-Identifier: GPL-2.0-or-later
//! The only file that names atomics: the machine's, or loom's, which tries every interleaving.

#[cfg(not(pktstat_loom))]
pub use core::sync::atomic::{fence, AtomicBool, AtomicU32, AtomicU64, Ordering};
#[cfg(pktstat_loom)]
pub use loom::sync::atomic::{fence, AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Waits a moment for another CPU. Any context; the other CPU must not be waiting for this one.
pub fn relax() {
    #[cfg(not(pktstat_loom))]
    core::hint::spin_loop();
    #[cfg(pktstat_loom)]
    loom::thread::yield_now();
}
