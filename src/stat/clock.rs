// SPDX-License-Identifier: GPL-2.0-or-later
//! The wall clock as a line over the ticks: the one that the kernel itself reads it from.
//!
//! The kernel keeps its clock as the time of one moment and the slope from there, and sets both
//! anew at each timer tick, at each step and whenever NTP corrects it (`struct tk_read_base`,
//! Documentation/timers/timekeeping.rst). Given them and the ticks of a moment, its time is known to
//! the nanosecond, without asking.

use super::window::{ClockEpoch, Time};
use crate::sync::{fence, AtomicU32, AtomicU64, Ordering};

/// The clock from one moment on, as the kernel last set it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Line {
    /// The moment, in ticks; see `goes_by_ticks`.
    pub ticks: u64,
    /// Nanoseconds since the Unix epoch there, but for `fraction`.
    pub base_ns: u64,
    /// What is missing there, in parts of which 2^`shift` are a nanosecond.
    pub fraction: u64,
    /// How many of them a cycle of the kernel's clock source is now, as NTP has it.
    pub mult: u32,
    /// How many, were the clock not corrected.
    pub nominal_mult: u32,
    /// See `fraction`; at most 32.
    pub shift: u32,
    /// Whether the cycles of the kernel's clock source are the ticks.
    pub goes_by_ticks: bool,
    /// Ticks in a millisecond; 0 where the kernel does not trust them.
    pub khz: u32,
    /// What the wall clock is ahead of the monotonic one: it changes when the clock is set, and when
    /// the machine has slept, and is less than before when the clock is set back.
    pub offset_ns: i64,
}

/// When a packet is counted.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// In ticks, no later than `time`.
    pub ticks: u64,
    /// By the wall clock.
    pub time: Time,
}

/// Reads the kernel's wall clock.
pub trait RealTime {
    /// Nanoseconds since the Unix epoch. Any context.
    fn now_ns(&self) -> u64;
}

/// The clock that all CPUs read and one sets.
///
/// # Invariants
///
/// `sequence` is odd while the line is being set, and only the setter writes any of the words.
/// Fractions are of 2^-32 ns: the kernel's own are no finer, and a shift that does not change is one
/// register less.
#[cfg_attr(pktstat_loom, derive(Default))]
#[repr(C, align(64))]
pub struct Clock<R> {
    sequence: AtomicU32,
    ticks: AtomicU64,
    /// For how many ticks the line is good.
    span_ticks: AtomicU64,
    mult: AtomicU64,
    fraction: AtomicU64,
    base_ns: AtomicU64,
    epoch: AtomicU64,
    /// Ticks in 2^32 ns, and a thousandth less: the clock may be made to run faster before the line
    /// is looked at again. 0 where there are none to rely on. Read without a look at `sequence`.
    scale: AtomicU64,
    /// The setter's own: of the line before, and none yet where it is [`NO_OFFSET`].
    offset_ns: AtomicU64,
    real: R,
}

const SHIFT: u32 = 32;
const NO_OFFSET: u64 = i64::MIN as u64;

/// So that a quotient has digits enough: ticks of up to 2^27 kHz fit.
const FINER: u32 = 24;

/// The fast path looks at the clock at least this often.
const FAST_MAX_NS: u64 = 4_000_000;

impl<R: RealTime> Clock<R> {
    /// A clock that knows no line.
    #[cfg(not(pktstat_loom))]
    pub const fn new(real: R) -> Self {
        Self {
            sequence: AtomicU32::new(0),
            ticks: AtomicU64::new(0),
            span_ticks: AtomicU64::new(0),
            mult: AtomicU64::new(0),
            fraction: AtomicU64::new(0),
            base_ns: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            scale: AtomicU64::new(0),
            offset_ns: AtomicU64::new(NO_OFFSET),
            real,
        }
    }

    /// The same, for loom, whose atomics are not made at compile time.
    #[cfg(pktstat_loom)]
    pub fn new(real: R) -> Self
    where
        R: Default,
    {
        Self {
            offset_ns: AtomicU64::new(NO_OFFSET),
            real,
            ..Self::default()
        }
    }

