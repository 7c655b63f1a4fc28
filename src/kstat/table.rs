// SPDX-License-Identifier: GPL-2.0-or-later
//! A bounded table of flows: rows in the order of their arrival, found through a hashed index.

use super::flow::{Flow, Secret};
use core::ops::DerefMut;

/// Where tables live: the kernel's memory, or a test's.
pub trait Memory {
    /// A fixed number of values, which it owns.
    type Array<T>: DerefMut<Target = [T]>;
}

/// One flow and what is known about it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct FlowRow<T> {
    /// The flow.
    pub flow: Flow,
    /// What is known.
    pub value: T,
}

/// A slot of the index: 0 where it is free, else the row's number xor the `mark` of its flow. With the
/// mark of another flow that is hardly ever the number of a row.
pub type IndexSlot = u32;

/// The high half of a hash, whose low bits say which slot. The highest bit is set, which no number has: so a
/// slot that is taken is not 0, and a free one leads to no row.
#[inline(always)]
fn mark(hash: u64) -> IndexSlot {
    // CAST: 32 bits are left.
    (hash >> 32) as IndexSlot | 1 << 31
}

/// Slots looked at for one flow. The index is at most half full: with a secret hash, about one
/// search in 10^11 would need more, and then its flow counts as one that does not fit.
const PROBES: usize = 128;

/// Most rows of a table.
pub const ROWS_MAX: usize = 1 << 20;

/// How many slots the index of a table with this many rows has.
pub fn slots(rows: usize) -> usize {
    rows.clamp(1, ROWS_MAX).wrapping_mul(2).next_power_of_two()
}

/// The table.
///
/// # Invariants
///
/// The index has `mask + 1` slots, a power of two and at least twice the rows, so a search
/// always ends at a free slot or at `PROBES`. The rows below `used` are those the index names.
pub struct Table<M: Memory, T> {
    secret: Secret,
    mask: usize,
    used: usize,
    index: M::Array<IndexSlot>,
    rows: M::Array<FlowRow<T>>,
}

impl<M: Memory, T: Copy + Default> Table<M, T> {
    /// An empty table in `index`, all zeros and [`slots`] of the rows long, and `rows`.
    pub fn new(
        secret: Secret,
        index: M::Array<IndexSlot>,
        rows: M::Array<FlowRow<T>>,
    ) -> Option<Self> {
        if rows.len() > ROWS_MAX || index.len() != slots(rows.len()) {
            return None;
        }
        // INVARIANT: `slots` is a power of two and twice the rows or more.
        Some(Self {
            secret,
            mask: index.len().wrapping_sub(1),
            used: 0,
            index,
            rows,
        })
    }

    /// How many flows fit.
    pub fn capacity(&self) -> usize {
        self.rows.len()
    }

    /// Goes on in other memory, as [`Table::new`] wants it, while no row is used. Whether it does.
    pub fn move_to(&mut self, index: M::Array<IndexSlot>, rows: M::Array<FlowRow<T>>) -> bool {
        let moved = Self::new(self.secret, index, rows).filter(|_| self.used == 0);
        moved.map(|moved| *self = moved).is_some()
    }

    /// The value of a flow that is where it is looked for first, as nearly all are.
    #[inline(always)]
    pub fn value_at_once(&mut self, flow: &Flow) -> Option<&mut T> {
        let hash = self.secret.hash(flow);
        // CAST: the mask takes low bits.
        let slot = *self.index.get(hash as usize & self.mask)?;
        let number = (slot ^ mark(hash)) as usize;
        let row = self.rows.get_mut(number).filter(|_| number < self.used)?;
        (*flow == row.flow).then_some(&mut row.value)
    }

    /// The value of a flow, a new row's where it has none; `None` where no row is free.
    pub fn value(&mut self, flow: &Flow) -> Option<&mut T> {
        let number = self.number(flow)?;
        self.rows.get_mut(number).map(|row| &mut row.value)
    }

    fn number(&mut self, flow: &Flow) -> Option<usize> {
        let hash = self.secret.hash(flow);
        let mut at = hash as usize;
        for _ in 0..PROBES {
            let slot = self.index.get_mut(at & self.mask)?;
            if *slot == 0 {
                let number = self.used;
                let row = self.rows.get_mut(number)?;
                row.flow = *flow;
                row.value = T::default();
                self.used = number.wrapping_add(1);
                // CAST: less than ROWS_MAX.
                *slot = mark(hash) ^ number as IndexSlot;
                return Some(number);
            }
            let number = (*slot ^ mark(hash)) as usize;
            if self.rows().get(number).is_some_and(|row| row.flow == *flow) {
                return Some(number);
            }
            at = at.wrapping_add(1);
        }
        None
    }

