// SPDX-License-Identifier: GPL-2.0-or-later
//! A ring of closed windows, oldest first, each as the counter's totals at its end.
//!
//! A reader has a [`Position`], with the totals that it has reached, and a row is the difference
//! from there. So a window that the ring no longer has, or has merged into another, comes with the
//! next row, and cannot be lost or come twice.

use super::window::Window;
use crate::row::Row;
use core::num::NonZeroU64;
use core::ops::DerefMut;

/// Counts of one window, and of the windows that were merged into it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Taken {
    /// The window.
    pub window: Window,
    /// Its frames, on all CPUs.
    pub frames: u64,
    /// Its bytes, on all CPUs.
    pub bytes: u64,
    /// Other windows whose counts are in it, because they did not fit.
    pub merged: u64,
}

impl Taken {
    /// As readers see it.
    pub fn row(&self, period_ns: NonZeroU64) -> Row {
        Row {
            timestamp_ns: self.window.start_ns(period_ns),
            frames: self.frames,
            bytes: self.bytes,
        }
    }

    /// Both in one row, which is of the later window.
    pub fn with(&self, other: &Self) -> Self {
        let merged = self.merged.wrapping_add(other.merged);
        Self {
            window: if other.window.is_before(self.window) {
                self.window
            } else {
                other.window
            },
            frames: self.frames.wrapping_add(other.frames),
            bytes: self.bytes.wrapping_add(other.bytes),
            merged: merged.wrapping_add((self.window != other.window).into()),
        }
    }
}

/// A window of a ring. 28 bytes, and two rings take 56 a window: that is why it is packed.
#[derive(Clone, Copy, Default)]
#[repr(Rust, packed(4))]
pub struct Closed {
    window: Window,
    /// The counter's totals at its end.
    frames: u64,
    bytes: u64,
    /// Windows that were merged into this one: these are not totals.
    merged: u32,
}

const _: () = assert!(core::mem::size_of::<Closed>() == 28);

/// A place between two windows, and the totals there.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Position {
    /// How many windows were put into the ring before it.
    number: u64,
    /// Frames counted before it, on all CPUs.
    pub frames: u64,
    /// Bytes counted before it, on all CPUs.
    pub bytes: u64,
    /// Windows merged into others before it.
    merged: u64,
}

impl Position {
    /// The place after `closed`, which follows this one.
    #[inline(always)]
    fn after(self, closed: &Closed) -> Self {
        Self {
            number: self.number.wrapping_add(1),
            frames: closed.frames,
            bytes: closed.bytes,
            merged: self.merged.wrapping_add(closed.merged.into()),
        }
    }
}

/// The ring. `Slots` has one for each window that it can hold, and at least one.
pub struct Ring<Slots> {
    slots: Slots,
    /// Where the next window goes; when the ring is full, the oldest one is there.
    end: usize,
    len: usize,
    /// Before the oldest window.
    oldest: Position,
    /// After the newest.
    newest: Position,
}

impl<Slots: DerefMut<Target = [Closed]>> Ring<Slots> {
    /// A ring without a window.
    pub fn new(slots: Slots) -> Self {
        Self {
            slots,
            end: 0,
            len: 0,
            oldest: Position::default(),
            newest: Position::default(),
        }
    }

    /// How many windows it holds.
    pub fn windows(&self) -> usize {
        self.len
    }

    /// The place before the oldest window.
    pub fn oldest(&self) -> Position {
        self.oldest
    }

    /// Whether a window comes after `position`.
    pub fn is_after(&self, position: &Position) -> bool {
        self.newest.number != position.number
    }

    /// Where in the slots the window is that `count` come after up to the newest, itself one of them;
    /// `count` is at most `len`.
    #[inline(always)]
    fn place(&self, count: usize) -> usize {
        let place = self.end.checked_sub(count);
        place.unwrap_or_else(|| self.end.wrapping_add(self.slots.len()).wrapping_sub(count))
    }

