// SPDX-License-Identifier: GPL-2.0-or-later
//! What the readers of a counter share, and what they ask of it. One at a time.

use super::cpu::{Shared, Timer};
use super::drain::{Cpus, Cursor, Drain, Taken, Totals};
use super::window::Window;
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

    fn look<T: Timer>(
        &mut self,
        shared: &Shared<T>,
        cpus: &impl Cpus,
        now_ns: impl FnMut() -> u64,
    ) {
        self.drain
            .look(cpus, &mut self.cursors, shared.period_ns(), now_ns);
    }

    /// Takes the next rows for a reader whose last one was of `last`, as far as they are ready, and
    /// returns how many. `look`: at all CPUs anew, and not as they were last time.
    pub fn take_rows<T: Timer>(
        &mut self,
        shared: &Shared<T>,
        cpus: &impl Cpus,
        now_ns: impl FnMut() -> u64,
        look: bool,
        last: Option<Window>,
        rows: &mut [Taken],
    ) -> usize {
        if look {
            self.look(shared, cpus, now_ns);
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

    /// Whether a row is ready for a reader whose last one was of `last`; if not, the pollers are
    /// woken when one is.
    pub fn poll<T: Timer>(
        &mut self,
        shared: &Shared<T>,
        cpus: &impl Cpus,
        mut now_ns: impl FnMut() -> u64,
        last: Option<Window>,
    ) -> bool {
        shared.request().set();
        self.look(shared, cpus, &mut now_ns);
        match self.drain.next(&self.cursors, last) {
            // Nothing was counted: the packet that opens a window sets the timer.
            None => false,
            Some(window) if self.drain.is_ready(window) => true,
            Some(window) => {
                let period_ns = shared.period_ns();
                let end_ns = window.next().start_ns(period_ns);
                // Not for longer than a window, whatever became of the clock meanwhile.
                let rest_ns = end_ns.saturating_sub(now_ns()).min(period_ns.get());
                shared.timer().start(rest_ns);
                false
            }
        }
    }

    /// How the CPUs stand now.
    pub fn standing<T: Timer>(
        &mut self,
        shared: &Shared<T>,
        cpus: &impl Cpus,
        now_ns: impl FnMut() -> u64,
    ) -> Standing {
        self.look(shared, cpus, now_ns);
        Standing {
            totals: self.drain.totals(&self.cursors),
            queued: self.drain.queued(cpus, &self.cursors),
        }
    }
}
