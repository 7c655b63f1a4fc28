// SPDX-License-Identifier: GPL-2.0-or-later
//! The only file that names atomics: the machine's, or loom's, which tries every interleaving. And
//! what a lock does.

use core::convert::Infallible;

#[cfg(not(pktstat_loom))]
pub use core::sync::atomic::{fence, AtomicBool, AtomicU32, AtomicU64, Ordering};
#[cfg(pktstat_loom)]
pub use loom::sync::atomic::{fence, Ordering};
#[cfg(pktstat_loom)]
pub use marked::{AtomicBool, AtomicU32, AtomicU64};

/// What one CPU at a time may use, with interrupts off.
pub trait Exclusive<T> {
    /// Waits for it, and uses it.
    fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> R;
}

/// For those that have none.
impl<T> Exclusive<T> for Infallible {
    fn with<R>(&self, _: impl FnOnce(&mut T) -> R) -> R {
        match *self {}
    }
}

/// Waits a moment for another CPU. Any context; the other CPU must not be waiting for this one.
pub fn relax() {
    #[cfg(not(pktstat_loom))]
    core::hint::spin_loop();
    #[cfg(pktstat_loom)]
    loom::thread::yield_now();
}

/// Loom's atomics, each with a conflict marker.
///
/// Loom tries two accesses in both orders where one races with the last one before it, and keeps
/// the last one only: a thread that loads what it is going to store hides the loads of others from
/// its store, and most interleavings are never tried. So each access first stores to a marker
/// beside the variable: all stores race. Nothing loads it, so it orders nothing that the code does
/// not order itself.
#[cfg(pktstat_loom)]
mod marked {
    use core::ops::Deref;
    use loom::sync::atomic::{self, Ordering};

    macro_rules! with_marker {
        ($name:ident, $value:ty) => {
            /// As loom's.
            #[derive(Default, Debug)]
            pub struct $name {
                conflict_marker: atomic::AtomicBool,
                atomic: atomic::$name,
            }

            impl $name {
                /// As loom's.
                pub fn new(value: $value) -> Self {
                    Self {
                        conflict_marker: atomic::AtomicBool::new(false),
                        atomic: atomic::$name::new(value),
                    }
                }
            }

            /// Each access is marked first.
            impl Deref for $name {
                type Target = atomic::$name;
                fn deref(&self) -> &Self::Target {
                    self.conflict_marker.store(true, Ordering::Relaxed);
                    &self.atomic
                }
            }
        };
    }
    with_marker!(AtomicBool, bool);
    with_marker!(AtomicU32, u32);
    with_marker!(AtomicU64, u64);
}
