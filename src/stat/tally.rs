// SPDX-License-Identifier: GPL-2.0-or-later
//! One CPU's tally: its running totals, its open window, and the deadline of the fast path.

use super::fifo::{self, is_beyond, Mark, Slot, Tail};
use super::window::{Runs, Window};
use crate::sync::{fence, relax, AtomicU32, AtomicU64, Ordering};
use core::num::NonZeroU64;

/// The bit of [`Tally::recent`] from which the frames are counted; the bytes are below.
pub const RECENT_FRAME_BIT: u32 = 40;
const RECENT_FRAME: u64 = 1 << RECENT_FRAME_BIT;

/// One CPU's tally, one cache line, written by its own CPU only.
///
/// The fast path adds a packet to `recent` with a single instruction, which neither an interrupt
/// nor a move to another CPU can split, and without a look at anything but this line. At the
/// deadline, every few milliseconds at the latest, [`Tally::turn`] folds `recent` into the
/// totals: 24 bits of frames and 40 of bytes are plenty for that time.
#[repr(C, align(64))]
pub struct Tally {
    /// When the fast path was last allowed, in ticks.
    pub base_ticks: AtomicU64,
    /// For how many ticks from then; 0: not at all.
    pub span_ticks: AtomicU64,
    /// What the fast path counted since.
    pub recent: AtomicU64,
    window: AtomicU64,
    frames: AtomicU64,
    bytes: AtomicU64,
    merged: AtomicU64,
    /// Odd while the line is not of one piece.
    sequence: AtomicU32,
    head: AtomicU32,
}

/// What a reader sees of a tally: one moment of it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Snapshot {
    /// The open window and the totals.
    pub mark: Mark,
    /// The FIFO's writing end.
    pub head: u32,
    /// Windows that did not fit the FIFO, ever.
    pub merged: u64,
}

/// What a window closes into.
pub struct Closing<'a> {
    /// Width of a window.
    pub period_ns: NonZeroU64,
    /// The runs of the clock, the same for all of a counter's CPUs.
    pub runs: &'a Runs,
    /// The slots of this CPU's FIFO.
    pub slots: &'a [Slot],
    /// The reader's end of it.
    pub tail: &'a Tail,
}

/// A packet that the fast path could not see to its end.
#[derive(Clone, Copy, Debug)]
pub enum Packet {
    /// The deadline has passed; it is not counted yet.
    Late {
        /// What it counts as.
        frames: u64,
        /// Its bytes.
        bytes: u64,
    },
    /// It is in `recent`, but a window was turned meanwhile, or the task was moved to another
    /// CPU, whose window may have ended long ago.
    Moved {
        /// Its bytes.
        bytes: u64,
    },
}

fn recent_frames(recent: u64) -> u64 {
    recent >> RECENT_FRAME_BIT
}

fn recent_bytes(recent: u64) -> u64 {
    recent & (RECENT_FRAME - 1)
}

impl Tally {
    /// A tally that has counted nothing, with `window` open.
    ///
    /// A task can be moved here in the middle of the fast path before any packet was: what it
    /// counts needs a window too.
    pub fn new(window: Window) -> Self {
        Self {
            base_ticks: AtomicU64::new(0),
            span_ticks: AtomicU64::new(0),
            recent: AtomicU64::new(0),
            window: AtomicU64::new(window.word()),
            frames: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            merged: AtomicU64::new(0),
            sequence: AtomicU32::new(0),
            head: AtomicU32::new(0),
        }
    }

    /// The open window and the totals; of one piece only to this CPU or within a snapshot.
    fn mark(&self, recent: u64) -> Mark {
        let frames = self.frames.load(Ordering::Relaxed);
        let bytes = self.bytes.load(Ordering::Relaxed);
        Mark {
            window: Window::from_word(self.window.load(Ordering::Relaxed)),
            frames: frames.wrapping_add(recent_frames(recent)),
            bytes: bytes.wrapping_add(recent_bytes(recent)),
        }
    }

    /// Whether the fast path may go on at `ticks`. It looks for itself; this is for the others.
    pub fn is_in_time(&self, ticks: u64) -> bool {
        let since = ticks.wrapping_sub(self.base_ticks.load(Ordering::Relaxed));
        since < self.span_ticks.load(Ordering::Relaxed)
    }

