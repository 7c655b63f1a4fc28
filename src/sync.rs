// SPDX-License-Identifier: GPL-2.0-or-later
//! The only file that names atomics: the machine's, or loom's, which tries every interleaving.

#[cfg(not(pktstat_loom))]
pub use core::sync::atomic::{fence, AtomicBool, AtomicU32, AtomicU64, Ordering};
#[cfg(pktstat_loom)]
pub use loom::sync::atomic::{fence, Ordering};
#[cfg(pktstat_loom)]
pub use turnstile::{AtomicBool, AtomicU32, AtomicU64};

/// Waits a moment for another CPU. Any context; the other CPU must not be waiting for this one.
pub fn relax() {
    #[cfg(not(pktstat_loom))]
    core::hint::spin_loop();
    #[cfg(pktstat_loom)]
    loom::thread::yield_now();
}

/// Loom's atomics, behind turnstiles.
///
/// Loom tries two accesses in both orders where one races with the last one before it, and keeps
/// the last one only: a thread that loads what it is going to store hides the loads of others from
/// its store, and most interleavings are never tried. So each access first stores to a turnstile
/// beside the variable: all stores race. Nobody loads it, so it orders nothing that the code does
/// not order itself.
#[cfg(pktstat_loom)]
mod turnstile {
    use core::ops::Deref;
    use loom::sync::atomic::{self, Ordering};

    macro_rules! behind_turnstile {
        ($name:ident, $value:ty) => {
            /// As loom's.
            #[derive(Default, Debug)]
            pub struct $name {
                turnstile: atomic::AtomicBool,
                atomic: atomic::$name,
            }

            impl $name {
                /// As loom's.
                pub fn new(value: $value) -> Self {
                    Self {
                        turnstile: atomic::AtomicBool::new(false),
                        atomic: atomic::$name::new(value),
                    }
                }
            }

            /// Whoever goes to the variable passes its turnstile.
            impl Deref for $name {
                type Target = atomic::$name;
                fn deref(&self) -> &Self::Target {
                    self.turnstile.store(true, Ordering::Relaxed);
                    &self.atomic
                }
            }
        };
    }
    behind_turnstile!(AtomicBool, bool);
    behind_turnstile!(AtomicU32, u32);
    behind_turnstile!(AtomicU64, u64);
}
