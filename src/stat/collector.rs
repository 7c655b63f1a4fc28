// SPDX-License-Identifier: GPL-2.0-or-later
//! The collector: merges what the CPUs have closed into the counter's windows, for all readers.
//!
//! It runs when somebody reads, polls or asks, and in a task that a CPU wants when half of its FIFO
//! is full; one at a time. Each window goes into two rings. `data` is a FIFO: it keeps the oldest
//! windows that nobody has read, and merges what does not fit. `history` keeps the newest ones, and
//! each of its readers has a position of its own.

use super::cpu::{Shared, Timer};
use super::drain::{behind, Cpus, Cursor, Drain, Totals};
use super::fifo::Slot;
use super::host::Host;
use super::idle::Idle;
use super::ring::{Closed, Position, Ring, Taken};
use super::window::Window;
use core::mem::size_of;
use core::num::NonZeroU64;
use core::ops::DerefMut;

/// How long a CPU's FIFO must do, until the collector comes.
const FIFO_NS: u64 = 20_000_000;
const FIFO_LEAST: u64 = 64;
/// When a poller looks again who found nothing, while packets may be on their way: a grace period
/// has most often passed.
pub const LOOK_AGAIN_NS: u64 = 100_000_000;

/// How many windows a CPU's FIFO holds, in a counter of `samples`.
pub fn fifo_windows(period_ns: NonZeroU64, samples: u32) -> u32 {
    let windows = FIFO_NS.div_ceil(period_ns.get()).max(FIFO_LEAST);
    // No more than `samples`, which fit.
    windows.min(samples.into()) as u32
}

/// How many windows `data`'s ring holds, in a counter of `samples`: one more, into which those are
/// merged that do not fit.
pub fn unread_windows(samples: u32) -> usize {
    (samples as usize).wrapping_add(1)
}

/// How many bytes the windows of a counter take, in its rings and on so many CPUs.
pub fn memory(period_ns: NonZeroU64, samples: u32, cpus: u64) -> u64 {
    let rings = (unread_windows(samples) as u64).saturating_add(samples.into());
    let fifo = u64::from(fifo_windows(period_ns, samples)).wrapping_add(1);
    let each = fifo
        .wrapping_mul(size_of::<Slot>() as u64)
        .wrapping_add(size_of::<Cursor>() as u64);
    let rings = rings.saturating_mul(size_of::<Closed>() as u64);
    rings.saturating_add(cpus.saturating_mul(each))
}

/// What was collected of a counter, and what of it `data`'s readers have had. `Cursors`: one for
/// each CPU.
pub struct Collector<Cursors, Slots> {
    drain: Drain,
    cursors: Cursors,
    idle: Idle,
    unread: Ring<Slots>,
    /// What a reader of `data` took and did not get.
    returned: Option<Taken>,
    /// Windows that did not fit, ever.
    merged: u64,
    history: Ring<Slots>,
}

/// How a counter stands.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Since the counter was made.
    pub totals: Totals,
    /// Closed windows that no reader of `data` has had.
    pub queued: u64,
    /// Windows that did not fit and came, or come, with another one's row.
    pub merged: u64,
}

