// SPDX-License-Identifier: GPL-2.0-or-later
//! The steps in which packets are published, and the cut between what a reader sees and what
//! comes later: one word that all CPUs share.
//!
//! The word holds the side that packets are counted on and how many tickets were taken, counted
//! from the beginning of the oldest step that is not published yet. While a step is one packet,
//! packets need no ticket and only read the word. Otherwise each takes one with a single atomic
//! addition, which tells it side and ticket at once: so a cut, which changes the side, has
//! exactly the tickets below its own number on the side it leaves, whatever the CPUs do.
//!
//! A packet holds its slip no longer than the owner of the steps waits after a cut (in the
//! kernel: a grace period), and that wait is over before the next cut begins. So a side is
//! written by packets or by the reader, never by both, and two sides are enough.

use super::counter::Counter;
use crate::sync::{AtomicU64, Ordering};
use core::num::NonZeroU64;

const SIDE: u64 = 1 << 63;
const TICKET: u64 = SIDE - 1;

/// One of the two sides that packets are counted on in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The side that counting begins on.
    Even,
    /// The other one.
    Odd,
}

impl Side {
    #[inline]
    fn of(word: u64) -> Self {
        if word & SIDE == 0 {
            Self::Even
        } else {
            Self::Odd
        }
    }

    /// The side that this one takes turns with.
    pub fn opposite(self) -> Self {
        match self {
            Self::Even => Self::Odd,
            Self::Odd => Self::Even,
        }
    }

    /// What belongs to this side.
    #[inline]
    pub fn of_pair<T>(self, [even, odd]: &[T; 2]) -> &T {
        match self {
            Self::Even => even,
            Self::Odd => odd,
        }
    }
}

/// A packet's place: the side it is counted on and, unless a step is one packet, its ticket.
#[derive(Clone, Copy, Debug)]
pub struct Slip {
    /// The side.
    pub side: Side,
    /// The ticket.
    pub ticket: Option<Ticket>,
}

/// A packet's number and the size of the steps that it counts in.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    number: u64,
    size: NonZeroU64,
}

impl Ticket {
    /// Whether it belongs behind a step that ends at `end`.
    #[inline]
    pub fn is_behind(&self, end: u64) -> bool {
        self.number >= end
    }

    /// Where the step ends that it belongs to.
    #[inline]
    pub fn step_end(&self) -> u64 {
        let whole = self.number / self.size;
        whole.wrapping_add(1).wrapping_mul(self.size.get())
    }
}

/// A cut: the side that was left, and which of its steps are published.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// The side that packets have left.
    pub side: Side,
    first_end: u64,
    published_end: u64,
}

impl Cut {
    /// Whether the step that ends at `end` is published.
    pub fn publishes(&self, end: u64) -> bool {
        end <= self.published_end
    }

    /// Whether the step is published that was pending after the cut before this one.
    pub fn publishes_pending(&self) -> bool {
        self.publishes(self.first_end)
    }
}

/// The word, and the size of the steps on either side.
pub struct Steps {
    word: AtomicU64,
    sizes: [AtomicU64; 2],
}

impl Steps {
    /// Steps of `counter` packets, none taken.
    pub fn new(counter: Counter) -> Self {
        let size = counter.get().get();
        Self {
            word: AtomicU64::new(0),
            sizes: [AtomicU64::new(size), AtomicU64::new(size)],
        }
    }

    #[inline]
    fn size(&self, side: Side) -> u64 {
        // Relaxed: written before the side was entered, and that was acquired with the word.
        side.of_pair(&self.sizes).load(Ordering::Relaxed)
    }

    /// Takes a packet's place. Any context that the wait after a cut waits for.
    #[inline]
    pub fn take(&self) -> Slip {
        // Acquire, here and below: the bank of the side was emptied before the side was entered.
        let side = Side::of(self.word.load(Ordering::Acquire));
        if self.size(side) == 1 {
            return Slip { side, ticket: None };
        }
        let word = self.word.fetch_add(1, Ordering::AcqRel);
        // The side may have changed since, and with it the size.
        let side = Side::of(word);
        let ticket = NonZeroU64::new(self.size(side))
            .filter(|size| size.get() != 1)
            .map(|size| Ticket {
                number: word & TICKET,
                size,
            });
        Slip { side, ticket }
    }

    /// Cuts: packets from here on are counted on the other side. Without `next` the whole steps
    /// are published and the one that is not stays pending. With `next` all are, and steps of
    /// that size begin anew.
    ///
    /// One reader at a time, and not before the wait after the cut before this one is over.
    pub fn cut(&self, next: Option<Counter>) -> Cut {
        let mut word = self.word.load(Ordering::Relaxed);
        let side = Side::of(word);
        let size = NonZeroU64::new(self.size(side)).unwrap_or(NonZeroU64::MIN);
        let next_size = next.map_or(size, Counter::get);
        side.opposite()
            .of_pair(&self.sizes)
            .store(next_size.get(), Ordering::Relaxed);
        // Steps of one packet have no use for their tickets, which only latecomers took.
        let all = next.is_some() || size == NonZeroU64::MIN;
        loop {
            let taken = word & TICKET;
            let pending = if all { 0 } else { taken % size };
            let entered = !word & SIDE | pending;
            // Release: the size, and the emptied bank, are there for who enters the side.
            match self.word.compare_exchange_weak(
                word,
                entered,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    return Cut {
                        side,
                        first_end: size.get(),
                        published_end: if all { u64::MAX } else { taken },
                    }
                }
                Err(now) => word = now,
            }
        }
    }
}
