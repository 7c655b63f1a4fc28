// SPDX-License-Identifier: GPL-2.0-or-later
//! Draining: what all CPUs have closed, merged into windows of the counter, oldest first.
//!
//! A window that has ended while no packet came to close it is taken from the totals as they
//! stand. What was counted in a window after it was taken comes with a later one.

use super::cpu::CpuCounter;
use super::fifo::{self, is_beyond, Mark, Slot};
use super::ring::Taken;
use super::tally::Snapshot;
use super::window::{Time, Window};
use core::num::NonZeroU64;
use core::ops::Deref;

/// No CPU's number.
const NONE: u32 = u32::MAX;

/// What was taken of one CPU.
#[derive(Clone, Copy, Default, Debug)]
pub struct Cursor {
    /// Frames and bytes that have been taken, ever, and the windows merged up to there.
    frames: u64,
    bytes: u64,
    merged: u64,
    tail: u32,
    /// The next CPU in the list of those in which something is due.
    next: u32,
    seen: Snapshot,
    /// The oldest window in which something is still to be taken, and the windows merged up to there.
    due: Option<(Mark, u64)>,
}

/// The CPUs of a counter: at each look the same, in the same order.
pub trait Cpus {
    /// What a CPU's FIFO lies in.
    type Slots: Deref<Target = [Slot]>;
    /// What leads a CPU to the counter's shared part.
    type Link;
    /// Each CPU's part.
    fn each(&self) -> impl Iterator<Item = &CpuCounter<Self::Slots, Self::Link>>;
    /// The part that is so many after the first.
    fn get(&self, number: usize) -> Option<&CpuCounter<Self::Slots, Self::Link>>;
}

impl<Slots: Deref<Target = [Slot]>, Link> Cpus for &[CpuCounter<Slots, Link>] {
    type Slots = Slots;
    type Link = Link;
    fn each(&self) -> impl Iterator<Item = &CpuCounter<Slots, Link>> {
        self.iter()
    }

    fn get(&self, number: usize) -> Option<&CpuCounter<Slots, Link>> {
        <[_]>::get(self, number)
    }
}

/// What was counted since the counter was made.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Totals {
    /// Frames.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Who takes what the CPUs have closed, with a [`Cursor`] for each.
///
/// # Invariants
///
/// Each cursor's totals are what was taken of its CPU: the windows taken are their sum. A CPU is in
/// the list that begins at `first` exactly where its cursor has something due.
pub struct Drain {
    /// The window that was open before the tallies were looked at.
    now: Window,
    /// The last window that was taken.
    last: Option<Window>,
    /// The next one.
    next: Option<Window>,
    /// The first CPU in which something is due: only those cost anything.
    first: u32,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            now: Window::default(),
            last: None,
            next: None,
            first: NONE,
        }
    }
}

impl Cursor {
    /// Whether something up to `mark` is still to be taken. A packet that was counted anew in a
    /// later window can leave a mark behind what was taken with it: it comes with a later one.
    fn is_due(&self, mark: &Mark) -> bool {
        is_beyond(mark.frames, self.frames) && !is_beyond(self.bytes, mark.bytes)
    }

    /// How many windows were merged up to where `merged` stands, of which nothing is known yet.
    fn newly_merged(&mut self, merged: u64) -> u64 {
        if !is_beyond(merged, self.merged) {
            return 0;
        }
        merged.wrapping_sub(core::mem::replace(&mut self.merged, merged))
    }

    /// Looks for the oldest window of this CPU in which something is still to be taken.
    fn find(&mut self, cpu: &CpuCounter<impl Deref<Target = [Slot]>, impl Sized>) {
        while let Some((mark, merged)) = fifo::front(cpu.slots(), self.seen.head, self.tail) {
            if self.is_due(&mark) {
                self.due = Some((mark, merged));
                return;
            }
            self.newly_merged(merged);
            self.tail = cpu.tail().pop(cpu.slots(), self.tail);
        }
        let seen = (self.seen.mark, self.seen.merged);
        self.due = Some(seen).filter(|(mark, _)| self.is_due(mark));
    }

    /// Takes all up to `mark`, which was due, into `taken`.
    fn take(
        &mut self,
        cpu: &CpuCounter<impl Deref<Target = [Slot]>, impl Sized>,
        (mark, merged): (Mark, u64),
        taken: &mut Taken,
    ) {
        let frames = mark.frames.wrapping_sub(self.frames);
        let bytes = mark.bytes.wrapping_sub(self.bytes);
        taken.frames = taken.frames.wrapping_add(frames);
        taken.bytes = taken.bytes.wrapping_add(bytes);
        self.frames = mark.frames;
        self.bytes = mark.bytes;
        // Most often the CPUs have merged the same windows.
        taken.merged = taken.merged.max(self.newly_merged(merged));
        // It was the FIFO's, unless that is empty.
        if self.tail != self.seen.head {
            self.tail = cpu.tail().pop(cpu.slots(), self.tail);
        }
        cpu.tail().set_taken(mark.frames);
        self.find(cpu);
    }
}

/// The window under which `window` can still come after `last`.
pub fn behind(last: Option<Window>, window: Window) -> Window {
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
        self.first = NONE;
        self.next = None;
        for ((cpu, cursor), number) in cpus.each().zip(&mut *cursors).zip(0..) {
            if !cpu.tally().is_as(&cursor.seen) {
                cursor.seen = cpu.tally().snapshot();
                cursor.find(cpu);
            }
            self.list(cursor, number);
        }
    }

    /// Puts a CPU into the list, if something is due in it.
    fn list(&mut self, cursor: &mut Cursor, number: u32) {
        let Some((mark, _)) = cursor.due else { return };
        let its = behind(self.last, mark.window);
        self.next = Some(self.next.map_or(its, |next| next.earlier(its)));
        cursor.next = self.first;
        self.first = number;
    }

    /// The window that is to be taken next, as far as seen at the last [`Drain::look`]; `None`
    /// where nothing is to come.
    pub fn next(&self) -> Option<Window> {
        self.next
    }

    /// Whether `window` can be taken: every CPU has left it. One of an older epoch was left when the
    /// clock was set back.
    pub fn is_ready(&self, window: Window) -> bool {
        window.is_before(self.now)
    }

    /// Takes the next window, if it is ready.
    pub fn take(&mut self, cpus: &impl Cpus, cursors: &mut [Cursor]) -> Option<Taken> {
        let window = self.next.filter(|window| self.is_ready(*window))?;
        let mut taken = Taken {
            window,
            ..Taken::default()
        };
        let last = self.last.replace(window);
        self.next = None;
        let mut number = core::mem::replace(&mut self.first, NONE);
        while let Some(cursor) = cursors.get_mut(number as usize) {
            let Some(cpu) = cpus.get(number as usize) else {
                break;
            };
            let after = cursor.next;
            while let Some(due) = cursor.due {
                if behind(last, due.0.window) != window {
                    break;
                }
                cursor.take(cpu, due, &mut taken);
            }
            self.list(cursor, number);
            number = after;
        }
        Some(taken)
    }

    /// What all CPUs counted since the counter was made, at the last [`Drain::look`].
    pub fn totals(&self, cursors: &[Cursor]) -> Totals {
        cursors
            .iter()
            .fold(Totals::default(), |sum, cursor| Totals {
                frames: sum.frames.wrapping_add(cursor.seen.mark.frames),
                bytes: sum.bytes.wrapping_add(cursor.seen.mark.bytes),
            })
    }
}