    /// The rows, in the order of their arrival.
    pub fn rows(&self) -> &[FlowRow<T>] {
        self.rows.get(..self.used).unwrap_or_default()
    }

    /// The rows, to change their values.
    pub fn rows_mut(&mut self) -> &mut [FlowRow<T>] {
        self.rows.get_mut(..self.used).unwrap_or_default()
    }

    /// Empties the table.
    pub fn clear(&mut self) {
        if self.used != 0 {
            self.index.fill(0);
            self.used = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::flow::tests::{flow, SECRET};
    use super::*;
    use std::{vec, vec::Vec};

    struct Heap;
    impl Memory for Heap {
        type Array<T> = Vec<T>;
    }

    fn table(rows: usize) -> Table<Heap, u64> {
        Table::new(SECRET, vec![0; slots(rows)], vec![FlowRow::default(); rows]).unwrap()
    }

    /// How many of `flows` fit into `rows`.
    fn fit(rows: usize, flows: u32) -> usize {
        let mut table = table(rows);
        (0..flows)
            .filter(|number| table.value(&flow(*number)).is_some())
            .count()
    }

    #[test]
    fn exactly_as_many_flows_fit_as_there_are_rows() {
        for rows in [0, 1, 2, 3, 64] {
            assert_eq!(fit(rows, 100), rows);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn many_flows_fit_too() {
        for rows in [1000, 4096] {
            assert_eq!(fit(rows, 10_000), rows);
        }
        assert_eq!(fit(ROWS_MAX, ROWS_MAX as u32 + 1), ROWS_MAX);
    }

    #[test]
    fn each_flow_keeps_its_own_value_in_the_order_of_arrival() {
        let mut table = table(1000);
        for number in (0..1000).chain(0..2000) {
            if let Some(value) = table.value(&flow(number)) {
                *value += u64::from(number) + 1;
            }
        }
        for (number, row) in table.rows().iter().enumerate() {
            assert_eq!(row.flow, flow(number as u32));
            assert_eq!(row.value, 2 * (number as u64 + 1));
        }
    }

    /// A flow whose hash is this, with a secret of zeros.
    fn flow_of_hash(hash: u64) -> Flow {
        Flow::v4(1, 0, [hash, 0])
    }

    fn table_of_hashes(rows: usize) -> Table<Heap, u64> {
        let secret = Secret::new([0; 9]);
        Table::new(secret, vec![0; slots(rows)], vec![FlowRow::default(); rows]).unwrap()
    }

    #[test]
    fn whatever_a_hash_is_its_flow_has_one_row_and_is_found_at_once() {
        for hash in [0, 1, 1 << 31, 1 << 32, 1 << 63, (1 << 63) + 1, u64::MAX] {
            let mut table = table_of_hashes(3);
            let flow = flow_of_hash(hash);
            assert!(table.value_at_once(&flow).is_none());
            for count in 0..3 {
                let value = table.value(&flow).unwrap();
                assert_eq!(*value, count, "{hash:x}");
                *table.value_at_once(&flow).unwrap() += 1;
            }
            assert_eq!(table.rows().len(), 1);
        }
    }

    #[test]
    fn a_row_that_was_emptied_is_not_found_through_another_flows_slot() {
        let mut table = table_of_hashes(2);
        let (first, flow, other) = (2, 5 << 32, 4 << 32);
        for hash in [first, flow] {
            *table.value(&flow_of_hash(hash)).unwrap() = 1;
        }
        table.clear();
        // In the slot of `flow`, with a mark that makes it say the number of that one's row.
        *table.value(&flow_of_hash(other)).unwrap() = 1;
        assert!(table.value_at_once(&flow_of_hash(flow)).is_none());
        assert_eq!(table.value(&flow_of_hash(flow)), Some(&mut 0));
        assert_eq!(table.rows().len(), 2);
    }

    #[test]
    fn memory_that_does_not_match_is_refused() {
        let rows = vec![FlowRow::<u64>::default(); 100];
        let new = |length| Table::<Heap, u64>::new(SECRET, vec![0; length], rows.clone());
        for length in [0, 1, 128, 255, 257, 512] {
            assert!(new(length).is_none());
        }
        assert!(new(256).is_some());
    }

    #[test]
    fn a_cleared_table_is_as_new() {
        let mut table = table(4);
        for round in 0..3 {
            for number in 0..4 {
                let value = table.value(&flow(100 * round + number)).unwrap();
                assert_eq!(*value, 0);
                *value = 1;
            }
            assert!(table.value(&flow(99)).is_none());
            table.clear();
            assert!(table.rows().is_empty());
        }
    }
}
