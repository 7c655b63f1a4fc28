// SPDX-License-Identifier: GPL-2.0-or-later
//! The loss contract, held against a counter while it runs: the totals in `status` are the sum of
//! all rows read so far and all rows still to come.
//!
//! What was counted before our first row is a constant: the offset between the totals and our own
//! sum. `history` says it; what others read from `data` before us is unknown. At a moment with
//! traffic the windows around the moment leave some slack, so each look at `status` yields an
//! interval for the offset, a point where the counter was quiet. The contract holds as long as all
//! the intervals meet.

use crate::window::{Totals, Window};
use std::collections::VecDeque;
use std::fmt;
use xt_pktstat::status::Status;

/// How long after its windows have closed a look is completed: on a busy machine the kernel's
/// timers and our reads come late.
const GRACE_NS: u64 = 100_000_000;
/// Rows kept to find those in the windows just before a look.
const RECENT: usize = 64;

/// The smallest and the largest that the offset can be.
#[derive(Clone, Copy, Debug)]
struct Interval {
    low: i128,
    high: i128,
}

impl Interval {
    const ANY: Interval = Interval {
        low: 0,
        high: i128::MAX,
    };

    fn point(value: u64) -> Interval {
        let value = i128::from(value);
        Interval {
            low: value,
            high: value,
        }
    }

    fn width(self) -> u64 {
        u64::try_from(self.high - self.low).unwrap_or(u64::MAX)
    }

    /// The part of both, or by how much the other lies above (`Err` of a positive number) or below.
    fn meet(self, other: Interval) -> Result<Interval, i128> {
        if other.low > self.high {
            return Err(other.low - self.high);
        }
        if other.high < self.low {
            return Err(other.high - self.low);
        }
        Ok(Interval {
            low: self.low.max(other.low),
            high: self.high.min(other.high),
        })
    }
}

/// A look at `status` that waits for the windows around it to be read.
#[derive(Clone, Copy, Debug)]
struct Look {
    status: Status,
    first_ns: u64,
    last_ns: u64,
    rows_before: Totals,
    rows_until: Totals,
}

/// What is known about the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No look has been completed.
    Unknown,
    /// Totals and rows agree, to within what the windows open at the time held.
    Agrees {
        /// Frames that could be missing unseen; 0 is exact.
        frames: u64,
        /// Bytes that could be missing unseen; 0 is exact.
        bytes: u64,
    },
    /// The totals count more than the rows.
    Missing {
        /// Frames, at least.
        frames: i128,
        /// Bytes, at least.
        bytes: i128,
        /// Someone else may have them: they were read from `data`.
        is_shared: bool,
    },
    /// The rows count more than the totals.
    Surplus {
        /// Frames, at least.
        frames: i128,
        /// Bytes, at least.
        bytes: i128,
    },
}

/// Compares the rows of one counter with its totals.
#[derive(Clone, Debug)]
pub struct Audit {
    period_ns: u64,
    read: Totals,
    recent: VecDeque<Window>,
    look: Option<Look>,
    /// What was counted before the first row, where that is known.
    before: Option<Totals>,
    frames: Interval,
    bytes: Interval,
    /// What could be missing unseen, frames and bytes, once a look has been completed.
    slack: Option<(u64, u64)>,
    broken: Option<(i128, i128)>,
}

impl Audit {
    /// Of a counter with windows of this width.
    pub fn new(period_ns: u64) -> Audit {
        Audit {
            period_ns: period_ns.max(1),
            read: Totals::default(),
            recent: VecDeque::new(),
            look: None,
            before: None,
            frames: Interval::ANY,
            bytes: Interval::ANY,
            slack: None,
            broken: None,
        }
    }

    /// Takes what had been counted before the first row.
    pub fn begin(&mut self, before: Totals) {
        self.before = Some(before);
        self.frames = Interval::point(before.frames);
        self.bytes = Interval::point(before.bytes);
    }

    /// Takes the rows that were read.
    pub fn rows(&mut self, rows: &[Window]) {
        for row in rows {
            if row.is_after_clock_set_back {
                // Its time says nothing about what was counted before it.
                self.look = None;
                self.recent.clear();
            }
            self.read.add(row);
            self.recent.push_back(*row);
            if let Some(look) = &mut self.look {
                if row.timestamp_ns < look.first_ns {
                    look.rows_before.add(row);
                }
                // A row that others are merged into may carry what was counted before the look.
                if row.timestamp_ns <= look.last_ns || row.merged > 0 {
                    look.rows_until.add(row);
                }
            }
        }
        self.recent
            .drain(..self.recent.len().saturating_sub(RECENT));
    }

