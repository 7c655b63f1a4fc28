// SPDX-License-Identifier: GPL-2.0-or-later
//! Windows: the wall clock cut into periods, and their order.

use crate::sync::{AtomicU64, Ordering};
use core::num::NonZeroU64;

const INDEX_BITS: u32 = 54;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;

/// A window: which period of the wall clock, and in which run of it.
///
/// The index is `start / period`; at the shortest period, 1 us, and the latest time that the
/// kernel knows, 2^63 ns, it needs 53 bits. The run, in the bits above, is counted up when
/// the clock is stepped back, so what came before the step stays before what comes after it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Window(u64);

/// A run of the clock, where a window has it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Run(u64);

impl Run {
    /// The run after it.
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1 << INDEX_BITS))
    }
}

impl Window {
    /// The window that contains `now_ns` in the run `run`.
    pub fn at(now_ns: u64, period_ns: NonZeroU64, run: Run) -> Self {
        Self(run.0.wrapping_add(now_ns / period_ns))
    }

    /// The window that contains `now_ns` in the run `run`, and how long it still is.
    pub fn open(now_ns: u64, period_ns: NonZeroU64, run: Run) -> (Self, u64) {
        let rest_ns = period_ns.get().wrapping_sub(now_ns % period_ns);
        (Self::at(now_ns, period_ns, run), rest_ns)
    }

    /// Its number since the Unix epoch.
    pub fn index(self) -> u64 {
        self.0 & INDEX_MASK
    }

    /// The word that stands for it in shared memory.
    pub fn word(self) -> u64 {
        self.0
    }

    /// The window that `word` stands for.
    pub fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// Start of the window, ns since the Unix epoch.
    pub fn start_ns(self, period_ns: NonZeroU64) -> u64 {
        self.index().wrapping_mul(period_ns.get())
    }

    /// How long the window still is at `now_ns`; `None` where `now_ns` is outside it.
    pub fn rest_ns(self, now_ns: u64, period_ns: NonZeroU64) -> Option<u64> {
        let since_ns = now_ns.wrapping_sub(self.start_ns(period_ns));
        (since_ns < period_ns.get()).then(|| period_ns.get().wrapping_sub(since_ns))
    }

    /// Whether it comes before `other`. Runs wrap: right while fewer than 512 lie between.
    pub fn is_before(self, other: Self) -> bool {
        (self.0.wrapping_sub(other.0) as i64) < 0
    }

    /// The earlier of the two.
    pub fn earlier(self, other: Self) -> Self {
        if other.is_before(self) {
            other
        } else {
            self
        }
    }

    /// The window after it.
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    fn run(self) -> Run {
        Run(self.0 & !INDEX_MASK)
    }
}

/// How often the clock was stepped back, as far as a counter's CPUs noticed.
#[derive(Default)]
pub struct Runs(AtomicU64);

impl Runs {
    /// The run that the clock is in.
    pub fn run(&self) -> Run {
        Run(self.0.load(Ordering::Relaxed))
    }

    /// The run in which a CPU opens a window at `now_ns` after having had `open` open.
    ///
    /// The first CPU that finds the clock before its open window counts the run up; the others
    /// find it counted up and follow.
    pub fn after(&self, open: Window, now_ns: u64, period_ns: NonZeroU64) -> Run {
        let run = self.run();
        if now_ns >= open.start_ns(period_ns) || open.run() != run {
            return run;
        }
        match self
            .0
            .compare_exchange(run.0, run.next().0, Ordering::Relaxed, Ordering::Relaxed)
        {
            Ok(_) => run.next(),
            Err(theirs) => Run(theirs),
        }
    }
}