    /// Lets the fast path go on for `span` from `ticks`. For this CPU only.
    pub fn set_deadline(&self, ticks: u64, span: u64) {
        self.base_ticks.store(ticks, Ordering::Relaxed);
        self.span_ticks.store(span, Ordering::Relaxed);
    }

    /// Counts `packet` at `ticks` and, no earlier, `now_ns` (wall clock), turning the window if
    /// it has ended. Returns how long the open window still is, or `None` where the packet stands
    /// where it should.
    ///
    /// For this CPU only, and not to be interrupted by anything that counts on it.
    pub fn turn(
        &self,
        closing: &Closing<'_>,
        ticks: u64,
        now_ns: u64,
        packet: Packet,
    ) -> Option<NonZeroU64> {
        let (back, frames, bytes) = match packet {
            Packet::Late { frames, bytes } => (0, frames, bytes),
            Packet::Moved { .. } if self.is_in_time(ticks) => return None,
            Packet::Moved { bytes } => {
                let recent = self.recent.load(Ordering::Relaxed);
                if recent_frames(recent) == 0 || recent_bytes(recent) < bytes {
                    return None;
                }
                (RECENT_FRAME.wrapping_add(bytes), 1, bytes)
            }
        };
        Some(self.count(closing, now_ns, back, frames, bytes))
    }

    /// Counts `frames` and `bytes` in the window of `now_ns`, after taking `back` out of `recent`.
    #[inline(always)]
    fn count(
        &self,
        closing: &Closing<'_>,
        now_ns: u64,
        back: u64,
        frames: u64,
        bytes: u64,
    ) -> NonZeroU64 {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence
            .store(sequence.wrapping_add(1), Ordering::Relaxed);
        // The odd sequence is seen before anything that follows it.
        fence(Ordering::Release);

        let mark = self.mark(self.recent.load(Ordering::Relaxed).wrapping_sub(back));
        self.recent.store(0, Ordering::Relaxed);
        let open_rest_ns = mark.window.rest_ns(now_ns, closing.period_ns);
        let rest_ns = open_rest_ns.unwrap_or_else(|| {
            self.close(closing, mark);
            let run = closing.runs.after(mark.window, now_ns, closing.period_ns);
            let window = Window::at(now_ns, closing.period_ns, run);
            self.window.store(window.word(), Ordering::Relaxed);
            let rest_ns = window.rest_ns(now_ns, closing.period_ns);
            rest_ns.unwrap_or(closing.period_ns)
        });
        let frames = mark.frames.wrapping_add(frames);
        let bytes = mark.bytes.wrapping_add(bytes);
        self.frames.store(frames, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);

        self.sequence
            .store(sequence.wrapping_add(2), Ordering::Release);
        rest_ns
    }

    /// Leaves the totals of a window that has ended in the FIFO. Without room the window is
    /// merged: its counts stay in the totals and come with the next one that fits.
    fn close(&self, closing: &Closing<'_>, mark: Mark) {
        // Nothing was counted that the reader has not taken already.
        if !is_beyond(mark.frames, closing.tail.taken()) {
            return;
        }
        let head = self.head.load(Ordering::Relaxed);
        match fifo::push(closing.slots, head, closing.tail, mark) {
            Some(head) => self.head.store(head, Ordering::Release),
            None => {
                let merged = self.merged.load(Ordering::Relaxed);
                self.merged.store(merged.wrapping_add(1), Ordering::Relaxed);
            }
        }
    }

    /// One moment of the tally. Any CPU, any context that the tally's CPU does not wait for.
    pub fn snapshot(&self) -> Snapshot {
        loop {
            let sequence = self.sequence.load(Ordering::Acquire);
            let snapshot = Snapshot {
                mark: self.mark(self.recent.load(Ordering::Relaxed)),
                // Acquire: the marks below it have been written.
                head: self.head.load(Ordering::Acquire),
                merged: self.merged.load(Ordering::Relaxed),
            };
            // What was read above is read before the sequence is looked at again.
            fence(Ordering::Acquire);
            if sequence & 1 == 0 && sequence == self.sequence.load(Ordering::Relaxed) {
                return snapshot;
            }
            relax();
        }
    }
}
