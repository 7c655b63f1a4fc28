// SPDX-License-Identifier: GPL-2.0-or-later
//! Windows: the wall clock cut into periods, and their order.

use core::num::NonZeroU64;

const INDEX_BITS: u32 = 54;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;

/// A window: which period of the wall clock, and in which epoch of it.
///
/// # Invariants
///
/// The index, `start / period`, is in the low 54 bits: at the shortest period, 1 us, and the latest
/// time that the kernel knows, 2^63 ns, it needs 53. The epoch is in the bits above.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Window(u64);

/// An epoch of the wall clock: from when it was set back to when it was set back again. So what was
/// counted before a step stays before what was counted after it, whatever their times.
///
/// # Invariants
///
/// The low 54 bits are zero, as a window has it. Epochs wrap: their order is right while fewer than
/// 512 lie between.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct ClockEpoch(u64);

/// The width of a window, and how packets divide by it: by a product, since dividing 64 bits takes up to
/// 90 cycles of a CPU.
///
/// # Invariants
///
/// `reciprocal` is the first integer above 2^(64 + `shift`) / `ns`, and 2^`shift` the largest power of
/// two below `ns`: so it has 64 bits, and the quotient is exact for dividends below 2^63 (Granlund and
/// Montgomery, "Division by Invariant Integers using Multiplication", 1994, theorem 4.2).
#[derive(Clone, Copy, Debug)]
pub struct Period {
    ns: NonZeroU64,
    reciprocal: u64,
    shift: u32,
}

impl Period {
    /// Of `ns`: from 2 to 2^63.
    pub fn new(ns: NonZeroU64) -> Self {
        let shift = ns.get().wrapping_sub(1).checked_ilog2().unwrap_or(0);
        let mut rest = 1_u64 << shift;
        let mut quotient = 0_u64;
        for _ in 0..u64::BITS {
            rest = rest.wrapping_shl(1);
            let digit = u64::from(rest >= ns.get());
            rest = rest.wrapping_sub(ns.get().wrapping_mul(digit));
            quotient = quotient << 1 | digit;
        }
        Self {
            ns,
            reciprocal: quotient.wrapping_add(1),
            shift,
        }
    }

    /// In nanoseconds.
    pub fn ns(&self) -> NonZeroU64 {
        self.ns
    }

    /// How often it fits into `ns`, which is below 2^63.
    #[inline(always)]
    fn quotient(&self, ns: u64) -> u64 {
        let product = u128::from(ns).wrapping_mul(self.reciprocal.into());
        ((product >> 64) as u64).wrapping_shr(self.shift)
    }
}

/// What the wall clock says.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Time {
    /// Nanoseconds since the Unix epoch.
    pub ns: u64,
    /// How often the clock was set back.
    pub epoch: ClockEpoch,
}

impl ClockEpoch {
    /// The epoch after it.
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1 << INDEX_BITS))
    }

    /// The word that stands for it in shared memory.
    pub fn word(self) -> u64 {
        self.0
    }

    /// The epoch that `word`, from [`ClockEpoch::word`], stands for.
    pub fn from_word(word: u64) -> Self {
        // INVARIANT: the word had them.
        Self(word)
    }
}

impl Window {
    /// The window that contains `time`.
    pub fn at(time: Time, period_ns: NonZeroU64) -> Self {
        Self(time.epoch.0.wrapping_add(time.ns / period_ns))
    }

    /// The window that contains `time`, and how long it still is.
    #[inline(always)]
    pub fn open(time: Time, period: &Period) -> (Self, u64) {
        let index = period.quotient(time.ns);
        let end_ns = index.wrapping_add(1).wrapping_mul(period.ns.get());
        let rest_ns = end_ns.wrapping_sub(time.ns);
        (Self(time.epoch.0.wrapping_add(index)), rest_ns)
    }

    /// Its number since the Unix epoch.
    pub fn index(self) -> u64 {
        self.0 & INDEX_MASK
    }

    /// The epoch that it is in.
    pub fn epoch(self) -> ClockEpoch {
        ClockEpoch(self.0 & !INDEX_MASK)
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

    /// Whether it is `open`, or the window before it: the clock source of the CPU that opened that
    /// can be a little ahead of this one's.
    #[inline(always)]
    pub fn is_or_is_just_before(self, open: Self) -> bool {
        open.0.wrapping_sub(self.0) < 2
    }

    /// Whether it comes before `other`.
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

    /// How many windows it comes after `other`, which it is not before.
    #[inline(always)]
    pub fn since(self, other: Self) -> u64 {
        self.0.wrapping_sub(other.0)
    }

    /// The window so many after it.
    #[inline(always)]
    pub fn after(self, windows: u64) -> Self {
        Self(self.0.wrapping_add(windows))
    }

    /// The window after it.
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

#[cfg(all(test, not(pktstat_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(ns: u64, period_ns: u64) {
        let period_ns = NonZeroU64::new(period_ns).expect("not zero");
        let epoch = ClockEpoch::default();
        let time = Time { ns, epoch };
        let (window, rest_ns) = Window::open(time, &Period::new(period_ns));
        assert_eq!(window, Window(ns / period_ns), "{ns} by {period_ns}");
        assert_eq!(
            rest_ns,
            period_ns.get() - ns % period_ns,
            "{ns} by {period_ns}"
        );
    }

    #[test]
    fn the_open_window_and_the_one_before_it_are_taken_and_no_other() {
        let open = Window(5);
        let taken = [3, 4, 5, 6].map(|index| Window(index).is_or_is_just_before(open));
        assert_eq!(taken, [false, true, true, false]);
    }

    /// About each end of a window the quotient changes: there it is wrong first.
    fn check_about(ns: u64, period_ns: u64) {
        const LATEST_NS: u64 = i64::MAX as u64;
        let end_ns = ns / period_ns * period_ns;
        for ns in [ns, end_ns, end_ns.saturating_sub(1)] {
            check(ns.min(LATEST_NS), period_ns);
        }
        check(LATEST_NS / period_ns * period_ns, period_ns);
        check(
            (LATEST_NS / period_ns * period_ns).saturating_sub(1),
            period_ns,
        );
    }

    #[test]
    fn a_time_is_in_its_window_at_each_power_of_two() {
        for shift in 1..u64::BITS {
            for period_ns in [-1, 0, 1].map(|more| (1_u64 << shift).wrapping_add_signed(more)) {
                for times in [1, 2, 3, 1_000] {
                    if (2..=1 << 63).contains(&period_ns) {
                        check_about(period_ns.saturating_mul(times) >> 1, period_ns);
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]

        #[test]
        fn a_time_is_in_its_window(ns in 0..1_u64 << 63, period_ns in 1_000..=3_600_000_000_000_u64, shift in 0..32_u32) {
            check_about(ns, (period_ns >> shift).max(1_000));
        }
    }
}
