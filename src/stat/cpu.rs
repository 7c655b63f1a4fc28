// SPDX-License-Identifier: GPL-2.0-or-later
//! What a counter has on each CPU, and what a packet does to it.

use super::clock::{Clock, Moment, RealTime};
use super::fifo::{self, FreeSlots, Slot, Tail};
use super::tally::{recent_mask, recent_packet, recent_units, Closing, Tally};
use super::threshold::{Reports, Share, Threshold};
use super::wake::WakeRequest;
use super::window::{Period, Window};
use crate::rate::Unit;
use crate::sync::{Exclusive, Ordering};
use core::num::NonZeroU64;
use core::ops::Deref;

/// What a packet leaves to be done later.
pub trait Timer {
    /// Around what CPUs report to each other, with `--above`.
    type Lock: Exclusive<Reports>;
    /// Wakes those who poll the counter in `in_ns`, unless it will do so sooner. Any context.
    fn start(&self, in_ns: u64);
    /// Has what the CPUs have closed collected soon, by a task. Any context.
    fn collect(&self);
}

/// The tallies of a counter with `--wire` or `--above` have this bit of the ticks the other way round,
/// half of their range away. So the fast path of counters without finds each packet late, without a
/// look at the rule; one that looked at the rule turns the bit back.
pub const SHIFTED_TICKS: u64 = 1 << 63;

/// What all CPUs of a counter need when a window ends.
///
/// # Invariants
///
/// But for the request and what the timer has inside, nothing changes after it was made.
pub struct Shared<T: Timer> {
    period: Period,
    /// What the ticks of its tallies differ in from the clock's: [`SHIFTED_TICKS`] or nothing.
    ticks_shift: u64,
    request: WakeRequest,
    timer: T,
    threshold: Option<Threshold<T::Lock>>,
}

impl<T: Timer> Shared<T> {
    /// For windows of `period_ns`. `wire`: whether a GSO packet counts as its segments, so that each
    /// packet has to be looked at; see [`SHIFTED_TICKS`].
    pub fn new(period_ns: NonZeroU64, wire: bool, timer: T) -> Self {
        Self {
            period: Period::new(period_ns),
            ticks_shift: if wire { SHIFTED_TICKS } else { 0 },
            request: WakeRequest::default(),
            timer,
            threshold: None,
        }
    }

    /// The same with `--above`.
    pub fn above(self, threshold: Threshold<T::Lock>) -> Self {
        Self {
            ticks_shift: SHIFTED_TICKS,
            threshold: Some(threshold),
            ..self
        }
    }

    /// Width of a window.
    pub fn period_ns(&self) -> NonZeroU64 {
        self.period.ns()
    }

    /// See [`WakeRequest`].
    pub fn request(&self) -> &WakeRequest {
        &self.request
    }

    /// These ticks, as its tallies have them.
    pub fn ticks_of_tallies(&self, ticks: u64) -> u64 {
        ticks ^ self.ticks_shift
    }

    /// The same of a moment.
    fn of_tallies(&self, moment: Moment) -> Moment {
        let ticks = self.ticks_of_tallies(moment.ticks);
        Moment { ticks, ..moment }
    }

    /// What is to be done later.
    pub fn timer(&self) -> &T {
        &self.timer
    }
}

/// One CPU's part of a counter: what it has counted, its FIFO, and the way to what is shared.
///
/// # Invariants
///
/// Its CPU alone writes the first cache line, the tally, and the second once for each half of its
/// FIFO; one reader at a time writes the tail, in the same line, which the CPU reads when a window
/// ends. The third line is used with `--above` only. The rest never changes.
#[repr(C, align(64))]
pub struct CpuCounter<Slots, Link> {
    tally: Tally,
    tail: Tail,
    free: FreeSlots,
    link: Link,
    slots: Slots,
    share: Share,
}

const _: () =
    assert!(core::mem::size_of::<CpuCounter<&[Slot], &()>>() == 192 || cfg!(pktstat_loom));

impl<Slots, Link> CpuCounter<Slots, Link> {
    /// Where the tally is, for the fast path.
    pub const TALLY_OFFSET: usize = core::mem::offset_of!(Self, tally);
    /// Where the share is, for the fast path.
    pub const SHARE_OFFSET: usize = core::mem::offset_of!(Self, share);

    /// Its tally.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Its part of `--above`.
    pub fn share(&self) -> &Share {
        &self.share
    }

    /// The reader's end of its FIFO.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }
}

impl<Slots: Deref<Target = [Slot]>, Link> CpuCounter<Slots, Link> {
    /// Whether its FIFO is full, when nobody counts or reads.
    pub fn is_full(&self) -> bool {
        fifo::is_full(&self.slots, self.tally.head(), &self.tail)
    }

    /// The slots of its FIFO.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }
}

impl<Slots, Link, T> CpuCounter<Slots, Link>
where
    Slots: Deref<Target = [Slot]>,
    Link: Deref<Target = Shared<T>>,
    T: Timer,
{
    /// Has counted nothing, and has `window` open. `slots`: one more than closed windows.
    pub fn new(window: Window, slots: Slots, link: Link) -> Self {
        let mask = link
            .threshold
            .as_ref()
            .map(Threshold::unit)
            .map(recent_mask);
        Self {
            tally: Tally::new(window),
            tail: Tail::default(),
            free: FreeSlots::new(&slots),
            link,
            slots,
            share: Share::new(mask.unwrap_or_default()),
        }
    }
}