    /// When the look that waits can be completed, ns since the epoch.
    pub fn due_ns(&self) -> Option<u64> {
        let wait_ns = 2 * self.period_ns + GRACE_NS;
        self.look.map(|look| look.last_ns.saturating_add(wait_ns))
    }

    /// Takes a `status` that was read between two moments, after all rows there were.
    pub fn status(&mut self, before_ns: u64, status: Status, after_ns: u64) {
        if let Some(look) = self.look {
            if self.due_ns().is_some_and(|due| before_ns < due) {
                return;
            }
            // In `data`, older modules do not say which rows carry counts of windows before the look.
            if self.before.is_some() || look.status.merged == status.merged {
                self.complete(look);
            }
        }
        let first_ns = (before_ns / self.period_ns).saturating_sub(1) * self.period_ns;
        let last_ns = (after_ns / self.period_ns + 1) * self.period_ns;
        let mut rows_before = self.read;
        for row in self
            .recent
            .iter()
            .filter(|row| row.timestamp_ns >= first_ns)
        {
            rows_before.frames -= row.frames;
            rows_before.bytes -= row.bytes;
        }
        self.look = Some(Look {
            status,
            first_ns,
            last_ns,
            rows_before,
            rows_until: self.read,
        });
    }

    /// Forgets the look that waits, unless it is due: the next one begins anew, and says more.
    pub fn begin_last_look(&mut self, now_ns: u64) {
        if self.due_ns().is_some_and(|due| now_ns < due) {
            self.look = None;
        }
    }

    fn complete(&mut self, look: Look) {
        let interval = |total: u64, before: u64, until: u64| Interval {
            low: i128::from(total) - i128::from(until),
            high: i128::from(total) - i128::from(before),
        };
        let frames = interval(
            look.status.frames,
            look.rows_before.frames,
            look.rows_until.frames,
        );
        let bytes = interval(
            look.status.bytes,
            look.rows_before.bytes,
            look.rows_until.bytes,
        );
        match (self.frames.meet(frames), self.bytes.meet(bytes)) {
            (Ok(met_frames), Ok(met_bytes)) => {
                (self.frames, self.bytes) = (met_frames, met_bytes);
                self.slack = Some(match self.before {
                    // What is missing at one look is missing at each later one.
                    Some(_) => (frames.width(), bytes.width()),
                    None => (met_frames.width(), met_bytes.width()),
                });
            }
            (frames, bytes) => {
                self.broken
                    .get_or_insert((frames.err().unwrap_or(0), bytes.err().unwrap_or(0)));
            }
        }
    }

    /// What is known by now.
    pub fn verdict(&self) -> Verdict {
        match (self.broken, self.slack) {
            (Some((frames, bytes)), _) if frames > 0 || bytes > 0 => Verdict::Missing {
                frames,
                bytes,
                is_shared: self.before.is_none(),
            },
            (Some((frames, bytes)), _) => Verdict::Surplus {
                frames: -frames,
                bytes: -bytes,
            },
            (None, None) => Verdict::Unknown,
            (None, Some((frames, bytes))) => Verdict::Agrees { frames, bytes },
        }
    }
}

