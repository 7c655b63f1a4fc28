// SPDX-License-Identifier: GPL-2.0-or-later
//! One CPU's tally: its running totals, its open window, and the deadline of the fast path.

use super::fifo::{self, is_beyond, Mark, Slot, Tail};
use super::window::{Run, Runs, Window};
use crate::sync::{fence, relax, AtomicU32, AtomicU64, Ordering};
use core::num::NonZeroU64;
use core::ops::Deref;

/// The bit of [`Tally::recent`] from which the frames are counted; the bytes are below.
pub const RECENT_FRAME_BIT: u32 = 40;
const RECENT_FRAME: u64 = 1 << RECENT_FRAME_BIT;

/// One CPU's tally, one cache line, written by its own CPU only.
///
/// The fast path adds a packet to `recent` with a single instruction, which neither an interrupt
/// nor a move to another CPU can split, and without a look at anything but this line. At the
/// deadline, every few milliseconds at the latest, [`Tally::count`] folds `recent` into the
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
    /// Odd while the totals are being updated.
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
pub struct Closing<'a, S> {
    /// Width of a window.
    pub period_ns: NonZeroU64,
    /// The runs of the clock, the same for all of a counter's CPUs.
    pub runs: &'a Runs,
    /// The slots of this CPU's FIFO.
    pub slots: &'a S,
    /// The reader's end of it.
    pub tail: &'a Tail,
}

/// What is to be counted.
struct Packet {
    frames: u64,
    bytes: u64,
    /// What of it is in `recent` already.
    back: u64,
}

impl Packet {
    /// One that no fast path has counted.
    fn late(frames: u64, bytes: u64) -> Self {
        Self {
            frames,
            bytes,
            back: 0,
        }
    }
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

    fn window(&self) -> Window {
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

    /// Counts `frames` and `bytes` at `now_ns` (wall clock), turning the window if it has ended.
    /// Returns how long the open window still is: at least 1, at most a period.
    ///
    /// For this CPU only, and not to be interrupted by anything that counts on it.
    pub fn count<S: Deref<Target = [Slot]>>(
        &self,
        closing: &Closing<'_, S>,
        now_ns: u64,
        frames: u64,
        bytes: u64,
    ) -> u64 {
        self.count_any_step(closing, now_ns, &Packet::late(frames, bytes))
    }

    /// The same where the clock has not been stepped back before the open window; `None`, and
    /// nothing is counted, where it has.
    #[inline(always)]
    pub fn count_forward<S: Deref<Target = [Slot]>>(
        &self,
        closing: &Closing<'_, S>,
        now_ns: u64,
        frames: u64,
        bytes: u64,
    ) -> Option<u64> {
        let open = self.window();
        if now_ns < open.start_ns(closing.period_ns) {
            return None;
        }
        let packet = Packet::late(frames, bytes);
        Some(self.fold(closing, now_ns, open, closing.runs.run(), &packet))
    }

    /// Counts anew a packet of `bytes` that is in `recent`, if it may be in the wrong window: one
    /// was turned meanwhile, or the task was moved to another CPU, whose window may have ended long
    /// ago. `now_ns` is no earlier than `ticks`. Returns what [`Tally::count`] does, or `None` where
    /// the packet stands where it should.
    ///
    /// For this CPU only, and not to be interrupted by anything that counts on it.
    pub fn recount<S: Deref<Target = [Slot]>>(
        &self,
        closing: &Closing<'_, S>,
        ticks: u64,
        now_ns: u64,
        bytes: u64,
    ) -> Option<u64> {
        let recent = self.recent.load(Ordering::Relaxed);
        if self.is_in_time(ticks) || recent_frames(recent) == 0 || recent_bytes(recent) < bytes {
            return None;
        }
        let packet = Packet {
            frames: 1,
            bytes,
            back: RECENT_FRAME.wrapping_add(bytes),
        };
        Some(self.count_any_step(closing, now_ns, &packet))
    }

    /// Counts `packet` in the window of `now_ns`, wherever the clock went.
    fn count_any_step<S: Deref<Target = [Slot]>>(
        &self,
        closing: &Closing<'_, S>,
        now_ns: u64,
        packet: &Packet,
    ) -> u64 {
        let open = self.window();
        let run = closing.runs.after(open, now_ns, closing.period_ns);
        self.fold(closing, now_ns, open, run, packet)
    }

    /// Counts `packet` in the window of `now_ns`, which is in the run `run` if `open` has ended.
    /// What is known early is stored early, so that the registers are enough.
    #[inline(always)]
    fn fold<S: Deref<Target = [Slot]>>(
        &self,
        closing: &Closing<'_, S>,
        now_ns: u64,
        open: Window,
        run: Run,
        packet: &Packet,
    ) -> u64 {
        self.step_sequence(Ordering::Relaxed);
        // The odd sequence is seen before anything that follows it.
        fence(Ordering::Release);

        let recent = self
            .recent
            .load(Ordering::Relaxed)
            .wrapping_sub(packet.back);
        self.recent.store(0, Ordering::Relaxed);
        let mark = self.mark(open, recent);
        let frames = mark.frames.wrapping_add(packet.frames);
        let bytes = mark.bytes.wrapping_add(packet.bytes);
        self.frames.store(frames, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);

        let open_rest_ns = open.rest_ns(now_ns, closing.period_ns);
        let rest_ns = open_rest_ns.unwrap_or_else(|| {
            let (window, rest_ns) = Window::open(now_ns, closing.period_ns, run);
            self.window.store(window.word(), Ordering::Relaxed);
            self.close(closing, mark);
            rest_ns
        });

        self.step_sequence(Ordering::Release);
        rest_ns
    }

    /// One instruction: only this CPU writes it.
    fn step_sequence(&self, order: Ordering) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), order);
    }

    /// Leaves the totals of a window that has ended in the FIFO. Without room the window is
    /// merged: its counts stay in the totals and come with the next one that fits.
    fn close<S: Deref<Target = [Slot]>>(&self, closing: &Closing<'_, S>, mark: Mark) {
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
                mark: self.mark(self.window(), self.recent.load(Ordering::Relaxed)),
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
