// SPDX-License-Identifier: GPL-2.0-or-later
//! What one CPU counted in one buffer.

use super::flow::{Flow, Secret};
use super::steps::{Flip, Ticket};
use super::table::{FlowRow, IndexSlot, Memory, Table};

/// Frames and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Count {
    /// Frames, as netfilter sees them: a GSO packet is one.
    pub frames: u64,
    /// Bytes from the IP header on.
    pub bytes: u64,
}

impl Count {
    /// Adds to it.
    #[inline]
    pub fn add(&mut self, more: Count) {
        self.frames = self.frames.wrapping_add(more.frames);
        self.bytes = self.bytes.wrapping_add(more.bytes);
    }

    /// Adds one packet.
    #[inline]
    fn packet(&mut self, bytes: u32) {
        self.add(Count {
            frames: 1,
            bytes: bytes.into(),
        });
    }
}

/// What a flow sent, apart from what it sent in the newest step that it has a packet in: only
/// that one may still be open when the buffer is left.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Sent {
    earlier: Count,
    newest: Count,
    newest_step: u64,
}

impl Sent {
    /// Adds a packet. A CPU takes its tickets in order: one that is not of the newest step is of a
    /// later one.
    #[inline]
    pub fn packet(&mut self, ticket: Option<Ticket>, bytes: u32) {
        let Some(ticket) = ticket else {
            self.earlier.packet(bytes);
            return;
        };
        if ticket.step != self.newest_step {
            self.earlier.add(self.newest);
            self.newest = Count::default();
            self.newest_step = ticket.step;
        }
        self.newest.packet(bytes);
    }

    /// What a flip publishes of it, and what stays pending.
    pub fn divided(&self, flip: &Flip) -> (Count, Count) {
        if flip.publishes(self.newest_step) {
            let mut published = self.earlier;
            published.add(self.newest);
            (published, Count::default())
        } else {
            (self.earlier, self.newest)
        }
    }
}

/// One CPU's table of one buffer, and what did not fit it.
pub struct Bank<M: Memory> {
    flows: Table<M, Sent>,
    other: Sent,
}

impl<M: Memory> Bank<M> {
    /// An empty bank in memory as [`Table::new`] wants it.
    pub fn new(
        secret: Secret,
        index: M::Array<IndexSlot>,
        rows: M::Array<FlowRow<Sent>>,
    ) -> Option<Self> {
        Some(Self {
            flows: Table::new(secret, index, rows)?,
            other: Sent::default(),
        })
    }

    /// Counts a packet that has a placement of this bank's buffer.
    ///
    /// On the bank's CPU only, and nothing that may count a packet comes between its placement and this.
    #[inline(always)]
    pub fn packet(&mut self, flow: &Flow, ticket: Option<Ticket>, bytes: u32) {
        match self.flows.value_at_once(flow) {
            Some(sent) => sent.packet(ticket, bytes),
            None => self.look_further(*flow, ticket, bytes),
        }
    }

    /// Counts a packet of a flow that is new, or not where it is looked for first, or does not fit.
    #[cold]
    #[inline(never)]
    fn look_further(&mut self, flow: Flow, ticket: Option<Ticket>, bytes: u32) {
        match self.flows.value(&flow) {
            Some(sent) => sent.packet(ticket, bytes),
            None => self.other.packet(ticket, bytes),
        }
    }

    /// How many flows it tells apart.
    pub fn capacity(&self) -> usize {
        self.flows.capacity()
    }

    /// Goes on in other memory, as [`Table::new`] wants it, while it has no flow. Whether
    /// it does.
    pub fn move_to(&mut self, index: M::Array<IndexSlot>, rows: M::Array<FlowRow<Sent>>) -> bool {
        self.flows.move_to(index, rows)
    }

    /// The flows.
    pub fn rows(&self) -> &[FlowRow<Sent>] {
        self.flows.rows()
    }

    /// What did not fit.
    pub fn other(&self) -> &Sent {
        &self.other
    }

    /// Empties the bank.
    pub fn clear(&mut self) {
        self.flows.clear();
        self.other = Sent::default();
    }
}
