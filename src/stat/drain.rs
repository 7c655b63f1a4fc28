// SPDX-License-Identifier: GPL-2.0-or-later
//! Draining: one reader at a time merges what all CPUs have closed into rows, oldest first.
//!
//! A window that has ended while no packet came to close it is taken from the totals as they
//! stand. What was counted in a window after its row was taken, or what a reader gave back,
//! comes with a later row.

use super::cpu::CpuCounter;
use super::fifo::{self, is_beyond, Mark, Slot};
use super::tally::Snapshot;
use super::window::{Time, Window};
use crate::row::Row;
use core::num::NonZeroU64;
use core::ops::Deref;

/// Where the reader stands with one CPU.
#[derive(Clone, Copy, Default, Debug)]
pub struct Cursor {
    /// Frames and bytes that have been taken, ever.
    frames: u64,
    bytes: u64,
    tail: u32,
    seen: Snapshot,
    /// The oldest window in which something is still to be taken.
    due: Option<Mark>,
}

/// The CPUs of a counter: at each look the same, in the same order.
pub trait Cpus {
    /// What a CPU's FIFO lies in.
    type Slots: Deref<Target = [Slot]>;
    /// What leads a CPU to the counter's shared part.
    type Link;
    /// Each CPU's part.
    fn each(&self) -> impl Iterator<Item = &CpuCounter<Self::Slots, Self::Link>>;
}

impl<Slots: Deref<Target = [Slot]>, Link> Cpus for &[CpuCounter<Slots, Link>] {
    type Slots = Slots;
    type Link = Link;
    fn each(&self) -> impl Iterator<Item = &CpuCounter<Slots, Link>> {
        self.iter()
    }
}

/// Counts taken out of the totals: a window's row, before it has a text.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Taken {
    /// The window.
    pub window: Window,
    /// Its frames, on all CPUs.
    pub frames: u64,
    /// Its bytes, on all CPUs.
    pub bytes: u64,
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
}

/// What was counted since the counter was made.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Totals {
    /// Frames.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
    /// Windows that did not fit a FIFO.
    pub merged: u64,
}

/// What the readers of a counter share.
///
/// # Invariants
///
/// Each cursor's totals are what was taken of its CPU, so all rows taken, less what was returned, are
/// the sum of the cursors' totals.
#[derive(Default)]
pub struct Drain {
    /// The window that was open before the tallies were looked at.
    now: Window,
    returned: Option<Taken>,
}

impl Cursor {
    /// Whether something up to `mark` is still to be taken. A packet that was counted anew in a
    /// later window can leave a mark behind what was taken with it: it comes with a later one.
    fn is_due(&self, mark: &Mark) -> bool {
        is_beyond(mark.frames, self.frames) && !is_beyond(self.bytes, mark.bytes)
    }

    /// Looks for the oldest window of this CPU in which something is still to be taken.
    fn find(&mut self, cpu: &CpuCounter<impl Deref<Target = [Slot]>, impl Sized>) {
        while let Some(mark) = fifo::front(cpu.slots(), self.seen.head, self.tail) {
            if self.is_due(&mark) {
                self.due = Some(mark);
                return;
            }
            self.tail = cpu.tail().pop(cpu.slots(), self.tail);
        }
        self.due = Some(self.seen.mark).filter(|mark| self.is_due(mark));
    }

    /// Takes all up to `mark`, which was due, and says how many frames and bytes that were.
    fn take(
        &mut self,
        cpu: &CpuCounter<impl Deref<Target = [Slot]>, impl Sized>,
        mark: Mark,
    ) -> (u64, u64) {
        let frames = mark.frames.wrapping_sub(self.frames);
        let bytes = mark.bytes.wrapping_sub(self.bytes);
        self.frames = mark.frames;
        self.bytes = mark.bytes;
        // It was the FIFO's, unless that is empty.
        if self.tail != self.seen.head {
            self.tail = cpu.tail().pop(cpu.slots(), self.tail);
        }
        cpu.tail().set_taken(mark.frames);
        self.find(cpu);
        (frames, bytes)
    }
}

/// The window under which `window` can still get a row after one of `last`.
fn behind(last: Option<Window>, window: Window) -> Window {
    match last {
        Some(last) if !last.is_before(window) => last.next(),
        _ => window,
    }
}

impl Drain {
    /// Looks at every CPU anew. `now` was just read: what is counted from here on is counted in its
    /// window or a later one.
    pub fn look(
        &mut self,
        cpus: &impl Cpus,
        cursors: &mut [Cursor],
        period_ns: NonZeroU64,
        now: Time,
    ) {
        self.now = Window::at(now, period_ns);
        for (cpu, cursor) in cpus.each().zip(cursors) {
            cursor.seen = cpu.tally().snapshot();
            cursor.find(cpu);
        }
    }