/// For its own CPU only, and not to be interrupted by anything that counts on it.
impl<Slots, Link, T> CpuCounter<Slots, Link>
where
    Slots: Deref<Target = [Slot]>,
    Link: Deref<Target = Shared<T>>,
    T: Timer,
{
    #[inline(always)]
    fn closing(&self) -> Closing<'_, Slots> {
        Closing {
            slots: &self.slots,
            free: &self.free,
            tail: &self.tail,
        }
    }

    /// Counts `frames` and `bytes`, closes the window if it has ended, and sets the fast path's
    /// deadline.
    #[inline(always)]
    pub fn count<R: RealTime>(&self, clock: &Clock<R>, moment: Moment, frames: u64, bytes: u64) {
        self.count_as(clock, self.link.of_tallies(moment), frames, bytes);
    }

    /// The same for a packet of `bytes`, where a packet is a frame: not with `--wire`.
    #[inline(always)]
    pub fn count_packet<R: RealTime>(&self, clock: &Clock<R>, moment: Moment, bytes: u64) {
        self.count_as(clock, moment, 1, bytes);
    }

    #[inline(always)]
    fn count_as<R: RealTime>(&self, clock: &Clock<R>, moment: Moment, frames: u64, bytes: u64) {
        let (window, rest_ns) = self.open(clock, moment);
        self.tally.count(&self.closing(), window, frames, bytes, 0);
        self.look_for_more(rest_ns);
    }

    /// Counts a packet of `frames` and `bytes`, which the fast path has counted already, anew in the
    /// window of this moment if it may be in an older one. Whether it did.
    pub fn recount<R: RealTime>(
        &self,
        clock: &Clock<R>,
        moment: Moment,
        frames: u64,
        bytes: u64,
    ) -> bool {
        let moment = self.link.of_tallies(moment);
        let is_misplaced = self.tally.is_misplaced(moment.ticks, frames, bytes);
        if is_misplaced {
            let (window, rest_ns) = self.open(clock, moment);
            let counted = recent_packet(frames, bytes);
            self.tally
                .count(&self.closing(), window, frames, bytes, counted);
            self.look_for_more(rest_ns);
        }
        is_misplaced
    }

    /// With `--above`: counts `frames` and `bytes`, and returns whether the packet matches.
    pub fn count_above<R: RealTime>(
        &self,
        clock: &Clock<R>,
        moment: Moment,
        frames: u64,
        bytes: u64,
    ) -> bool {
        self.count(clock, moment, frames, bytes);
        self.is_match(frames, bytes, true)
    }

    /// The same for a packet that the fast path has counted already: it has counted as much as it may,
    /// or the packet may be in an older window.
    pub fn recount_above<R: RealTime>(
        &self,
        clock: &Clock<R>,
        moment: Moment,
        frames: u64,
        bytes: u64,
    ) -> bool {
        let is_moved = self.recount(clock, moment, frames, bytes);
        if !is_moved {
            // Where it is it stays, whenever the window ends: all that is reported is in the totals.
            self.tally.fold_recent();
        }
        self.is_match(frames, bytes, is_moved)
    }

    /// Whether a packet of `frames` and `bytes` matches, now that the totals have it; `is_last`:
    /// nothing was counted after it.
    fn is_match(&self, frames: u64, bytes: u64, is_last: bool) -> bool {
        let Some(threshold) = &self.link.threshold else {
            return true;
        };
        let unit = threshold.unit();
        let packet = match unit {
            _ if !is_last => 0,
            Unit::Packets => frames,
            Unit::Bits => bytes,
        };
        let total = self.tally.total(unit);
        let rest = self
            .share
            .look(threshold, self.tally.window(), total, packet);
        let bar = recent_units(unit, rest);
        self.share.bar.store(bar, Ordering::Relaxed);
        let is_match = self.share.is_above();
        if is_match {
            self.share.matched(frames, bytes);
        }
        is_match
    }

    /// The window of this moment, and how long it still is: the fast path may go on until then.
    #[inline(always)]
    fn open<R: RealTime>(&self, clock: &Clock<R>, moment: Moment) -> (Window, u64) {
        self.tally.set_base(moment.ticks);
        let (window, rest_ns) = Window::open(moment.time, &self.link.period);
        self.tally.set_span(clock.span_ticks(rest_ns));
        (window, rest_ns)
    }

    /// Whether a packet leaves something to be done: last, so that nothing is kept over a call.
    #[inline(always)]
    fn look_for_more(&self, rest_ns: u64) {
        if self.link.request.is_set_after_counting() | self.free.is_used_up() {
            self.leave_to_do(rest_ns);
        }
    }

    #[cold]
    #[inline(never)]
    fn leave_to_do(&self, rest_ns: u64) {
        let shared: &Shared<T> = &self.link;
        if self.free.is_used_up() {
            let head = self.tally.head();
            if self.free.look(&self.slots, head, &self.tail) {
                shared.timer.collect();
            }
        }
        if shared.request.take() {
            shared.timer.start(rest_ns);
        }
    }
}
