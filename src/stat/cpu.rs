// SPDX-License-Identifier: GPL-2.0-or-later
//! What a counter has on each CPU, and what a packet does to it.

use super::clock::{Clock, Moment, RealTime};
use super::fifo::{self, Room, Slot, Tail};
use super::tally::{Closing, Tally};
use super::wake::WakeRequest;
use super::window::Window;
use core::num::NonZeroU64;
use core::ops::Deref;

/// What a packet leaves to be done later.
pub trait Timer {
    /// Wakes those who poll the counter in `in_ns`, unless it will do so sooner. Any context.
    fn start(&self, in_ns: u64);
    /// Has what the CPUs have closed collected soon, by a task. Any context.
    fn collect(&self);
}

/// The tallies of a counter with `--wire` have this bit of the ticks the other way round, half of
/// their range away. So the fast path of packets that are not looked at finds each of them late,
/// without a look at the rule; one that knows what a packet counts as turns the bit back.
pub const WIRE_TICKS: u64 = 1 << 63;

/// What all CPUs of a counter need when a window ends.
///
/// # Invariants
///
/// But for the request and what the timer has inside, nothing changes after it was made.
pub struct Shared<T> {
    period_ns: NonZeroU64,
    /// What the ticks of its tallies differ in from the clock's: [`WIRE_TICKS`] or nothing.
    ticks_shift: u64,
    request: WakeRequest,
    timer: T,
}

impl<T: Timer> Shared<T> {
    /// For windows of `period_ns`. `wire`: whether a GSO packet counts as its segments, so that each
    /// packet has to be looked at; see [`WIRE_TICKS`].
    pub fn new(period_ns: NonZeroU64, wire: bool, timer: T) -> Self {
        Self {
            period_ns,
            ticks_shift: if wire { WIRE_TICKS } else { 0 },
            request: WakeRequest::default(),
            timer,
        }
    }

    /// Width of a window.
    pub fn period_ns(&self) -> NonZeroU64 {
        self.period_ns
    }

    /// See [`WakeRequest`].
    pub fn request(&self) -> &WakeRequest {
        &self.request
    }

    /// `moment`, in the ticks of its tallies.
    fn of_tallies(&self, moment: Moment) -> Moment {
        let ticks = moment.ticks ^ self.ticks_shift;
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
/// Its CPU alone writes the first cache line, the tally, and the room, once for each half of its
/// FIFO; one reader at a time writes the tail, in the same line, which the CPU reads when a window
/// ends. The rest never changes.
#[repr(C, align(64))]
pub struct CpuCounter<Slots, Link> {
    tally: Tally,
    tail: Tail,
    room: Room,
    link: Link,
    slots: Slots,
}

const _: () =
    assert!(core::mem::size_of::<CpuCounter<&[Slot], &Shared<()>>>() == 128 || cfg!(pktstat_loom));

impl<Slots, Link> CpuCounter<Slots, Link> {
    /// Where the tally is, for the fast path.
    pub const TALLY_OFFSET: usize = core::mem::offset_of!(Self, tally);

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
    /// Has counted nothing, and has `window` open. `slots`: one more than closed windows.
    pub fn new(window: Window, slots: Slots, link: Link) -> Self {
        Self {
            tally: Tally::new(window),
            tail: Tail::default(),
            room: Room::new(&slots),
            link,
            slots,
        }
    }

    /// Whether its FIFO is full, when nobody counts or reads.
    pub fn is_full(&self) -> bool {
        fifo::is_full(&self.slots, self.tally.head(), &self.tail)
    }

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
    #[inline(always)]
    fn closing<'a>(&'a self, shared: &'a Shared<T>) -> Closing<'a, Slots> {
        Closing {
            period_ns: shared.period_ns,
            slots: &self.slots,
            room: &self.room,
            tail: &self.tail,
        }
    }

    /// Counts `frames` and `bytes`, closes the window if it has ended, and sets the fast path's
    /// deadline.
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
        let shared: &Shared<T> = &self.link;
        let closing = self.closing(shared);
        self.tally.set_base(moment.ticks);
        let rest_ns = self.tally.count(&closing, moment.time, frames, bytes);
        self.set_span(shared, clock, rest_ns);
    }

    /// Counts a packet of `frames` and `bytes`, which the fast path has counted already, anew in the
    /// window of this moment if it may be in an older one.
    pub fn recount<R: RealTime>(&self, clock: &Clock<R>, moment: Moment, frames: u64, bytes: u64) {
        let shared: &Shared<T> = &self.link;
        let closing = self.closing(shared);
        let moment = shared.of_tallies(moment);
        if let Some(rest_ns) = self.tally.recount(&closing, moment, frames, bytes) {
            self.tally.set_base(moment.ticks);
            self.set_span(shared, clock, rest_ns);
        }
    }

    #[inline(always)]
    fn set_span<R: RealTime>(&self, shared: &Shared<T>, clock: &Clock<R>, rest_ns: u64) {
        self.tally.set_span(clock.span_ticks(rest_ns));
        // Last: nothing needs to be kept over the call.
        let is_requested = shared.request.is_set_after_counting();
        if is_requested | self.room.is_used_up() {
            self.leave_to_do(shared, rest_ns);
        }
    }

    #[cold]
    #[inline(never)]
    fn leave_to_do(&self, shared: &Shared<T>, rest_ns: u64) {
        if self.room.is_used_up() {
            let head = self.tally.head();
            if self.room.look(&self.slots, head, &self.tail) {
                shared.timer.collect();
            }
        }
        if shared.request.take() {
            shared.timer.start(rest_ns);
        }
    }
}