    /// The window of the next row for a reader whose last row was of `last`, as far as seen at
    /// the last [`Drain::look`]; `None` where nothing is to come.
    pub fn next(&self, cursors: &[Cursor], last: Option<Window>) -> Option<Window> {
        let returned = self.returned.map(|returned| returned.window);
        let due = cursors.iter().filter_map(|cursor| cursor.due);
        due.map(|mark| mark.window)
            .chain(returned)
            .map(|window| behind(last, window))
            .reduce(Window::earlier)
    }

    /// Whether the row of `window` can be taken: every CPU has left it. One of an older epoch was
    /// left when the clock was set back.
    pub fn is_ready(&self, window: Window) -> bool {
        window.is_before(self.now)
    }

    /// The first window whose row comes when it has ended, for a reader whose last row was of `last`;
    /// `None` where nothing was counted that is not ready.
    pub fn awaited(&self, cursors: &[Cursor], last: Option<Window>) -> Option<Window> {
        let open = |cursor: &Cursor| Some(cursor.seen.mark).filter(|mark| cursor.is_due(mark));
        let due = cursors.iter().filter_map(|cursor| cursor.due);
        cursors
            .iter()
            .filter_map(open)
            .chain(due)
            .map(|mark| mark.window)
            .chain(self.next(cursors, last))
            .filter(|window| !self.is_ready(*window))
            .reduce(Window::earlier)
    }

    /// Takes the next rows for a reader whose last row was of `last`, as far as they are ready and
    /// `rows` has room. Returns how many.
    pub fn take_rows(
        &mut self,
        cpus: &impl Cpus,
        cursors: &mut [Cursor],
        mut last: Option<Window>,
        rows: &mut [Taken],
    ) -> usize {
        let mut count = 0_usize;
        let mut next = self.next(cursors, last);
        for row in rows {
            let Some(window) = next.filter(|window| self.is_ready(*window)) else {
                break;
            };
            (*row, next) = self.take(cpus, cursors, last, window);
            last = Some(window);
            count = count.wrapping_add(1);
        }
        count
    }

    /// Takes the counts of `window`, which [`Drain::next`] returned for the same `last`, and says
    /// what it would return after that.
    fn take(
        &mut self,
        cpus: &impl Cpus,
        cursors: &mut [Cursor],
        last: Option<Window>,
        window: Window,
    ) -> (Taken, Option<Window>) {
        let mut taken = Taken {
            window,
            frames: 0,
            bytes: 0,
        };
        let mut next: Option<Window> = None;
        let mut later = |window| next = Some(next.map_or(window, |next| next.earlier(window)));
        if let Some(returned) = self.returned {
            let its = behind(last, returned.window);
            if its == window {
                taken.frames = returned.frames;
                taken.bytes = returned.bytes;
                self.returned = None;
            } else {
                later(its);
            }
        }
        for (cpu, cursor) in cpus.each().zip(&mut *cursors) {
            while let Some(mark) = cursor.due {
                let its = behind(last, mark.window);
                if its != window {
                    later(its);
                    break;
                }
                let (frames, bytes) = cursor.take(cpu, mark);
                taken.frames = taken.frames.wrapping_add(frames);
                taken.bytes = taken.bytes.wrapping_add(bytes);
            }
        }
        (taken, next)
    }

    /// Gives back what a reader took and nobody got. It comes with a row of its own window, or,
    /// where two readers gave back, of the later one.
    pub fn give_back(&mut self, taken: Taken) {
        self.returned = Some(match self.returned {
            None => taken,
            Some(other) => Taken {
                window: if other.window.is_before(taken.window) {
                    taken.window
                } else {
                    other.window
                },
                frames: other.frames.wrapping_add(taken.frames),
                bytes: other.bytes.wrapping_add(taken.bytes),
            },
        });
    }

    /// What all CPUs counted since the counter was made, at the last [`Drain::look`].
    pub fn totals(&self, cursors: &[Cursor]) -> Totals {
        cursors
            .iter()
            .fold(Totals::default(), |sum, cursor| Totals {
                frames: sum.frames.wrapping_add(cursor.seen.mark.frames),
                bytes: sum.bytes.wrapping_add(cursor.seen.mark.bytes),
                merged: sum.merged.wrapping_add(cursor.seen.merged),
            })
    }

    /// How many windows wait in the FIFOs or have ended, at the last [`Drain::look`]. A window
    /// counts once for each CPU that saw it.
    pub fn queued(&self, cpus: &impl Cpus, cursors: &[Cursor]) -> u64 {
        let mut queued = u64::from(self.returned.is_some());
        for (cpu, cursor) in cpus.each().zip(cursors) {
            if cursor.due.is_some() {
                let waiting = fifo::queued(cpu.slots(), cursor.seen.head, cursor.tail);
                // Something was counted in the open window since, or it would not be open.
                let ended = self.is_ready(cursor.seen.mark.window);
                queued = queued
                    .wrapping_add(waiting.into())
                    .wrapping_add(ended.into());
            }
        }
        queued
    }
}
