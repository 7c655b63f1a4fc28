// SPDX-License-Identifier: GPL-2.0-or-later
//! The steps in which packets are published, and the flip between what a reader sees and what
//! comes later: one word that all CPUs share.
//!
//! The word holds the buffer that packets are counted in and how many tickets were taken, counted
//! from the beginning of the oldest step that is not published yet. While a step is one packet,
//! packets need no ticket and only read the word. Otherwise each takes one with a single atomic
//! addition, which tells it buffer and ticket at once: so a flip, which changes the buffer, has
//! exactly the tickets below its own number on the buffer it leaves, whatever the CPUs do.
//!
//! A packet holds its placement no longer than the owner of the steps waits after a flip (in the
//! kernel: a grace period), and that wait is over before the next flip begins. So a buffer is
//! written by packets or by the reader, never by both, and two buffers are enough.

use super::step_size::StepSize;
use crate::sync::{AtomicU64, Ordering};
use core::num::NonZeroU64;

const BUFFER: u64 = 1 << 63;
const TICKET: u64 = BUFFER - 1;

/// One of the two buffers that packets are counted in, in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffer {
    /// The buffer that counting begins in.
    Even,
    /// The other one.
    Odd,
}

impl Buffer {
    #[inline]
    fn of(word: u64) -> Self {
        if word & BUFFER == 0 {
            Self::Even
        } else {
            Self::Odd
        }
    }

    /// The buffer that this one takes turns with.
    pub fn opposite(self) -> Self {
        match self {
            Self::Even => Self::Odd,
            Self::Odd => Self::Even,
        }
    }

    /// What belongs to this buffer.
    #[inline]
    pub fn of_pair<T>(self, [even, odd]: &[T; 2]) -> &T {
        match self {
            Self::Even => even,
            Self::Odd => odd,
        }
    }
}

/// A packet's place: the buffer it is counted in and, unless a step is one packet, its ticket.
#[derive(Clone, Copy, Debug)]
pub struct Placement {
    /// The buffer.
    pub buffer: Buffer,
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

/// A flip: the buffer that was left, and which of its steps are published.
#[derive(Clone, Copy, Debug)]
pub struct Flip {
    /// The buffer that packets have left.
    pub buffer: Buffer,
    first_end: u64,
    published_end: u64,
}

impl Flip {
    /// Whether the step that ends at `end` is published.
    pub fn publishes(&self, end: u64) -> bool {
        end <= self.published_end
    }

    /// Whether the step is published that was pending after the flip before this one.
    pub fn publishes_pending(&self) -> bool {
        self.publishes(self.first_end)
    }
}

/// The word, and the size of the steps in either buffer.
///
/// # Invariants
///
/// The high bit of `word` is the buffer that packets are counted in, the rest how many tickets were
/// taken since the oldest step that is not published began. A buffer's size is written while packets
/// are not in it.
pub struct Steps {
    word: AtomicU64,
    sizes: [AtomicU64; 2],
}

impl Steps {
    /// Steps of `counter` packets, none taken.
    pub fn new(counter: StepSize) -> Self {
        let size = counter.get().get();
        Self {
            word: AtomicU64::new(0),
            sizes: [AtomicU64::new(size), AtomicU64::new(size)],
        }
    }

    #[inline]
    fn size(&self, buffer: Buffer) -> u64 {
        // Relaxed: written before the buffer was entered, and that was acquired with the word.
        buffer.of_pair(&self.sizes).load(Ordering::Relaxed)
    }

    /// Takes a packet's place. Any context that the wait after a flip waits for.
    #[inline]
    pub fn take(&self) -> Placement {
        // Acquire, here and below: the bank of the buffer was emptied before the buffer was entered.
        let buffer = Buffer::of(self.word.load(Ordering::Acquire));
        if self.size(buffer) == 1 {
            return Placement {
                buffer,
                ticket: None,
            };
        }
        let word = self.word.fetch_add(1, Ordering::AcqRel);
        // The buffer may have changed since, and with it the size.
        let buffer = Buffer::of(word);
        let ticket = NonZeroU64::new(self.size(buffer))
            .filter(|size| size.get() != 1)
            .map(|size| Ticket {
                number: word & TICKET,
                size,
            });
        Placement { buffer, ticket }
    }

    /// Flips: packets from here on are counted in the other buffer. Without `next` the whole steps
    /// are published and the one that is not stays pending. With `next` all are, and steps of
    /// that size begin anew.
    ///
    /// One reader at a time, and not before the wait after the flip before this one is over.
    pub fn flip(&self, next: Option<StepSize>) -> Flip {
        let mut word = self.word.load(Ordering::Relaxed);
        let buffer = Buffer::of(word);
        let size = NonZeroU64::new(self.size(buffer)).unwrap_or(NonZeroU64::MIN);
        let next_size = next.map_or(size, StepSize::get);
        buffer
            .opposite()
            .of_pair(&self.sizes)
            .store(next_size.get(), Ordering::Relaxed);
        // Steps of one packet have no use for their tickets, which only latecomers took.
        let all = next.is_some() || size == NonZeroU64::MIN;
        loop {
            let taken = word & TICKET;
            let pending = if all { 0 } else { taken % size };
            let entered = !word & BUFFER | pending;
            // Release: the size, and the emptied bank, are there for whoever enters the buffer.
            match self.word.compare_exchange_weak(
                word,
                entered,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    return Flip {
                        buffer,
                        first_end: size.get(),
                        published_end: if all { u64::MAX } else { taken },
                    }
                }
                Err(now) => word = now,
            }
        }
    }
}
