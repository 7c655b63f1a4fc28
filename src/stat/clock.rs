// SPDX-License-Identifier: GPL-2.0-or-later
//! The wall clock as a line over the ticks: the one that the kernel itself reads it from.
//!
//! The kernel keeps its clock as the time of one moment and the slope from there, and sets both
//! anew at each timer tick, at each step and whenever NTP has a word (`struct tk_read_base`,
//! Documentation/timers/timekeeping.rst). Who has them and the ticks of a moment has its time, to
//! the nanosecond, without asking.

use crate::sync::{fence, AtomicU32, AtomicU64, Ordering};

/// The clock from one moment on, as the kernel last set it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Line {
    /// The moment, in ticks.
    pub ticks: u64,
    /// Nanoseconds since the Unix epoch there, but for `fraction`.
    pub base_ns: u64,
    /// What is missing there, in parts of which 2^`shift` are a nanosecond.
    pub fraction: u64,
    /// How many of them a tick is; 0: there is no such line.
    pub mult: u32,
    /// See `fraction`; at most 32.
    pub shift: u32,
}

/// When a packet is counted.
#[derive(Clone, Copy)]
pub struct Moment {
    /// In ticks, no later than `now_ns`.
    pub ticks: u64,
    /// Whether the kernel trusts the ticks.
    pub ticks_stable: bool,
    /// The wall clock, ns since the Unix epoch.
    pub now_ns: u64,
}

/// The line that all CPUs read and one sets. Its fractions are of 2^-32 ns: the kernel's own are no
/// finer, and a shift that does not change is one register less.
#[derive(Default)]
#[repr(align(64))]
pub struct Clock {
    /// Odd while the line is not of one piece.
    sequence: AtomicU32,
    ticks: AtomicU64,
    /// For how many ticks the line is good.
    span_ticks: AtomicU64,
    mult: AtomicU64,
    fraction: AtomicU64,
    base_ns: AtomicU64,
}

const SHIFT: u32 = 32;

impl Clock {
    /// A clock that knows no time.
    #[cfg(not(pktstat_loom))]
    pub const fn new() -> Self {
        Self {
            sequence: AtomicU32::new(0),
            ticks: AtomicU64::new(0),
            span_ticks: AtomicU64::new(0),
            mult: AtomicU64::new(0),
            fraction: AtomicU64::new(0),
            base_ns: AtomicU64::new(0),
        }
    }

    /// Sets the line. Any context; one at a time.
    pub fn set(&self, line: Line) {
        let finer = SHIFT.wrapping_sub(line.shift);
        let mult = u64::from(line.mult).wrapping_shl(finer);
        // Neither product nor sum may leave 64 bits: that is two seconds at the least, and the
        // kernel sets its clock when it has slept for longer.
        let is_line = finer <= SHIFT && line.fraction < 1 << (63 - SHIFT) << line.shift.min(SHIFT);
        let span_ticks = (1_u64 << 63).checked_div(mult).filter(|_| is_line);

        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence
            .store(sequence.wrapping_add(1), Ordering::Relaxed);
        // The odd sequence is seen before anything that follows it.
        fence(Ordering::Release);
        self.ticks.store(line.ticks, Ordering::Relaxed);
        self.span_ticks
            .store(span_ticks.unwrap_or(0), Ordering::Relaxed);
        self.mult.store(mult, Ordering::Relaxed);
        self.fraction
            .store(line.fraction.wrapping_shl(finer), Ordering::Relaxed);
        self.base_ns.store(line.base_ns, Ordering::Relaxed);
        self.sequence
            .store(sequence.wrapping_add(2), Ordering::Release);
    }

    /// The time at `ticks`, in ns since the Unix epoch; `None` where only the kernel knows it: its
    /// clock does not go by the ticks, or the line is being set, or was for later ticks.
    #[inline(always)]
    pub fn at(&self, ticks: u64) -> Option<u64> {
        let sequence = self.sequence.load(Ordering::Acquire);
        let since = ticks.wrapping_sub(self.ticks.load(Ordering::Relaxed));
        if since >= self.span_ticks.load(Ordering::Relaxed) {
            return None;
        }
        let fraction = since
            .wrapping_mul(self.mult.load(Ordering::Relaxed))
            .wrapping_add(self.fraction.load(Ordering::Relaxed));
        let now_ns = (fraction >> SHIFT).wrapping_add(self.base_ns.load(Ordering::Relaxed));
        // What was read above is read before the sequence is looked at again. One that was odd then
        // is not what it was made here.
        fence(Ordering::Acquire);
        (sequence & !1 == self.sequence.load(Ordering::Relaxed)).then_some(now_ns)
    }
}
