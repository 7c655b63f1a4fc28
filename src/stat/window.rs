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
    pub fn open(time: Time, period_ns: NonZeroU64) -> (Self, u64) {
        let rest_ns = period_ns.get().wrapping_sub(time.ns % period_ns);
        (Self::at(time, period_ns), rest_ns)
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
        self.0.wrapping_sub(open.0).wrapping_add(1) < 2
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