impl Verdict {
    /// Is the contract known to be broken?
    pub fn is_broken(self) -> bool {
        matches!(self, Verdict::Missing { .. } | Verdict::Surplus { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Verdict::Unknown => write!(f, "not compared with status: no window closed around a look at it"),
            Verdict::Agrees { frames: 0, bytes: 0 } => write!(f, "agrees with status exactly"),
            Verdict::Agrees { frames, bytes } => {
                write!(f, "agrees with status, but for the windows open at the time ({frames} frames, {bytes} bytes)")
            }
            Verdict::Missing { frames, bytes, is_shared } => write!(
                f,
                "DISAGREES with status: {frames} frames, {bytes} bytes were counted and did not come{}",
                if is_shared { "; does someone else read data?" } else { "" }
            ),
            Verdict::Surplus { frames, bytes } => {
                write!(f, "DISAGREES with status: {frames} frames, {bytes} bytes came that were not counted")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD_NS: u64 = GRACE_NS;

    /// A counter that counts `load(window)` frames of 10 bytes in each window, read up to the last
    /// closed window, with `status` looked at in the middle of windows 10, 20, 30…
    fn run(load: impl Fn(u64) -> u64, lost: impl Fn(u64) -> u64, before_us: u64) -> Verdict {
        let mut audit = Audit::new(PERIOD_NS);
        let mut total = before_us;
        for window in 0..100 {
            let frames = load(window);
            if window % 10 == 0 {
                let now = window * PERIOD_NS + PERIOD_NS / 2;
                let half = total + frames / 2;
                let status = Status {
                    frames: half,
                    bytes: half * 10,
                    ..Status::default()
                };
                audit.status(now, status, now + 1);
            }
            total += frames;
            let came = frames - lost(window);
            if came > 0 {
                audit.rows(&[Window {
                    timestamp_ns: window * PERIOD_NS,
                    frames: came,
                    bytes: came * 10,
                    ..Window::default()
                }]);
            }
        }
        audit.verdict()
    }

    #[test]
    fn a_counter_that_rests_at_one_look_agrees_exactly() {
        let load = |window| if (28..33).contains(&window) { 0 } else { 1000 };
        assert_eq!(
            run(load, |_| 0, 77),
            Verdict::Agrees {
                frames: 0,
                bytes: 0
            }
        );
    }

    #[test]
    fn one_frame_that_does_not_come_is_seen_between_rests() {
        let load = |window| {
            if window % 10 > 6 || window % 10 < 3 {
                0
            } else {
                1000
            }
        };
        let verdict = run(load, |window| u64::from(window == 55), 77);
        assert_eq!(
            verdict,
            Verdict::Missing {
                frames: 1,
                bytes: 10,
                is_shared: true,
            }
        );
    }

    #[test]
    fn under_steady_load_the_slack_is_a_few_windows() {
        let Verdict::Agrees { frames, .. } = run(|_| 1000, |_| 0, 77) else {
            panic!("agrees")
        };
        assert!(frames <= 4000, "{frames}");
        assert!(run(|_| 1000, |window| if window > 50 { 1000 } else { 0 }, 77).is_broken());
    }

    #[test]
    fn rows_beyond_the_totals_are_a_surplus() {
        let mut audit = Audit::new(PERIOD_NS);
        audit.rows(&[Window {
            timestamp_ns: 0,
            frames: 5,
            bytes: 50,
            ..Window::default()
        }]);
        let status = Status {
            frames: 3,
            bytes: 50,
            ..Status::default()
        };
        audit.status(10 * PERIOD_NS, status, 10 * PERIOD_NS);
        audit.status(20 * PERIOD_NS, status, 20 * PERIOD_NS);
        assert_eq!(
            audit.verdict(),
            Verdict::Surplus {
                frames: 2,
                bytes: 0
            }
        );
    }

    fn window(number: u64, frames: u64) -> Window {
        Window {
            timestamp_ns: number * PERIOD_NS,
            frames,
            bytes: frames * 10,
            ..Window::default()
        }
    }

    fn total(frames: u64) -> Status {
        Status {
            frames,
            bytes: frames * 10,
            ..Status::default()
        }
    }

    /// A look at a moment.
    fn look(audit: &mut Audit, at_ns: u64, status: Status) {
        audit.status(at_ns, status, at_ns);
    }

    #[test]
    fn a_look_is_compared_when_the_windows_around_it_have_been_read() {
        let mut audit = Audit::new(PERIOD_NS);
        assert_eq!(audit.due_ns(), None);
        look(&mut audit, 10 * PERIOD_NS + 5, total(0));
        let due_ns = (11 + 2) * PERIOD_NS + GRACE_NS;
        assert_eq!(audit.due_ns(), Some(due_ns));
        look(&mut audit, due_ns - 1, total(0));
        assert_eq!(audit.verdict(), Verdict::Unknown);
        look(&mut audit, due_ns, total(0));
        assert!(matches!(audit.verdict(), Verdict::Agrees { .. }));
    }

    #[test]
    fn the_windows_around_a_look_are_slack_and_no_others() {
        let mut audit = Audit::new(PERIOD_NS);
        audit.rows(&[window(7, 1), window(8, 2), window(9, 4)]);
        look(&mut audit, 10 * PERIOD_NS, total(100));
        // Late ones, in the window before the look and further back; the last of the look; after.
        audit.rows(&[window(9, 8), window(8, 16), window(11, 32), window(12, 64)]);
        look(&mut audit, 20 * PERIOD_NS, total(200));
        // Surely counted at the look: 1 + 2 + 16. Perhaps: 4 + 8 + 32 more.
        let slack = Verdict::Agrees {
            frames: 44,
            bytes: 440,
        };
        assert_eq!(audit.verdict(), slack);
    }

    #[test]
    fn a_surplus_is_told_from_what_others_read_before() {
        let mut audit = Audit::new(PERIOD_NS);
        look(&mut audit, 10 * PERIOD_NS, total(5));
        audit.rows(&[window(15, 7)]);
        look(&mut audit, 20 * PERIOD_NS, total(10));
        look(&mut audit, 30 * PERIOD_NS, total(10));
        let surplus = Verdict::Surplus {
            frames: 2,
            bytes: 20,
        };
        assert_eq!(audit.verdict(), surplus);
        // The first finding stays.
        look(&mut audit, 40 * PERIOD_NS, total(99));
        look(&mut audit, 50 * PERIOD_NS, total(99));
        assert_eq!(audit.verdict(), surplus);
    }

    #[test]
    fn frames_or_bytes_alone_can_disagree() {
        let missing = |frames, bytes| Verdict::Missing {
            frames,
            bytes,
            is_shared: true,
        };
        let surplus = |frames, bytes| Verdict::Surplus { frames, bytes };
        for (frames, bytes, verdict) in [
            (5, 53, missing(0, 3)),
            (6, 50, missing(1, 0)),
            (5, 47, surplus(0, 3)),
            (4, 50, surplus(1, 0)),
        ] {
            let mut audit = Audit::new(PERIOD_NS);
            look(&mut audit, 10 * PERIOD_NS, total(5));
            look(&mut audit, 20 * PERIOD_NS, total(5));
            let other = Status {
                frames,
                bytes,
                ..total(5)
            };
            look(&mut audit, 30 * PERIOD_NS, other);
            look(&mut audit, 40 * PERIOD_NS, other);
            assert_eq!(audit.verdict(), verdict);
        }
    }

    #[test]
    fn few_rows_are_kept() {
        let mut audit = Audit::new(PERIOD_NS);
        let rows: Vec<_> = (0..1000).map(|number| window(number, 1)).collect();
        for some in rows.chunks(300) {
            audit.rows(some);
        }
        assert_eq!(audit.recent.len(), RECENT);
        assert_eq!(audit.recent.back(), rows.last());
    }

    #[test]
    fn a_verdict_says_what_it_found() {
        let agrees = |frames, bytes| Verdict::Agrees { frames, bytes };
        let (frames, bytes) = (7, 700);
        let missing = |is_shared| Verdict::Missing {
            frames,
            bytes,
            is_shared,
        };
        for (verdict, is_broken, text) in [
            (
                Verdict::Unknown,
                false,
                "not compared with status: no window closed around a look at it",
            ),
            (agrees(0, 0), false, "agrees with status exactly"),
            (
                agrees(0, 1),
                false,
                "agrees with status, but for the windows open at the time (0 frames, 1 bytes)",
            ),
            (
                missing(true),
                true,
                "DISAGREES with status: 7 frames, 700 bytes were counted and did not come; \
                 does someone else read data?",
            ),
            (
                missing(false),
                true,
                "DISAGREES with status: 7 frames, 700 bytes were counted and did not come",
            ),
            (
                Verdict::Surplus { frames, bytes },
                true,
                "DISAGREES with status: 7 frames, 700 bytes came that were not counted",
            ),
        ] {
            assert_eq!(
                (verdict.is_broken(), verdict.to_string().as_str()),
                (is_broken, text)
            );
        }
    }

    #[test]
    fn nothing_is_concluded_over_a_clock_that_was_set_back() {
        let mut audit = Audit::new(PERIOD_NS);
        let status = Status {
            frames: 5,
            bytes: 5,
            ..Status::default()
        };
        audit.status(100 * PERIOD_NS, status, 100 * PERIOD_NS);
        // By their time, these rows were counted before the look.
        audit.rows(&[Window {
            timestamp_ns: 0,
            frames: 9,
            bytes: 9,
            is_after_clock_set_back: true,
            ..Window::default()
        }]);
        audit.status(200 * PERIOD_NS, status, 200 * PERIOD_NS);
        assert_eq!(audit.verdict(), Verdict::Unknown);
    }

    #[test]
    fn nothing_is_concluded_over_merged_windows() {
        let mut audit = Audit::new(PERIOD_NS);
        audit.status(
            10 * PERIOD_NS,
            Status {
                frames: 5,
                bytes: 5,
                ..Status::default()
            },
            10 * PERIOD_NS,
        );
        audit.status(
            20 * PERIOD_NS,
            Status {
                frames: 9,
                bytes: 9,
                merged: 1,
                ..Status::default()
            },
            20 * PERIOD_NS,
        );
        assert_eq!(audit.verdict(), Verdict::Unknown);
    }

    fn exactly() -> Verdict {
        Verdict::Agrees {
            frames: 0,
            bytes: 0,
        }
    }

    /// Of `history`, which said that 100 frames were counted before its first row.
    fn after_a_hundred() -> Audit {
        let mut audit = Audit::new(PERIOD_NS);
        let (frames, bytes) = (100, 1000);
        audit.begin(Totals { frames, bytes });
        audit
    }

    #[test]
    fn with_the_totals_before_the_first_row_one_look_is_enough() {
        for (frames, verdict) in [
            (107, exactly()),
            (
                108,
                Verdict::Missing {
                    frames: 1,
                    bytes: 10,
                    is_shared: false,
                },
            ),
            (
                106,
                Verdict::Surplus {
                    frames: 1,
                    bytes: 10,
                },
            ),
        ] {
            let mut audit = after_a_hundred();
            audit.rows(&[window(5, 7)]);
            look(&mut audit, 10 * PERIOD_NS, total(frames));
            look(&mut audit, 20 * PERIOD_NS, total(frames));
            assert_eq!(audit.verdict(), verdict);
        }
    }

    #[test]
    fn with_them_the_last_look_says_what_could_be_missing_unseen() {
        let mut audit = after_a_hundred();
        look(&mut audit, 10 * PERIOD_NS, total(100));
        look(&mut audit, 20 * PERIOD_NS, total(100));
        assert_eq!(audit.verdict(), exactly());
        // Seven frames in the window in which the look is: any of them could be missing.
        audit.rows(&[window(20, 7)]);
        look(&mut audit, 30 * PERIOD_NS, total(107));
        let slack = Verdict::Agrees {
            frames: 7,
            bytes: 70,
        };
        assert_eq!(audit.verdict(), slack);
        look(&mut audit, 40 * PERIOD_NS, total(107));
        assert_eq!(audit.verdict(), exactly());
    }

    #[test]
    fn a_merged_row_may_carry_what_was_counted_before_a_look() {
        let merged = |number, frames| Window {
            merged: 3,
            ..window(number, frames)
        };
        let mut audit = after_a_hundred();
        look(&mut audit, 10 * PERIOD_NS, total(105));
        audit.rows(&[merged(15, 8), window(16, 64)]);
        // What `data` merges does not matter here.
        let status = Status {
            merged: 99,
            ..total(173)
        };
        look(&mut audit, 20 * PERIOD_NS, status);
        let slack = Verdict::Agrees {
            frames: 8,
            bytes: 80,
        };
        assert_eq!(audit.verdict(), slack);
        // One that comes before is of windows before.
        audit.rows(&[merged(17, 1)]);
        look(&mut audit, 30 * PERIOD_NS, total(173));
        look(&mut audit, 40 * PERIOD_NS, total(173));
        assert_eq!(audit.verdict(), exactly());
    }

    #[test]
    fn the_last_look_begins_anew_unless_one_is_due() {
        let mut audit = after_a_hundred();
        look(&mut audit, 10 * PERIOD_NS, total(100));
        let due_ns = audit.due_ns().expect("a look waits");
        audit.begin_last_look(due_ns);
        assert_eq!(audit.due_ns(), Some(due_ns));
        audit.begin_last_look(due_ns - 1);
        assert_eq!(audit.due_ns(), None);
    }

    #[test]
    fn over_a_clock_that_was_set_back_the_sum_goes_on() {
        let mut audit = after_a_hundred();
        audit.rows(&[window(90, 1)]);
        look(&mut audit, 100 * PERIOD_NS, total(101));
        audit.rows(&[Window {
            is_after_clock_set_back: true,
            ..window(5, 2)
        }]);
        look(&mut audit, 10 * PERIOD_NS, total(103));
        assert_eq!(audit.verdict(), Verdict::Unknown);
        look(&mut audit, 20 * PERIOD_NS, total(103));
        assert_eq!(audit.verdict(), exactly());
    }
}
