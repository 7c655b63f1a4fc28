// SPDX-License-Identifier: GPL-2.0-or-later
//! What was counted on all CPUs since the table was last emptied.

use super::bank::{Bank, Count};
use super::flow::{Flow, Secret};
use super::steps::Flip;
use super::table::{FlowRow, IndexSlot, Memory, Table};

/// What a flow sent, published and not yet.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Account {
    published: Count,
    /// All of one step: the one that is open.
    pending: Count,
}

impl Account {
    fn publish_pending(&mut self) {
        self.published.add(self.pending);
        self.pending = Count::default();
    }

    fn add(&mut self, (published, pending): (Count, Count)) {
        self.published.add(published);
        self.pending.add(pending);
    }

    fn shown(&self) -> Option<Count> {
        (self.published.frames != 0).then_some(self.published)
    }
}

/// The accounts of all flows, and of what did not fit the table.
pub struct Ledger<M: Memory> {
    accounts: Table<M, Account>,
    other: Account,
}

impl<M: Memory> Ledger<M> {
    /// An empty ledger in memory as [`Table::new`] wants it.
    pub fn new(
        secret: Secret,
        index: M::Array<IndexSlot>,
        rows: M::Array<FlowRow<Account>>,
    ) -> Option<Self> {
        Some(Self {
            accounts: Table::new(secret, index, rows)?,
            other: Account::default(),
        })
    }

    /// Takes over, and empties, the banks of all CPUs of the buffer that a flip left. Once for each
    /// flip, after the packets on their way have been counted.
    pub fn take<'b>(&mut self, flip: &Flip, banks: impl Iterator<Item = &'b mut Bank<M>>)
    where
        M: 'b,
    {
        if flip.publishes_pending() {
            for row in self.accounts.rows_mut() {
                row.value.publish_pending();
            }
            self.other.publish_pending();
        }
        for bank in banks {
            for row in bank.rows() {
                let account = self.accounts.value(&row.flow.tidied());
                account
                    .unwrap_or(&mut self.other)
                    .add(row.value.divided(flip));
            }
            self.other.add(bank.other().divided(flip));
            bank.clear();
        }
    }

    /// What is published: each flow that has anything, in the order of arrival, and last, without
    /// a flow, what did not fit.
    pub fn published(&self) -> impl Iterator<Item = (Option<&Flow>, Count)> {
        let rows = self.accounts.rows().iter();
        let other = self.other.shown().map(|count| (None, count));
        rows.filter_map(|row| Some((Some(&row.flow), row.value.shown()?)))
            .chain(other)
    }

    /// Forgets everything, what is pending included.
    pub fn clear(&mut self) {
        self.accounts.clear();
        self.other = Account::default();
    }
}
