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
    fn after(self, closed: Closed) -> Self {
        Self {
            number: self.number.wrapping_add(1),
            frames: closed.frames,
            bytes: closed.bytes,
            merged: self.merged.wrapping_add(closed.merged.into()),
        }
    }
}

/// The ring. `Slots` has room for as many windows as it holds, which is at least one.
pub struct Ring<Slots> {
    slots: Slots,
    /// Where the oldest window is.
    first: usize,
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
            first: 0,
            len: 0,
            oldest: Position::default(),
            newest: Position::default(),
        }
    }

    /// How many windows it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The place before the oldest window.
    pub fn oldest(&self) -> Position {
        self.oldest
    }

    /// Whether a window comes after `position`.
    pub fn is_after(&self, position: &Position) -> bool {
        self.newest.number != position.number
    }

    /// Where in the slots the window after the first `skip` is; `skip` is at most `len`.
    fn place(&self, skip: usize) -> usize {
        let place = self.first.wrapping_add(skip);
        place.checked_sub(self.slots.len()).unwrap_or(place)
    }

    /// Puts `taken` behind the newest window. When the ring is full, its oldest window goes.
    pub fn put(&mut self, taken: &Taken) {
        if self.len == self.slots.len() {
            self.drop_oldest();
        }
        self.append(taken);
    }

    /// Puts `taken` behind the newest window, or, when the ring is full, merges that one into it.
    /// Whether it did.
    pub fn put_or_merge(&mut self, taken: &Taken) -> bool {
        if self.len < self.slots.len() {
            self.append(taken);
            return false;
        }
        let place = self.place(self.len.wrapping_sub(1));
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
        true
    }

    /// There is a slot for it.
    fn append(&mut self, taken: &Taken) {
        let closed = Closed {
            window: taken.window,
            frames: self.newest.frames.wrapping_add(taken.frames),
            bytes: self.newest.bytes.wrapping_add(taken.bytes),
            merged: u32::try_from(taken.merged).unwrap_or(u32::MAX),
        };
        let place = self.place(self.len);
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = closed;
            self.len = self.len.wrapping_add(1);
            self.newest = self.newest.after(closed);
        }
    }

    /// There is one.
    fn drop_oldest(&mut self) {
        if let Some(closed) = self.slots.get(self.first) {
            self.oldest = self.oldest.after(*closed);
            self.first = self.place(1);
            self.len = self.len.wrapping_sub(1);
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
        let skip = at.number.wrapping_sub(self.oldest.number) as usize;
        if skip >= self.len {
            return None;
        }
        let closed = *self.slots.get(self.place(skip))?;
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
    pub fn front(&self) -> Option<Window> {
        if self.is_empty() {
            return None;
        }
        self.slots.get(self.first).map(|closed| closed.window)
    }

    /// Takes the oldest window out of the ring.
    pub fn take(&mut self) -> Option<Taken> {
        let mut position = self.oldest;
        let taken = self.read(&mut position)?;
        self.drop_oldest();
        Some(taken)
    }
}
