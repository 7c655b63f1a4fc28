// SPDX-License-Identifier: GPL-2.0-or-later
//! What is shown of an interface more than its device has counted itself.
//!
//! A latch: two copies, of which the writer changes one while readers use the other. So readers
//! see all of a write or nothing of it, wait for no writer, not even for one that was preempted
//! half-way, and may be in any context.

use super::field::FIELDS;
use crate::sync::{fence, AtomicU32, AtomicU64, Ordering};
use core::array;

/// A delta for each field; wrapping, so a number can be set back.
///
/// Zeroed memory is a valid one, in which nothing has been written.
#[derive(Default)]
#[repr(C)]
pub struct Deltas<const N: usize = FIELDS> {
    /// Even: readers use the first copy. Odd: the first is being changed, they use the second.
    turn: AtomicU32,
    first: Copy<N>,
    second: Copy<N>,
}

#[repr(transparent)]
struct Copy<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Copy<N> {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl<const N: usize> Copy<N> {
    fn load(&self) -> [u64; N] {
        let mut values = [0; N];
        for (value, its) in values.iter_mut().zip(&self.0) {
            *value = its.load(Ordering::Relaxed);
        }
        values
    }

    fn store(&self, values: &[u64; N]) {
        for (its, value) in self.0.iter().zip(values) {
            its.store(*value, Ordering::Relaxed);
        }
    }
}

impl<const N: usize> Deltas<N> {
    /// All of them as one write left them. Any context.
    ///
    /// Who adds them to a device's numbers reads them before those. Then numbers that were read
    /// before a write never meet its deltas, and nothing is ever shown as less than was written.
    pub fn get(&self) -> [u64; N] {
        loop {
            let turn = self.turn.load(Ordering::Acquire);
            let values = if turn & 1 == 0 {
                self.first.load()
            } else {
                self.second.load()
            };
            // A value of a later write brings the later turn with it.
            fence(Ordering::Acquire);
            if self.turn.load(Ordering::Relaxed) == turn {
                return values;
            }
        }
    }

    /// Has the values of `update` shown of a device that has counted `own`. One writer at a time.
    pub fn set(&self, own: &[u64; N], update: impl Iterator<Item = Option<u64>>) {
        // With one writer and no write going on, the turn is even and both copies are alike.
        let turn = self.turn.load(Ordering::Relaxed);
        let mut values = self.first.load();
        for ((value, own), new) in values.iter_mut().zip(own).zip(update) {
            if let Some(new) = new {
                *value = new.wrapping_sub(*own);
            }
        }
        self.turn.store(turn.wrapping_add(1), Ordering::Release);
        fence(Ordering::Release);
        self.first.store(&values);
        self.turn.store(turn.wrapping_add(2), Ordering::Release);
        fence(Ordering::Release);
        self.second.store(&values);
    }
}

#[cfg(all(test, not(pktstat_loom)))]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;

    fn shown<const N: usize>(deltas: &Deltas<N>, own: &[u64; N]) -> [u64; N] {
        let mut values = deltas.get();
        for (value, own) in values.iter_mut().zip(own) {
            *value = own.wrapping_add(*value);
        }
        values
    }

    proptest! {
        #[test]
        fn what_was_written_is_shown_and_what_is_counted_later_is_added(
            writes in proptest::collection::vec((any::<[Option<u64>; 3]>(), any::<[u32; 3]>()), 0..20),
        ) {
            let deltas = Deltas::<3>::default();
            let mut own = [0_u64; 3];
            let mut model = [0_u64; 3];
            for (wanted, counted) in writes {
                deltas.set(&own, wanted.into_iter());
                for i in 0..3 {
                    model[i] = wanted[i].unwrap_or(model[i]);
                }
                prop_assert_eq!(shown(&deltas, &own), model);
                for i in 0..3 {
                    own[i] += u64::from(counted[i]);
                    model[i] = model[i].wrapping_add(counted[i].into());
                }
                prop_assert_eq!(shown(&deltas, &own), model);
            }
        }
    }
}
