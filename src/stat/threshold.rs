// SPDX-License-Identifier: GPL-2.0-or-later
//! `--above`: whether the window that is open has carried more than a threshold, over all CPUs.
//!
//! A CPU may count some of a window by itself. When that is used up it reports what it has counted to
//! the others, learns whether all together are above, and is granted some more. What all CPUs may
//! have counted without a report is at most an eighth of the threshold; so that much is counted
//! above it before the last of them learns of it. Nothing is reported that is not in the window, so
//! none learns of it early; and who counts alone learns of it with the very packet.

use super::window::Window;
use crate::rate::Unit;
use crate::sync::{AtomicU64, Exclusive, Ordering};
use core::num::NonZeroU64;

/// A window as far as CPUs have reported.
#[derive(Default)]
struct Reported {
    window: Window,
    /// What they have reported, in the threshold's unit.
    carried: u64,
    /// What may still be granted.
    pool: u64,
}

/// The last two windows: a CPU's clock may be a little behind.
#[derive(Default)]
pub struct Reports {
    even: Reported,
    odd: Reported,
}

/// What the CPUs of a counter with `--above` share. `Lock`: an [`Exclusive`] of [`Reports`].
///
/// # Invariants
///
/// But for what the lock has inside, nothing changes after it was made. The shares of all CPUs and
/// the pool are at most an eighth of the threshold.
pub struct Threshold<Lock> {
    /// A window that has carried more is above.
    most: u64,
    unit: Unit,
    /// What each CPU may count without a report, and without a grant.
    share: u64,
    pool: u64,
    reports: Lock,
}

/// What a report brings.
enum Answer {
    /// The window has carried more than the threshold.
    Above,
    /// It has not: so much may be counted until the next report, of which so much is granted.
    Below { rest: u64, granted: u64 },
}

impl<Lock: Exclusive<Reports>> Threshold<Lock> {
    /// One that a window has reached when it carries `most`, on so many CPUs. `reports` is as by
    /// default.
    pub fn new(most: NonZeroU64, unit: Unit, cpus: usize, reports: Lock) -> Self {
        let most = most.get();
        let unreported = most / 8;
        let cpus = (cpus as u64).max(1);
        // Half is everybody's own, so that small counts need no report.
        let share = (unreported / 2).checked_div(cpus).unwrap_or_default();
        Self {
            most,
            unit,
            share,
            pool: unreported.saturating_sub(share.saturating_mul(cpus)),
            reports,
        }
    }

    /// What it counts: frames or bytes.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// A CPU has counted `more` in `window` since its last report, and gives back what it was
    /// granted.
    fn report(&self, window: Window, more: u64, granted: u64) -> Answer {
        self.reports.with(|reports| {
            let reported = if window.index().is_multiple_of(2) {
                &mut reports.even
            } else {
                &mut reports.odd
            };
            if reported.window != window {
                // Two windows ago: nobody else is there any more.
                if window.is_before(reported.window) {
                    return Answer::Below {
                        rest: 0,
                        granted: 0,
                    };
                }
                *reported = Reported {
                    window,
                    carried: 0,
                    pool: self.pool,
                };
            }
            reported.carried = reported.carried.saturating_add(more);
            if reported.carried > self.most {
                return Answer::Above;
            }
            // Half of what there is: where k CPUs go on counting, each comes to have 1/(k + 1).
            let pool = reported.pool.saturating_add(granted);
            let granted = pool / 2;
            reported.pool = pool.saturating_sub(granted);
            let left = self.most.saturating_sub(reported.carried);
            Answer::Below {
                rest: left.min(self.share.saturating_add(granted)),
                granted,
            }
        })
    }
}

/// [`Share::granted`] of a CPU that knows its window to be above.
pub const ABOVE: u64 = u64::MAX;

/// One CPU's part of a threshold, one cache line.
///
/// # Invariants
///
/// Its own CPU alone writes it; `matched_frames` and `matched_bytes` by single additions, and readers
/// load them. All but `bar`, `granted` and `mask` are the slow path's, in `window`, which is the
/// tally's window when that was last looked at.
#[repr(C, align(64))]
pub struct Share {
    /// When what the fast path has counted, by `mask`, is more, it looks.
    pub bar: AtomicU64,
    /// What of the pool this CPU has, or [`ABOVE`].
    pub granted: AtomicU64,
    /// The bits of [`super::tally::Tally::recent`] that count: its frames or its bytes.
    pub mask: AtomicU64,
    /// Frames that the match was true for, ever.
    pub matched_frames: AtomicU64,
    /// Bytes that it was true for, ever.
    pub matched_bytes: AtomicU64,
    window: AtomicU64,
    /// This CPU's total up to which it has reported.
    reported: AtomicU64,
    /// Its total beyond which it reports.
    limit: AtomicU64,
}

impl Share {
    /// One that has counted nothing; a fast path that counts by `mask` looks at once.
    pub fn new(mask: u64) -> Self {
        Self {
            bar: AtomicU64::new(0),
            granted: AtomicU64::new(0),
            mask: AtomicU64::new(mask),
            matched_frames: AtomicU64::new(0),
            matched_bytes: AtomicU64::new(0),
            // None that there is.
            window: AtomicU64::new(u64::MAX),
            reported: AtomicU64::new(0),
            limit: AtomicU64::new(0),
        }
    }

    /// Whether `window` is above, now that this CPU has counted `total`, ever, `packet` of it just
    /// now. Sets `granted` for the fast path, and returns what it may count until it looks again.
    ///
    /// For this CPU only, and not to be interrupted by anything that counts on it.
    pub fn look<Lock: Exclusive<Reports>>(
        &self,
        threshold: &Threshold<Lock>,
        window: Window,
        total: u64,
        packet: u64,
    ) -> u64 {
        if self.window.load(Ordering::Relaxed) != window.word() {
            let before = total.wrapping_sub(packet);
            self.window.store(window.word(), Ordering::Relaxed);
            self.granted.store(0, Ordering::Relaxed);
            self.reported.store(before, Ordering::Relaxed);
            let limit = before.wrapping_add(threshold.share);
            self.limit.store(limit, Ordering::Relaxed);
        }
        let granted = self.granted.load(Ordering::Relaxed);
        if granted == ABOVE {
            return u64::MAX;
        }
        let reported = self.reported.load(Ordering::Relaxed);
        let more = total.wrapping_sub(reported);
        let may = self.limit.load(Ordering::Relaxed).wrapping_sub(reported);
        if more <= may {
            return may.wrapping_sub(more);
        }
        self.reported.store(total, Ordering::Relaxed);
        match threshold.report(window, more, granted) {
            Answer::Above => {
                self.granted.store(ABOVE, Ordering::Relaxed);
                u64::MAX
            }
            Answer::Below { rest, granted } => {
                self.granted.store(granted, Ordering::Relaxed);
                self.limit
                    .store(total.wrapping_add(rest), Ordering::Relaxed);
                rest
            }
        }
    }

    /// Whether the window is above, as far as this CPU knows. For this CPU only.
    pub fn is_above(&self) -> bool {
        self.granted.load(Ordering::Relaxed) == ABOVE
    }

    /// Counts a packet that the match is true for. For this CPU only, as [`Share::look`].
    pub fn matched(&self, frames: u64, bytes: u64) {
        let add = |word: &AtomicU64, more: u64| {
            let sum = word.load(Ordering::Relaxed).wrapping_add(more);
            word.store(sum, Ordering::Relaxed);
        };
        add(&self.matched_frames, frames);
        add(&self.matched_bytes, bytes);
    }
}
