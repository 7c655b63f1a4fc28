// SPDX-License-Identifier: GPL-2.0-or-later
//! What a counter has on each CPU, and what a packet does to it.

use super::clock::Moment;
use super::fifo::{Slot, Tail};
use super::tally::{Closing, Tally};
use super::ticks::Ticks;
use super::wake::WakeRequest;
use super::window::{Runs, Window};
use core::num::NonZeroU64;
use core::ops::Deref;

/// Wakes those who poll a counter.
pub trait Timer {
    /// Lets it wake them in `in_ns`, unless it will do so sooner. Any context.
    fn start(&self, in_ns: u64);
    /// Wakes them now. Any context but a hard interrupt.
    fn wake(&self);
}

/// What all CPUs of a counter need when a window ends.
pub struct Shared<T> {
    period_ns: NonZeroU64,
    wire: bool,
    ticks: Ticks,
    runs: Runs,
    request: WakeRequest,
    timer: T,
}

impl<T: Timer> Shared<T> {
    /// For windows of `period_ns`. `wire`: whether a GSO packet counts as its segments, so that
    /// each packet has to be looked at.
    pub fn new(period_ns: NonZeroU64, wire: bool, khz: u32, timer: T) -> Self {
        Self {
            period_ns,
            wire,
            ticks: Ticks::of_khz(if wire { 0 } else { khz }),
            runs: Runs::default(),
            request: WakeRequest::default(),
            timer,
        }
    }

    /// Width of a window.
    pub fn period_ns(&self) -> NonZeroU64 {
        self.period_ns
    }

    /// Whether a GSO packet counts as its segments.
    #[inline(always)]
    pub fn wire(&self) -> bool {
        self.wire
    }

    /// See [`WakeRequest`].
    pub fn request(&self) -> &WakeRequest {
        &self.request
    }

    /// Wakes the pollers.
    pub fn timer(&self) -> &T {
        &self.timer
    }
}

/// One CPU's part of a counter: what it has counted, its FIFO, and the way to what is shared.
///
/// Its CPU writes the first cache line and nobody else does; readers write the second, which the
/// CPU reads when a window ends.
#[repr(C, align(64))]
pub struct CpuCounter<Slots, Link> {
    tally: Tally,
    tail: Tail,
    link: Link,
    slots: Slots,
}

const _: () =
    assert!(core::mem::size_of::<CpuCounter<&[Slot], &Shared<()>>>() == 128 || cfg!(pktstat_loom));

impl<Slots, Link> CpuCounter<Slots, Link> {
    /// Where the tally is, for the fast path.
    pub const TALLY_OFFSET: usize = core::mem::offset_of!(Self, tally);

    /// Has counted nothing, and has `window` open. `slots`: one more than closed windows.
    pub fn new(window: Window, slots: Slots, link: Link) -> Self {
        Self {
            tally: Tally::new(window),
            tail: Tail::default(),
            link,
            slots,
        }
    }

    /// Its tally.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The reader's end of its FIFO.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }
}

impl<Slots: Deref<Target = [Slot]>, Link> CpuCounter<Slots, Link> {
    /// The slots of its FIFO.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }
}

/// For its own CPU only, and not to be interrupted by anything that counts on it.
impl<Slots, Link, T> CpuCounter<Slots, Link>
where
    Slots: Deref<Target = [Slot]>,
    Link: Deref<Target = Shared<T>>,
    T: Timer,
{
    /// What all CPUs of the counter share.
    pub fn shared(&self) -> &Link {
        &self.link
    }

    #[inline(always)]
    fn closing<'a>(&'a self, shared: &'a Shared<T>) -> Closing<'a, Slots> {
        Closing {
            period_ns: shared.period_ns,
            runs: &shared.runs,
            slots: &self.slots,
            tail: &self.tail,
        }
    }

    /// Counts `frames` and `bytes`, closes the window if it has ended, and sets the fast path's
    /// deadline. False, and nothing is counted, where each packet has to be looked at or the clock
    /// was set back: then [`CpuCounter::count`].
    #[inline(always)]
    pub fn count_forward(&self, moment: Moment, frames: u64, bytes: u64) -> bool {
        let shared: &Shared<T> = &self.link;
        if shared.wire {
            return false;
        }
        let closing = self.closing(shared);
        self.tally.set_base(moment.ticks);
        let rest_ns = self
            .tally
            .count_forward(&closing, moment.now_ns, frames, bytes);
        rest_ns.is_some_and(|rest_ns| {
            self.set_span(shared, moment, rest_ns);
            true
        })
    }

    /// The same, whatever the clock did.
    pub fn count(&self, moment: Moment, frames: u64, bytes: u64) {
        let shared: &Shared<T> = &self.link;
        let closing = self.closing(shared);
        let rest_ns = self.tally.count(&closing, moment.now_ns, frames, bytes);
        self.tally.set_base(moment.ticks);
        self.set_span(shared, moment, rest_ns);
    }

    /// Counts a packet of `bytes`, which the fast path has counted already, anew in the window of
    /// this moment if it may be in an older one.
    pub fn recount(&self, moment: Moment, bytes: u64) {
        let shared: &Shared<T> = &self.link;
        let closing = self.closing(shared);
        let Moment { ticks, now_ns, .. } = moment;
        if let Some(rest_ns) = self.tally.recount(&closing, ticks, now_ns, bytes) {
            self.tally.set_base(ticks);
            self.set_span(shared, moment, rest_ns);
        }
    }

    #[inline(always)]
    fn set_span(&self, shared: &Shared<T>, moment: Moment, rest_ns: u64) {
        let span = if moment.ticks_stable {
            shared.ticks.span(rest_ns)
        } else {
            0
        };
        self.tally.set_span(span);
        // Last: nothing needs to be kept over the call.
        if shared.request.take() {
            shared.timer.start(rest_ns);
        }
    }
}
