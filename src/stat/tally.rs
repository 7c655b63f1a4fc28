// SPDX-License-Identifier: GPL-2.0-or-later
//! One CPU's tally: its running totals, its open window, and the deadline of the fast path.

use super::fifo::{self, is_beyond, FreeSlots, Mark, Slot, Tail};
use super::window::Window;
use crate::rate::Unit;
use crate::sync::{fence, relax, AtomicU32, AtomicU64, Ordering};
use core::ops::Deref;

/// The bit of [`Tally::recent`] from which the frames are counted; the bytes are below.
pub const RECENT_FRAME_BIT: u32 = 40;
const RECENT_FRAME: u64 = 1 << RECENT_FRAME_BIT;
/// A packet that counts as more frames than this is not for the fast path: a GSO packet may be said
/// to have 65535 segments, of which 256 would be too many for [`Tally::recent`].
pub const RECENT_FRAMES_MAX: u64 = 256;

/// One CPU's tally, one cache line, written by its own CPU only.
///
/// The fast path adds a packet to `recent` with a single instruction, which neither an interrupt
/// nor a move to another CPU can split, and without a look at anything but this line. At the
/// deadline, every few milliseconds at the latest, [`Tally::count`] folds `recent` into the
/// totals: 24 bits of frames and 40 of bytes are plenty for that time.
///
/// # Invariants
///
/// Its own CPU alone writes it, `recent` by single additions but within an update. `sequence` is odd
/// during an update and even otherwise. `frames` and `bytes`, with what is in `recent`, are all that
/// this CPU ever counted: nothing is subtracted or reset. See Documentation/concurrency.md.
#[repr(C, align(64))]
pub struct Tally {
    /// When the fast path was last allowed, in ticks.
    pub base_ticks: AtomicU64,
    /// For how many ticks from then; 0: not at all.
    pub span_ticks: AtomicU64,
    /// What the fast path counted since.
    pub recent: AtomicU64,
    /// The open one, as [`Window::word`].
    window: AtomicU64,
    /// Frames and bytes since the counter was made, but for `recent`.
    frames: AtomicU64,
    bytes: AtomicU64,
    /// Windows that did not fit the FIFO.
    merged: AtomicU64,
    /// Odd while the totals are being updated.
    sequence: AtomicU32,
    /// Where the FIFO is written next.
    head: AtomicU32,
}

/// What a reader sees of a tally: one moment of it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Snapshot {
    sequence: u32,
    recent: u64,
    /// The open window and the totals.
    pub mark: Mark,
    /// Windows that did not fit the FIFO, ever.
    pub merged: u64,
    /// The FIFO's writing end.
    pub head: u32,
}

/// What a window closes into.
pub struct Closing<'a, S> {
    /// The slots of this CPU's FIFO.
    pub slots: &'a S,
    /// What is known of those that are free.
    pub free: &'a FreeSlots,
    /// The reader's end of it.
    pub tail: &'a Tail,
}

/// The bits of [`Tally::recent`] that count `unit`.
pub fn recent_mask(unit: Unit) -> u64 {
    match unit {
        Unit::Packets => !(RECENT_FRAME - 1),
        Unit::Bits => RECENT_FRAME - 1,
    }
}

/// `units`, as [`recent_mask`] leaves them of [`Tally::recent`]; the most that fits where they
/// are more.
pub fn recent_units(unit: Unit, units: u64) -> u64 {
    let most = u64::MAX >> RECENT_FRAME_BIT;
    match unit {
        Unit::Packets => units.min(most) << RECENT_FRAME_BIT,
        Unit::Bits => units.min(RECENT_FRAME - 1),
    }
}

