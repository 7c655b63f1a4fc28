// SPDX-License-Identifier: GPL-2.0-or-later
//! The FIFO of closed windows: one for each CPU, written by that CPU, read by one reader.
//!
//! The slots lie beside it, one more than it holds, so that full and empty differ.

use super::window::Window;
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Where the totals of a CPU stood when a window closed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The window that closed.
    pub window: Window,
    /// Frames since the counter was made.
    pub frames: u64,
    /// Bytes since the counter was made.
    pub bytes: u64,
}

/// Whether a total is beyond another one. Totals wrap.
pub fn is_beyond(total: u64, other: u64) -> bool {
    (other.wrapping_sub(total) as i64) < 0
}

/// Space for one [`Mark`].
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
    /// Windows that had not fitted when it was written, ever. Written where there are more: else it
    /// is what it was, and no reader takes a number for more than a larger one before it.
    merged: AtomicU64,
}

/// The reader's end, on a cache line that the packet path reads only when a window ends.
///
/// # Invariants
///
/// One reader at a time writes it.
#[derive(Default)]
pub struct Tail {
    position: AtomicU32,
    /// Frames of this CPU that a reader has taken, ever.
    taken: AtomicU64,
}

/// What the writer knows of the slots that are free.
///
/// # Invariants
///
/// Its CPU alone writes it. The slots from the head up to `end`, that one not included, are the
/// writer's: the reader was seen to be done with them.
pub struct FreeSlots {
    end: AtomicU32,
    /// The head has come to `end`.
    is_used_up: AtomicBool,
}

/// The position after `position`.
#[inline(always)]
pub fn after(position: u32, slots: &[Slot]) -> u32 {
    let next = position.wrapping_add(1);
    if (next as usize) < slots.len() {
        next
    } else {
        0
    }
}

/// The slot at `position`, and the position after it.
#[inline(always)]
fn at(position: u32, slots: &[Slot]) -> Option<(&Slot, u32)> {
    let next = (position as usize).wrapping_add(1);
    if next < slots.len() {
        Some((slots.get(position as usize)?, next as u32))
    } else {
        last(position, slots)
    }
}

/// The same of the last slot. Cold: coming round is a branch, and but for it an index needs no check.
#[cold]
fn last(position: u32, slots: &[Slot]) -> Option<(&Slot, u32)> {
    Some((slots.get(position as usize)?, 0))
}

/// So many slots make half of a FIFO.
fn half(slots: &[Slot]) -> u32 {
    slots.len() as u32 / 2
}

/// Whether it is full, where neither end moves.
pub fn is_full(slots: &[Slot], head: u32, tail: &Tail) -> bool {
    after(head, slots) == tail.position.load(Ordering::Relaxed)
}

/// Writer: puts `mark` at `head` and returns the new head; `None` if the FIFO is full.
///
/// The caller publishes the new head with release order.
#[inline(always)]
pub fn push(slots: &[Slot], head: u32, free: &FreeSlots, tail: &Tail, mark: Mark) -> Option<u32> {
    let (slot, next) = at(head, slots)?;
    if next == free.end.load(Ordering::Relaxed) {
        free.is_used_up.store(true, Ordering::Relaxed);
        // Acquire: the reader is done with the slot before it is written again.
        if next == tail.position.load(Ordering::Acquire) {
            return None;
        }
    }
    slot.window.store(mark.window.word(), Ordering::Relaxed);
    slot.frames.store(mark.frames, Ordering::Relaxed);
    slot.bytes.store(mark.bytes, Ordering::Relaxed);
    Some(next)
}

/// Writer: so many windows have not fitted, ever, when [`push`] found none free at `head`. What is put
/// there next carries the last one's counts.
pub fn set_merged(slots: &[Slot], head: u32, merged: u64) {
    if let Some(slot) = slots.get(head as usize) {
        slot.merged.store(merged, Ordering::Relaxed);
    }
}

/// Reader: the mark at `tail`, and how many windows had not fitted before it; `None` where `tail` has
/// come to `head`.
#[inline(always)]
pub fn front(slots: &[Slot], head: u32, tail: u32) -> Option<(Mark, u64)> {
    if tail == head {
        return None;
    }
    let slot = slots.get(tail as usize)?;
    let mark = Mark {
        window: Window::from_word(slot.window.load(Ordering::Relaxed)),
        frames: slot.frames.load(Ordering::Relaxed),
        bytes: slot.bytes.load(Ordering::Relaxed),
    };
    Some((mark, slot.merged.load(Ordering::Relaxed)))
}

impl FreeSlots {
    /// That of an empty FIFO.
    pub fn new(slots: &[Slot]) -> Self {
        Self {
            end: AtomicU32::new(half(slots)),
            is_used_up: AtomicBool::new(false),
        }
    }

    /// Writer: whether it is to look how far the reader has come.
    #[inline(always)]
    pub fn is_used_up(&self) -> bool {
        self.is_used_up.load(Ordering::Relaxed)
    }

    /// Writer: looks how far the reader has come. Whether half of the FIFO is full.
    ///
    /// The next look is when half of it may be full, and then when all may be. What is known of the
    /// reader may be old: there are never fewer than that.
    pub fn look(&self, slots: &[Slot], head: u32, tail: &Tail) -> bool {
        self.is_used_up.store(false, Ordering::Relaxed);
        // Acquire: as in `push`.
        let tail = tail.position.load(Ordering::Acquire);
        let len = slots.len() as u32;
        let queued = head.wrapping_sub(tail);
        let queued = if head < tail {
            queued.wrapping_add(len)
        } else {
            queued
        };
        let half = half(slots);
        let end = if queued < half {
            let end = tail.wrapping_add(half);
            end.checked_sub(len).unwrap_or(end)
        } else {
            tail
        };
        self.end.store(end, Ordering::Relaxed);
        queued >= half
    }
}

impl Tail {
    /// Reader: gives the slots before `position` back to the writer.
    pub fn set(&self, position: u32) {
        self.position.store(position, Ordering::Release);
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
