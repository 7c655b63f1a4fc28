// SPDX-License-Identifier: GPL-2.0-or-later
//! Draining: what all CPUs have closed, merged into windows of the counter, oldest first.
//!
//! A window that has ended while no packet came to close it is taken from the totals as they
//! stand. What was counted in a window after it was taken comes with a later one.

use super::cpu::CpuCounter;
use super::fifo::{self, is_beyond, Mark, Slot};
use super::ring::Taken;
use super::tally::Snapshot;
use super::window::Window;
use core::ops::Deref;

/// Windows that are taken at once, between two pauses.
pub const BATCH: usize = 32;

/// No CPU's number.
const NONE: u32 = u32::MAX;

/// What was taken of one CPU.
#[derive(Clone, Copy, Default, Debug)]
pub struct Cursor {
    seen: Snapshot,
    /// Frames and bytes that have been taken, ever, and the windows merged up to there.
    frames: u64,
    bytes: u64,
    merged: u64,
    tail: u32,
    /// Whether it is in the list of those in which something is due, the next one there, and the
    /// oldest window in which something is still to be taken.
    is_listed: bool,
    next: u32,
    due: Window,
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
/// the list that begins at `first` exactly where its cursor has something due, and `next` is the
/// oldest window of those.
pub struct Drain {
    /// The window that was open before the tallies were looked at.
    now: Window,
    /// The last window that was taken.
    last: Option<Window>,
    /// The oldest window in which something is due; of some CPUs it may have been taken.
    next: Option<Window>,
    /// The first CPU in which something is due: only those cost anything.
    first: u32,
    batch: Batch,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            now: Window::default(),
            last: None,
            next: None,
            first: NONE,
            batch: Batch {
                first: Window::default(),
                windows: 0,
                counted: 0,
                sums: [Sum::default(); BATCH],
            },
        }
    }
}

/// What was taken of one window.
#[derive(Clone, Copy, Default)]
struct Sum {
    frames: u64,
    bytes: u64,
    merged: u64,
}

/// The windows that are taken at once: each CPU's part of all of them, one CPU after the other.
///
/// # Invariants
///
/// Bit n of `counted` says that the window n after `first` has counts; the sums of the others are
/// zero. `windows` is at most [`BATCH`].
struct Batch {
    first: Window,
    windows: u64,
    counted: u64,
    sums: [Sum; BATCH],
}

impl Batch {
    /// The window that counts of `window` come with; `None` where that is a later one.
    #[inline(always)]
    fn place(&self, window: Window) -> Option<usize> {
        let behind_first = if window.is_before(self.first) {
            0
        } else {
            window.since(self.first)
        };
        (behind_first < self.windows).then_some(behind_first as usize)
    }

    #[inline(always)]
    fn add(&mut self, place: usize, frames: u64, bytes: u64, merged: u64) {
        if let Some(sum) = self.sums.get_mut(place) {
            sum.frames = sum.frames.wrapping_add(frames);
            sum.bytes = sum.bytes.wrapping_add(bytes);
            // Most often none are, and else the CPUs have merged the same windows.
            if merged != 0 {
                sum.merged = sum.merged.max(merged);
            }
            self.counted |= 1_u64.wrapping_shl(place as u32);
        }
    }

    /// Takes the oldest window out of it.
    #[inline(always)]
    fn take(&mut self) -> Option<Taken> {
        let place = self.counted.trailing_zeros();
        let sum = core::mem::take(self.sums.get_mut(place as usize)?);
        self.counted &= self.counted.wrapping_sub(1);
        Some(Taken {
            window: self.first.after(place.into()),
            frames: sum.frames,
            bytes: sum.bytes,
            merged: sum.merged,
        })
    }
}

/// What [`Cursor::take_up_to`] found.
#[derive(PartialEq, Eq)]
enum Due {
    /// It has been taken before: a packet that was counted anew in a later window can leave a mark
    /// behind what was taken with it.
    Nothing,
    /// It is in the batch.
    Taken,
    /// It is of a window after the batch's, which the cursor has as `due`.
    Later,
}

impl Cursor {
    /// Takes what is due up to `mark`, and the windows merged up to there, into `batch`.
    #[inline(always)]
    fn take_up_to(&mut self, mark: &Mark, merged: u64, batch: &mut Batch) -> Due {
        if !is_beyond(mark.frames, self.frames) || is_beyond(self.bytes, mark.bytes) {
            return Due::Nothing;
        }
        let Some(place) = batch.place(mark.window) else {
            self.due = mark.window;
            return Due::Later;
        };
        let frames = mark.frames.wrapping_sub(self.frames);
        let bytes = mark.bytes.wrapping_sub(self.bytes);
        batch.add(place, frames, bytes, self.newly_merged(merged));
        self.frames = mark.frames;
        self.bytes = mark.bytes;
        Due::Taken
    }