/// What is added to [`Tally::recent`] for so many frames and bytes.
#[inline(always)]
pub fn recent_packet(frames: u64, bytes: u64) -> u64 {
    (frames << RECENT_FRAME_BIT).wrapping_add(bytes)
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

    /// The open window. For this CPU only.
    pub fn window(&self) -> Window {
        Window::from_word(self.window.load(Ordering::Relaxed))
    }

    /// The totals with `recent`, when `window` is open; of one piece only to this CPU or within a
    /// snapshot.
    fn mark(&self, window: Window, recent: u64) -> Mark {
        let frames = self.frames.load(Ordering::Relaxed);
        let bytes = self.bytes.load(Ordering::Relaxed);
        Mark {
            window,
            frames: frames.wrapping_add(recent_frames(recent)),
            bytes: bytes.wrapping_add(recent_bytes(recent)),
        }
    }

    /// Whether the fast path may go on at `ticks`. It looks for itself; this is for the others.
    pub fn is_in_time(&self, ticks: u64) -> bool {
        let since = ticks.wrapping_sub(self.base_ticks.load(Ordering::Relaxed));
        since < self.span_ticks.load(Ordering::Relaxed)
    }

    /// Lets the fast path go on from `ticks` for [`Tally::set_span`], which must follow. For this
    /// CPU only.
    pub fn set_base(&self, ticks: u64) {
        self.base_ticks.store(ticks, Ordering::Relaxed);
    }

    /// For how many ticks. For this CPU only.
    pub fn set_span(&self, span: u64) {
        self.span_ticks.store(span, Ordering::Relaxed);
    }

    /// Whether a packet of `frames` and `bytes` that is in `recent` may be in the wrong window at
    /// `ticks`: one was closed meanwhile, or the task was moved to another CPU, whose window may have
    /// ended long ago. For this CPU only.
    pub fn is_misplaced(&self, ticks: u64, frames: u64, bytes: u64) -> bool {
        let recent = self.recent.load(Ordering::Relaxed);
        let is_folded = recent_frames(recent) < frames || recent_bytes(recent) < bytes;
        !self.is_in_time(ticks) && !is_folded
    }

    /// Counts a packet of `frames` and `bytes`, of which `counted` is in `recent` already, in `window`,
    /// which is open now; closes the one before it. What is known early is stored early, so that the
    /// registers are enough.
    ///
    /// For this CPU only, and not to be interrupted by anything that counts on it.
    #[inline(always)]
    pub fn count<S: Deref<Target = [Slot]>>(
        &self,
        closing: &Closing<'_, S>,
        window: Window,
        frames: u64,
        bytes: u64,
        counted: u64,
    ) {
        let open = self.window();

        self.step_sequence(Ordering::Relaxed);
        // The odd sequence is seen before anything that follows it.
        fence(Ordering::Release);

        let recent = self.recent.load(Ordering::Relaxed).wrapping_sub(counted);
        self.recent.store(0, Ordering::Relaxed);
        let mark = self.mark(open, recent);
        let frames = mark.frames.wrapping_add(frames);
        let bytes = mark.bytes.wrapping_add(bytes);
        self.frames.store(frames, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);

        if !window.is_or_is_just_before(open) {
            self.window.store(window.word(), Ordering::Relaxed);
            self.close(closing, mark);
        }

        self.step_sequence(Ordering::Release);
    }

    /// Adds what the fast path has counted to the totals, in the window that is open.
    ///
    /// For this CPU only, and not to be interrupted by anything that counts on it.
    pub fn fold_recent(&self) {
        self.step_sequence(Ordering::Relaxed);
        // As in `count`.
        fence(Ordering::Release);
        let mark = self.mark(self.window(), self.recent.load(Ordering::Relaxed));
        self.recent.store(0, Ordering::Relaxed);
        self.frames.store(mark.frames, Ordering::Relaxed);
        self.bytes.store(mark.bytes, Ordering::Relaxed);
        self.step_sequence(Ordering::Release);
    }

    /// Frames or bytes since the counter was made, but for what the fast path counted since they were
    /// last added. For this CPU only.
    pub fn total(&self, unit: Unit) -> u64 {
        let total = match unit {
            Unit::Packets => &self.frames,
            Unit::Bits => &self.bytes,
        };
        total.load(Ordering::Relaxed)
    }

    /// One instruction: only this CPU writes it.
    fn step_sequence(&self, order: Ordering) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), order);
    }

    /// Leaves the totals of a window that has ended in the FIFO. Where none is free the window is
    /// merged: its counts stay in the totals and come with the next one that fits.
    fn close<S: Deref<Target = [Slot]>>(&self, closing: &Closing<'_, S>, mark: Mark) {
        // Nothing was counted that the reader has not taken already.
        if !is_beyond(mark.frames, closing.tail.taken()) {
            return;
        }
        let head = self.head.load(Ordering::Relaxed);
        match fifo::push(closing.slots, head, closing.free, closing.tail, mark) {
            Some(head) => self.head.store(head, Ordering::Release),
            None => {
                let merged = self.merged.load(Ordering::Relaxed).wrapping_add(1);
                self.merged.store(merged, Ordering::Relaxed);
                fifo::set_merged(closing.slots, head, merged);
            }
        }
    }

    /// Where the FIFO is written next. For this CPU only.
    pub fn head(&self) -> u32 {
        self.head.load(Ordering::Relaxed)
    }

    /// Whether `seen` is still how it stands: nothing was counted since, nor closed.
    pub fn is_as(&self, seen: &Snapshot) -> bool {
        self.sequence.load(Ordering::Relaxed) == seen.sequence
            && self.recent.load(Ordering::Relaxed) == seen.recent
    }

    /// One moment of the tally. Any CPU, any context that the tally's CPU does not wait for.
    pub fn snapshot(&self) -> Snapshot {
        loop {
            let sequence = self.sequence.load(Ordering::Acquire);
            let recent = self.recent.load(Ordering::Relaxed);
            let snapshot = Snapshot {
                sequence,
                recent,
                mark: self.mark(self.window(), recent),
                merged: self.merged.load(Ordering::Relaxed),
                // Acquire: the marks below it have been written.
                head: self.head.load(Ordering::Acquire),
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