impl<Cursors, Slots> Collector<Cursors, Slots>
where
    Cursors: DerefMut<Target = [Cursor]>,
    Slots: DerefMut<Target = [Closed]>,
{
    /// Nothing has been collected. `unread` holds [`unread_windows`], `history` as many windows
    /// as the counter has samples; all are as they are by default.
    pub fn new(cursors: Cursors, unread: Slots, history: Slots) -> Self {
        Self {
            drain: Drain::default(),
            cursors,
            idle: Idle::default(),
            unread: Ring::new(unread),
            returned: None,
            merged: 0,
            history: Ring::new(history),
        }
    }

    /// Collects what has closed by now, for a reader: nothing where the window is still open that was
    /// at the last look. What a packet that was late then has counted since comes with that window.
    pub fn collect_ended<T: Timer>(
        &mut self,
        shared: &Shared<T>,
        cpus: &impl Cpus,
        host: &impl Host,
    ) {
        let now = Window::at(host.now(), shared.period_ns());
        if now != self.drain.now() {
            self.collect_at(now, shared, cpus, host);
        }
    }

    /// Collects what has closed by now. What was counted by now is in the totals.
    pub fn collect<T: Timer>(&mut self, shared: &Shared<T>, cpus: &impl Cpus, host: &impl Host) {
        let now = Window::at(host.now(), shared.period_ns());
        self.collect_at(now, shared, cpus, host);
    }

    /// The same; `now` is the window of the time that was just read.
    fn collect_at<T: Timer>(
        &mut self,
        now: Window,
        shared: &Shared<T>,
        cpus: &impl Cpus,
        host: &impl Host,
    ) {
        if !self.idle.before_look(shared.request(), host) {
            return self.drain.set_now(now);
        }
        let is_changed = self.drain.look(cpus, &mut self.cursors, now);
        self.take(cpus, host);
        let found_nothing = !is_changed && self.drain.next().is_none();
        self.idle
            .after_look(found_nothing, shared.request(), host, |ticks| {
                let ticks = shared.ticks_of_tallies(ticks);
                cpus.each().any(|cpu| cpu.tally().is_in_time(ticks))
            });
    }

    /// Takes what is ready into the rings.
    fn take(&mut self, cpus: &impl Cpus, host: &impl Host) {
        let (unread, history, merged) = (&mut self.unread, &mut self.history, &mut self.merged);
        while self.drain.take(cpus, &mut self.cursors, |taken| {
            history.put(taken);
            let is_merged = unread.put_or_merge(taken);
            let more = taken.merged.wrapping_add(is_merged.into());
            *merged = merged.wrapping_add(more);
        }) {
            host.pause();
        }
    }

    /// The window of the next row of `data` for a reader whose last one was of `last`.
    fn next_unread(&self, last: Option<Window>) -> Option<Window> {
        let returned = self.returned.map(|returned| returned.window);
        self.unread
            .front()
            .into_iter()
            .chain(returned)
            .map(|window| behind(last, window))
            .reduce(Window::earlier)
    }

    /// Takes that row, if it is ready.
    #[inline(always)]
    fn take_unread(&mut self, last: Option<Window>) -> Option<Taken> {
        // Windows come to the ring one after the other, and ready: another one is later still.
        let is_after_last = |front| last.is_none_or(|last: Window| last.is_before(front));
        if self.returned.is_none() && self.unread.front().is_none_or(is_after_last) {
            return self.unread.take();
        }
        self.take_merged(last)
    }

    /// Takes that row, if it is ready, where several windows may be in it: one that comes later than
    /// it should may be of a window that is still open.
    #[inline(never)]
    fn take_merged(&mut self, last: Option<Window>) -> Option<Taken> {
        let window = self
            .next_unread(last)
            .filter(|window| self.drain.is_ready(*window))?;
        let is_its = |its| behind(last, its) == window;
        let mut taken = self.returned.take_if(|returned| is_its(returned.window));
        while self.unread.front().is_some_and(is_its) {
            let Some(more) = self.unread.take() else {
                break;
            };
            taken = Some(taken.map_or(more, |taken| taken.with(&more)));
        }
        taken.map(|taken| Taken { window, ..taken })
    }

    /// Takes the next rows of `data` for a reader whose last one was of `last`, as many as
    /// `rows` holds, and returns how many.
    pub fn take_rows(&mut self, mut last: Option<Window>, rows: &mut [Taken]) -> usize {
        let mut count = 0_usize;
        for row in rows {
            let Some(taken) = self.take_unread(last) else {
                break;
            };
            *row = taken;
            last = Some(taken.window);
            count = count.wrapping_add(1);
        }
        count
    }

    /// Gives back what [`Collector::take_rows`] took and nobody got. The pollers are to be woken.
    pub fn give_back(&mut self, rows: &[Taken]) {
        for taken in rows {
            self.returned = Some(self.returned.map_or(*taken, |other| other.with(taken)));
        }
    }

    /// Where a reader of `history` begins.
    pub fn oldest(&self) -> Position {
        self.history.oldest()
    }

    /// Reads the next rows of `history` from `position` on, as many as `rows` holds, and returns
    /// how many.
    pub fn read_rows(&self, position: &mut Position, rows: &mut [Taken]) -> usize {
        let mut count = 0_usize;
        for row in rows {
            let Some(taken) = self.history.read(position) else {
                break;
            };
            *row = taken;
            count = count.wrapping_add(1);
        }
        count
    }

    /// Whether a row of `data` is ready for a reader whose last one was of `last`. In any case the
    /// pollers are woken when the next one is: edge-triggered epoll does not report again what was
    /// there.
    pub fn poll_data<T: Timer>(
        &mut self,
        shared: &Shared<T>,
        cpus: &impl Cpus,
        host: &impl Host,
        last: Option<Window>,
    ) -> bool {
        self.idle.request(shared.request());
        self.collect(shared, cpus, host);
        let unread = self.next_unread(last);
        let is_ready = unread.is_some_and(|window| self.drain.is_ready(window));
        self.wake_after(shared, host, unread.filter(|_| !is_ready), is_ready);
        is_ready
    }

    /// The same for `history` and a reader at `position`.
    pub fn poll_history<T: Timer>(
        &mut self,
        shared: &Shared<T>,
        cpus: &impl Cpus,
        host: &impl Host,
        position: &Position,
    ) -> bool {
        self.idle.request(shared.request());
        self.collect(shared, cpus, host);
        let is_ready = self.history.is_after(position);
        self.wake_after(shared, host, None, is_ready);
        is_ready
    }

    /// Has the pollers woken at the end of `window`, or of the next one that the CPUs have, if that
    /// is sooner. Where nothing was counted, the packet that opens a window sets the timer; one that
    /// was found to be in time before does not, so until none can come the pollers look again, but
    /// for one that `is_ready`: whoever reads looks at the end of the rows.
    fn wake_after<T: Timer>(
        &self,
        shared: &Shared<T>,
        host: &impl Host,
        window: Option<Window>,
        is_ready: bool,
    ) {
        let windows = window.into_iter().chain(self.drain.next());
        let Some(window) = windows.reduce(Window::earlier) else {
            if !is_ready && !self.idle.is_certain() {
                shared.timer().start(LOOK_AGAIN_NS);
            }
            return;
        };
        let period_ns = shared.period_ns();
        let end_ns = window.next().start_ns(period_ns);
        // Not for longer than a window: when the clock is set, all are woken anyway.
        let rest_ns = end_ns.saturating_sub(host.now().ns).min(period_ns.get());
        shared.timer().start(rest_ns);
    }

    /// How the counter stands at the last [`Collector::collect`].
    pub fn standing(&self) -> Standing {
        let returned = u64::from(self.returned.is_some());
        Standing {
            totals: self.drain.totals(&self.cursors),
            queued: returned.wrapping_add(self.unread.windows() as u64),
            merged: self.merged,
        }
    }
}
