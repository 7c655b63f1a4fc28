// SPDX-License-Identifier: GPL-2.0-or-later
//! The FIFO of closed windows: one for each CPU, written by that CPU, read by one reader.
//!
//! The slots lie beside it, one more than it holds, so that full and empty differ.

use super::window::Window;
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// Where the totals of a CPU stood when a window closed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The window that closed.
    pub window: Window,
    /// Frames since the counter was made.
    pub frames: u64,
    /// Bytes since the counter was made.
    pub bytes: u64,
    /// Windows that did not fit the FIFO since the counter was made.
    pub merged: u64,
}

/// Whether a total is beyond another one. Totals wrap.
pub fn is_beyond(total: u64, other: u64) -> bool {
    (other.wrapping_sub(total) as i64) < 0
}

/// Room for one [`Mark`].
///
/// # Invariants
///
/// Written by its CPU while it lies outside of tail and head, read by one reader while it lies
/// between them.
#[derive(Default)]
pub struct Slot {
    window: AtomicU64,
    frames: AtomicU64,
    bytes: AtomicU64,
    merged: AtomicU64,
}

/// The reader's end, on a cache line that the packet path reads only when a window ends.
///
/// # Invariants
///
/// One reader at a time writes it.
pub struct Tail {
    position: AtomicU32,
    /// When the head comes here, half of the FIFO is full.
    half: AtomicU32,
    /// Frames of this CPU that a reader has taken, ever.
    taken: AtomicU64,
}

fn after(position: u32, slots: &[Slot]) -> u32 {
    let next = position.wrapping_add(1);
    if (next as usize) < slots.len() {
        next
    } else {
        0
    }
}

/// The position half a FIFO after `position`.
fn half(slots: &[Slot], position: u32) -> u32 {
    let len = slots.len() as u32;
    let half = position.wrapping_add(len / 2);
    half.checked_sub(len).unwrap_or(half)
}

/// Whether half of the FIFO is full.
pub fn is_half_full(slots: &[Slot], head: u32, tail: u32) -> bool {
    let len = slots.len() as u32;
    let queued = head.wrapping_sub(tail);
    let queued = if head < tail {
        queued.wrapping_add(len)
    } else {
        queued
    };
    queued >= len / 2
}

/// Writer: puts `mark` at `head` and returns the new head; `None` if the FIFO is full.
///
/// The caller publishes the new head with release order.
pub fn push(slots: &[Slot], head: u32, tail: &Tail, mark: Mark) -> Option<u32> {
    let next = after(head, slots);
    // Acquire: the reader is done with the slot before it is written again.
    if next == tail.position.load(Ordering::Acquire) {
        return None;
    }
    let slot = slots.get(head as usize)?;
    slot.window.store(mark.window.word(), Ordering::Relaxed);
    slot.frames.store(mark.frames, Ordering::Relaxed);
    slot.bytes.store(mark.bytes, Ordering::Relaxed);
    slot.merged.store(mark.merged, Ordering::Relaxed);
    Some(next)
}

/// Reader: the mark at `tail`; `None` where `tail` has come to `head`.
pub fn front(slots: &[Slot], head: u32, tail: u32) -> Option<Mark> {
    if tail == head {
        return None;
    }
    let slot = slots.get(tail as usize)?;
    Some(Mark {
        window: Window::from_word(slot.window.load(Ordering::Relaxed)),
        frames: slot.frames.load(Ordering::Relaxed),
        bytes: slot.bytes.load(Ordering::Relaxed),
        merged: slot.merged.load(Ordering::Relaxed),
    })
}

impl Tail {
    /// That of an empty FIFO.
    pub fn new(slots: &[Slot]) -> Self {
        Self {
            position: AtomicU32::new(0),
            half: AtomicU32::new(half(slots, 0)),
            taken: AtomicU64::new(0),
        }
    }

    /// Where the head comes to when half of the FIFO is full, as the reader last set it.
    #[inline(always)]
    pub fn half(&self) -> u32 {
        self.half.load(Ordering::Relaxed)
    }

    /// Reader: lets the writer want it when half of the FIFO is full, seen from `position`. Whether
    /// the writer came further meanwhile is to be looked at after a full fence.
    pub fn set_half(&self, slots: &[Slot], position: u32) {
        self.half.store(half(slots, position), Ordering::Relaxed);
    }

    /// Reader: gives the slot at `position` back to the writer and returns the next position.
    pub fn pop(&self, slots: &[Slot], position: u32) -> u32 {
        let next = after(position, slots);
        self.position.store(next, Ordering::Release);
        next
    }

    /// How far the reader has come.
    pub fn position(&self) -> u32 {
        self.position.load(Ordering::Relaxed)
    }

    /// Reader: tells the writer how many frames have been taken.
    pub fn set_taken(&self, frames: u64) {
        self.taken.store(frames, Ordering::Relaxed);
    }

    /// Writer: how many frames the reader has taken. May lag behind; never ahead.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(pktstat_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_beyond_what_came_before_it() {
        for (total, other, beyond) in [
            (5, 5, false),
            (6, 5, true),
            (5, 6, false),
            (0, u64::MAX, true),
            (u64::MAX, 0, false),
        ] {
            assert_eq!(is_beyond(total, other), beyond, "{total} {other}");
        }
    }
}