    /// Sets the line, and says whether the clock is another one than before, by a step or a sleep.
    /// Any context; one at a time; before the kernel's own readers see the clock.
    pub fn set(&self, line: Line) -> bool {
        let before = self.offset_ns.load(Ordering::Relaxed);
        self.offset_ns
            .store(line.offset_ns as u64, Ordering::Relaxed);
        let is_step = before != NO_OFFSET && before != line.offset_ns as u64;
        let mut epoch = ClockEpoch::from_word(self.epoch.load(Ordering::Relaxed));
        if is_step && line.offset_ns < before as i64 {
            epoch = epoch.next();
        }

        let finer = SHIFT.wrapping_sub(line.shift);
        let mult = u64::from(line.mult).wrapping_shl(finer);
        // Neither product nor sum may leave 64 bits: that is two seconds at the least, and the
        // kernel sets its clock when it has slept for longer.
        let is_line = line.goes_by_ticks
            && finer <= SHIFT
            && line.fraction < 1 << (63 - SHIFT) << line.shift.min(SHIFT);
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
        self.epoch.store(epoch.word(), Ordering::Relaxed);
        self.sequence
            .store(sequence.wrapping_add(2), Ordering::Release);

        let scale = line.scale();
        self.scale
            .store(scale.wrapping_sub(scale >> 10), Ordering::Relaxed);
        is_step
    }

    /// The moment of `ticks`; `None` where only the kernel knows it: its clock does not go by the
    /// ticks, or the line is being set, or was for later ticks.
    #[inline(always)]
    pub fn at(&self, ticks: u64) -> Option<Moment> {
        let sequence = self.sequence.load(Ordering::Acquire);
        let since = ticks.wrapping_sub(self.ticks.load(Ordering::Relaxed));
        if since >= self.span_ticks.load(Ordering::Relaxed) {
            return None;
        }
        let fraction = since
            .wrapping_mul(self.mult.load(Ordering::Relaxed))
            .wrapping_add(self.fraction.load(Ordering::Relaxed));
        let ns = (fraction >> SHIFT).wrapping_add(self.base_ns.load(Ordering::Relaxed));
        let epoch = ClockEpoch::from_word(self.epoch.load(Ordering::Relaxed));
        // What was read above is read before the sequence is looked at again. One that was odd then
        // is not what it was made here.
        fence(Ordering::Acquire);
        let time = Time { ns, epoch };
        (sequence & !1 == self.sequence.load(Ordering::Relaxed)).then_some(Moment { ticks, time })
    }

    /// The moment of `ticks`, which were just read; where need be the kernel is asked. Any context.
    pub fn moment(&self, ticks: u64) -> Moment {
        self.at(ticks).unwrap_or_else(|| Moment {
            ticks,
            time: self.now(),
        })
    }

    /// What time it is, as the kernel says. Any context.
    pub fn now(&self) -> Time {
        loop {
            // Acquire: of an epoch that is seen, the kernel's readers see the clock, or wait for it.
            let epoch = self.epoch.load(Ordering::Acquire);
            let ns = self.real.now_ns();
            // The clock is read before the epoch is looked at again.
            fence(Ordering::Acquire);
            if epoch == self.epoch.load(Ordering::Relaxed) {
                let epoch = ClockEpoch::from_word(epoch);
                return Time { ns, epoch };
            }
        }
    }

    /// What reads the kernel's own.
    #[cfg(pktstat_loom)]
    pub fn real(&self) -> &R {
        &self.real
    }

    /// For how many ticks the fast path may go on in a window that is `rest_ns` long; 0: not at all.
    #[inline(always)]
    pub fn span_ticks(&self, rest_ns: u64) -> u64 {
        let scale = self.scale.load(Ordering::Relaxed);
        rest_ns.min(FAST_MAX_NS).wrapping_mul(scale) >> 32
    }
}

impl Line {
    /// Ticks in 2^32 ns of this clock.
    fn scale(&self) -> u64 {
        let finer = SHIFT.wrapping_sub(self.shift);
        let mult = u64::from(self.mult);
        let scale = if !self.goes_by_ticks {
            // The ticks are not corrected by NTP: as much slower as the clock is faster.
            let nominal = (u64::from(self.khz) << 32) / 1_000_000;
            let per_mult = (nominal << FINER).checked_div(mult);
            per_mult.map(|per_mult| per_mult.wrapping_mul(self.nominal_mult.into()) >> FINER)
        } else if finer <= SHIFT {
            u64::MAX.checked_div(mult.wrapping_shl(finer))
        } else {
            None
        };
        scale.filter(|_| self.khz != 0).unwrap_or(0)
    }
}