    /// Puts `taken` behind the newest window. When the ring is full, its oldest window goes.
    #[inline(always)]
    pub fn put(&mut self, taken: &Taken) {
        if self.len < self.slots.len() {
            return self.append(taken);
        }
        // The oldest one is where this one goes.
        if let Some(oldest) = self.slots.get(self.end) {
            self.oldest = self.oldest.after(oldest);
        }
        self.write(taken);
    }

    /// Puts `taken` behind the newest window, or, when the ring is full, merges that one into it.
    /// Whether it did.
    #[inline(always)]
    pub fn put_or_merge(&mut self, taken: &Taken) -> bool {
        if self.len < self.slots.len() {
            self.append(taken);
            return false;
        }
        self.merge(taken);
        true
    }

    /// Merges the newest window into `taken`, of which there is one.
    fn merge(&mut self, taken: &Taken) {
        let place = self.place(1);
        if let Some(slot) = self.slots.get_mut(place) {
            let others = u64::from(slot.merged).wrapping_add(taken.merged);
            let merged = u32::try_from(others.wrapping_add(1)).unwrap_or(u32::MAX);
            let more = merged.wrapping_sub(slot.merged);
            self.newest.frames = self.newest.frames.wrapping_add(taken.frames);
            self.newest.bytes = self.newest.bytes.wrapping_add(taken.bytes);
            self.newest.merged = self.newest.merged.wrapping_add(more.into());
            *slot = Closed {
                window: taken.window,
                frames: self.newest.frames,
                bytes: self.newest.bytes,
                merged,
            };
        }
    }

    /// It is not full.
    #[inline(always)]
    fn append(&mut self, taken: &Taken) {
        self.len = self.len.wrapping_add(1);
        self.write(taken);
    }

    /// The place where the next window goes is free.
    #[inline(always)]
    fn write(&mut self, taken: &Taken) {
        let closed = Closed {
            window: taken.window,
            frames: self.newest.frames.wrapping_add(taken.frames),
            bytes: self.newest.bytes.wrapping_add(taken.bytes),
            merged: u32::try_from(taken.merged).unwrap_or(u32::MAX),
        };
        if let Some(slot) = self.slots.get_mut(self.end) {
            *slot = closed;
            self.newest = self.newest.after(&closed);
            let end = self.end.wrapping_add(1);
            self.end = if end < self.slots.len() { end } else { 0 };
        }
    }

    /// The window after `position`, with all that was counted since there, and moves `position`
    /// behind it. A window that the ring no longer has counts as merged into it.
    pub fn read(&self, position: &mut Position) -> Option<Taken> {
        let at = if position.number < self.oldest.number {
            self.oldest
        } else {
            *position
        };
        let count = self.newest.number.wrapping_sub(at.number) as usize;
        // More than there are: a position of another ring.
        if count == 0 || count > self.len {
            return None;
        }
        let closed = self.slots.get(self.place(count))?;
        let missed = at.number.wrapping_sub(position.number);
        let after = at.after(closed);
        let taken = Taken {
            window: closed.window,
            frames: after.frames.wrapping_sub(position.frames),
            bytes: after.bytes.wrapping_sub(position.bytes),
            merged: missed.wrapping_add(after.merged.wrapping_sub(position.merged)),
        };
        *position = after;
        Some(taken)
    }

    /// The window that [`Ring::take`] would return.
    #[inline(always)]
    pub fn front(&self) -> Option<Window> {
        if self.len == 0 {
            return None;
        }
        let closed = self.slots.get(self.place(self.len))?;
        Some(closed.window)
    }

    /// Takes the oldest window out of the ring.
    #[inline(always)]
    pub fn take(&mut self) -> Option<Taken> {
        if self.len == 0 {
            return None;
        }
        let closed = self.slots.get(self.place(self.len))?;
        let taken = Taken {
            window: closed.window,
            frames: closed.frames.wrapping_sub(self.oldest.frames),
            bytes: closed.bytes.wrapping_sub(self.oldest.bytes),
            merged: closed.merged.into(),
        };
        self.oldest = self.oldest.after(closed);
        self.len = self.len.wrapping_sub(1);
        Some(taken)
    }
}
