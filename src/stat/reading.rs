// SPDX-License-Identifier: GPL-2.0-or-later
//! What the readers of a counter share, and what they ask of it. One at a time.

use super::cpu::{Shared, Timer};
use super::drain::{Cpus, Cursor, Drain, Taken, Totals};
use super::window::{Time, Window};
use core::ops::DerefMut;

/// Where the readers stand. `Cursors`: one for each CPU.
pub struct Reading<Cursors> {
    drain: Drain,
    cursors: Cursors,
}

/// How a counter's CPUs stand.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Since the counter was made.
    pub totals: Totals,
    /// Closed windows that no reader has had.
    pub queued: u64,
}

impl<Cursors: DerefMut<Target = [Cursor]>> Reading<Cursors> {
    /// Nothing has been read. `cursors` are as they are by default.
    pub fn new(cursors: Cursors) -> Self {
        Self {
            drain: Drain::default(),
            cursors,
        }
    }

    fn look<T: Timer>(&mut self, shared: &Shared<T>, cpus: &impl Cpus, now: Time) {
        self.drain
            .look(cpus, &mut self.cursors, shared.period_ns(), now);
    }

    /// Takes the next rows for a reader whose last one was of `last`, as far as they are ready, and
    /// returns how many. `now`: look at all CPUs anew, and do not take them as they were last time.
    pub fn take_rows<T: Timer>(
        &mut self,
        shared: &Shared<T>,
        cpus: &impl Cpus,
        now: Option<Time>,
        last: Option<Window>,
        rows: &mut [Taken],
    ) -> usize {
        if let Some(now) = now {
            self.look(shared, cpus, now);
        }
        self.drain.take_rows(cpus, &mut self.cursors, last, rows)
    }

    /// Whether a row was ready at the last look, for a reader whose last one was of `last`.
    pub fn is_ready(&self, last: Option<Window>) -> bool {
        let next = self.drain.next(&self.cursors, last);
        next.is_some_and(|window| self.drain.is_ready(window))
    }

    /// Gives back what [`Reading::take_rows`] took and nobody got. The pollers are to be woken.
    pub fn give_back(&mut self, rows: &[Taken]) {
        rows.iter().for_each(|taken| self.drain.give_back(*taken));
    }

    /// Whether a row is ready for a reader whose last one was of `last`. In any case the pollers are
    /// woken when the next one is: edge-triggered epoll does not report again what was there.
    /// `now` reads the clock.
    pub fn poll<T: Timer>(
        &mut self,
        shared: &Shared<T>,
        cpus: &impl Cpus,
        now: impl Fn() -> Time,
        last: Option<Window>,
    ) -> bool {
        // Of what is counted from here on, the packet that opens a window sets the timer.
        shared.request().set();
        self.look(shared, cpus, now());
        if let Some(window) = self.drain.awaited(&self.cursors, last) {
            let period_ns = shared.period_ns();
            let end_ns = window.next().start_ns(period_ns);
            // Not for longer than a window: when the clock is set, all are woken anyway.
            let rest_ns = end_ns.saturating_sub(now().ns).min(period_ns.get());
            shared.timer().start(rest_ns);
        }
        self.is_ready(last)
    }

    /// How the CPUs stand now.
    pub fn standing<T: Timer>(
        &mut self,
        shared: &Shared<T>,
        cpus: &impl Cpus,
        now: Time,
    ) -> Standing {
        self.look(shared, cpus, now);
        Standing {
            totals: self.drain.totals(&self.cursors),
            queued: self.drain.queued(cpus, &self.cursors),
        }
    }
}