    /// How many windows were merged up to where `merged` stands, of which nothing is known yet.
    #[inline(always)]
    fn newly_merged(&mut self, merged: u64) -> u64 {
        if !is_beyond(merged, self.merged) {
            return 0;
        }
        merged.wrapping_sub(core::mem::replace(&mut self.merged, merged))
    }

    /// Takes what is due in `batch`'s windows. Returns whether something is due in a later one.
    #[inline(always)]
    fn take(
        &mut self,
        cpu: &CpuCounter<impl Deref<Target = [Slot]>, impl Sized>,
        batch: &mut Batch,
    ) -> bool {
        // What is written often is here, and not in memory.
        let mut at = *self;
        let slots = cpu.slots();
        let is_all = loop {
            let Some((mark, merged)) = fifo::front(slots, at.seen.head, at.tail) else {
                // What the FIFO does not have is in the window that was open.
                let seen = at.seen;
                break at.take_up_to(&seen.mark, seen.merged, batch) != Due::Later;
            };
            match at.take_up_to(&mark, merged, batch) {
                Due::Taken => {}
                // Those are in what was taken before.
                Due::Nothing => {
                    at.newly_merged(merged);
                }
                Due::Later => break false,
            }
            at.tail = fifo::after(at.tail, slots);
        };
        if at.tail != self.tail {
            cpu.tail().set(at.tail);
        }
        if at.frames != self.frames {
            cpu.tail().set_taken(at.frames);
        }
        self.frames = at.frames;
        self.bytes = at.bytes;
        self.merged = at.merged;
        self.tail = at.tail;
        self.due = at.due;
        !is_all
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
    /// The window that was open at the last look.
    pub fn now(&self) -> Window {
        self.now
    }

    /// In place of a look that would find nothing: `now` is open.
    pub fn set_now(&mut self, now: Window) {
        self.now = now;
    }

    /// Looks at every CPU anew, and returns whether one has counted. `now` is the window of the time
    /// that was just read: what is counted from here on is counted in it or a later one.
    pub fn look(&mut self, cpus: &impl Cpus, cursors: &mut [Cursor], now: Window) -> bool {
        self.now = now;
        let mut is_changed = false;
        let count = cursors.len();
        let mut rest = cursors.iter_mut();
        for cpu in cpus.each() {
            let Some(cursor) = rest.next() else {
                break;
            };
            // Most CPUs have counted nothing since.
            if cpu.tally().is_as(&cursor.seen) {
                continue;
            }
            cursor.seen = cpu.tally().snapshot();
            is_changed = true;
            if !cursor.is_listed {
                cursor.is_listed = true;
                let number = count.wrapping_sub(rest.len()).wrapping_sub(1);
                // CAST: as many as there are CPUs.
                self.list(cursor, number as u32);
            }
        }
        if is_changed {
            self.batch.windows = 0;
            self.pass(cpus, cursors);
        }
        is_changed
    }

    /// Puts a CPU into the list.
    fn list(&mut self, cursor: &mut Cursor, number: u32) {
        cursor.next = self.first;
        self.first = number;
    }

    /// Takes what is due in `batch`'s windows of each CPU in the list, and leaves those in it in which
    /// more is due.
    fn pass(&mut self, cpus: &impl Cpus, cursors: &mut [Cursor]) {
        let mut number = core::mem::replace(&mut self.first, NONE);
        let mut next: Option<Window> = None;
        while let Some(cursor) = cursors.get_mut(number as usize) {
            let Some(cpu) = cpus.get(number as usize) else {
                break;
            };
            let after = cursor.next;
            cursor.is_listed = cursor.take(cpu, &mut self.batch);
            if cursor.is_listed {
                next = Some(next.map_or(cursor.due, |next| next.earlier(cursor.due)));
                self.list(cursor, number);
            }
            number = after;
        }
        self.next = next;
    }

    /// The window that is to be taken next, as far as seen at the last [`Drain::look`]; `None`
    /// where nothing is to come.
    pub fn next(&self) -> Option<Window> {
        self.next.map(|next| behind(self.last, next))
    }

    /// Whether `window` can be taken: every CPU has left it. One of an older epoch was left when the
    /// clock was set back.
    pub fn is_ready(&self, window: Window) -> bool {
        window.is_before(self.now)
    }

    /// Takes the next windows that are ready, [`BATCH`] at most, and calls `each` for those that have
    /// counts, the oldest first. False where none is ready.
    pub fn take(
        &mut self,
        cpus: &impl Cpus,
        cursors: &mut [Cursor],
        mut each: impl FnMut(&Taken),
    ) -> bool {
        let Some(next) = self.next().filter(|next| self.is_ready(*next)) else {
            return false;
        };
        self.batch.first = next;
        self.batch.windows = self.now.since(next).min(BATCH as u64);
        self.pass(cpus, cursors);
        while let Some(taken) = self.batch.take() {
            self.last = Some(taken.window);
            each(&taken);
        }
        true
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
