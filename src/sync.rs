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

                fn pass(&self) -> &atomic::$name {
                    self.turnstile.store(true, Ordering::Relaxed);
                    &self.atomic
                }

                /// As loom's.
                pub fn load(&self, order: Ordering) -> $value {
                    self.pass().load(order)
                }

                /// As loom's.
                pub fn store(&self, value: $value, order: Ordering) {
                    self.pass().store(value, order);
                }

                /// As loom's.
                pub fn compare_exchange(
                    &self,
                    current: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    self.pass().compare_exchange(current, new, success, failure)
                }

                /// As loom's.
                pub fn compare_exchange_weak(
                    &self,
                    current: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    self.pass()
                        .compare_exchange_weak(current, new, success, failure)
                }
            }
        };
    }
    behind_turnstile!(AtomicBool, bool);
    behind_turnstile!(AtomicU32, u32);
    behind_turnstile!(AtomicU64, u64);

    impl AtomicU64 {
        /// As loom's.
        pub fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
            self.pass().fetch_add(value, order)
        }
    }
}
