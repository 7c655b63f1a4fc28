// SPDX-License-Identifier: GPL-2.0-or-later
//! A rate, as tc(8) writes it: `5gbit`, `1.5mpps`.
#![forbid(unsafe_code)]

use crate::decimal::{self, Writer};
use core::num::NonZeroU64;

/// So much in each second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many units.
    pub per_second: u64,
    /// Of what.
    pub unit: Unit,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bits of IP packets: 8 for each byte.
    Bits,
    /// Packets; with `--wire` frames on the wire.
    Packets,
}

/// Longest text of [`Rate::format`].
pub const RATE_TEXT: usize = 24;

/// More than this a window is not taken to carry.
const MOST: u64 = 1 << 62;

const NS_PER_SECOND: u64 = 1_000_000_000;

/// The units, the largest of each kind first; what ends with another one stands before it.
const UNITS: [(&[u8], (u64, Unit)); 8] = [
    (b"tbit", (1_000_000_000_000, Unit::Bits)),
    (b"gbit", (1_000_000_000, Unit::Bits)),
    (b"mbit", (1_000_000, Unit::Bits)),
    (b"kbit", (1_000, Unit::Bits)),
    (b"bit", (1, Unit::Bits)),
    (b"mpps", (1_000_000, Unit::Packets)),
    (b"kpps", (1_000, Unit::Packets)),
    (b"pps", (1, Unit::Packets)),
];

const fn nonzero(number: u64) -> NonZeroU64 {
    match NonZeroU64::new(number) {
        Some(number) => number,
        None => NonZeroU64::MIN,
    }
}

impl Rate {
    /// Reads a rate: a number, with a point or without, and a unit. `None` where it is none, or no
    /// whole number of bits or packets a second.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (number, (scale, unit)) = decimal::split_unit(text, &UNITS)?;
        let per_second = decimal::scaled(number, scale)?;
        Some(Self { per_second, unit })
    }

    /// Writes it as [`Rate::parse`] reads it: with the largest unit that keeps it whole.
    pub fn format(self, out: &mut [u8; RATE_TEXT]) -> &[u8] {
        let mut writer = Writer::new(out);
        let fits = |(_, (scale, unit)): &&(&[u8], (u64, Unit))| {
            *unit == self.unit && self.per_second.is_multiple_of(*scale)
        };
        if let Some((unit, (scale, _))) = UNITS.iter().find(fits) {
            writer.number(self.per_second.checked_div(*scale).unwrap_or_default());
            writer.bytes(unit);
        }
        let written = writer.written();
        out.get(..written).unwrap_or_default()
    }

    /// How many bytes or packets a window of `period_ns` has at this rate, rounded down: one with more
    /// is above it. `None` where it is less than 1, or more than 2^62.
    pub fn per_period(self, period_ns: NonZeroU64) -> Option<NonZeroU64> {
        // A unit's bits, and how many of those are a unit in each ns.
        let (bits, per_second) = match self.unit {
            Unit::Bits => (const { nonzero(8) }, const { nonzero(8 * NS_PER_SECOND) }),
            Unit::Packets => (NonZeroU64::MIN, const { nonzero(NS_PER_SECOND) }),
        };
        // In parts that fit 64 bits: seconds and the rest of the period, and of the rate what is so
        // many a ns, and the rest.
        let (each_ns, rate) = (self.per_second / per_second, self.per_second % per_second);
        let period_ns = period_ns.get();
        let (seconds, rest_ns) = (period_ns / NS_PER_SECOND, period_ns % NS_PER_SECOND);
        let in_seconds = rate.checked_mul(seconds)?;
        let in_rest = (in_seconds % bits)
            .wrapping_mul(NS_PER_SECOND)
            .checked_add(rate.checked_mul(rest_ns)?)?;
        let units = each_ns
            .checked_mul(period_ns)?
            .checked_add(in_seconds / bits)?
            .checked_add(in_rest / per_second)?;
        NonZeroU64::new(units).filter(|units| units.get() <= MOST)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::string::String;

    fn formatted(rate: Rate) -> String {
        let mut out = [0; RATE_TEXT];
        String::from_utf8(rate.format(&mut out).to_vec()).expect("ASCII")
    }

    #[test]
    fn rates_are_read_and_written_as_in_tc() {
        for (text, per_second, unit, written) in [
            ("5gbit", 5_000_000_000, Unit::Bits, "5gbit"),
            ("2.5gbit", 2_500_000_000, Unit::Bits, "2500mbit"),
            ("1000kbit", 1_000_000, Unit::Bits, "1mbit"),
            ("1tbit", 1_000_000_000_000, Unit::Bits, "1tbit"),
            ("7bit", 7, Unit::Bits, "7bit"),
            ("0.001kbit", 1, Unit::Bits, "1bit"),
            ("1.5mpps", 1_500_000, Unit::Packets, "1500kpps"),
            ("10pps", 10, Unit::Packets, "10pps"),
        ] {
            let rate = Rate { per_second, unit };
            assert_eq!(Rate::parse(text.as_bytes()), Some(rate), "{text}");
            assert_eq!(formatted(rate), written);
        }
        for text in [
            "",
            "5",
            "gbit",
            "5 gbit",
            "5GBIT",
            "5gbps",
            "-5gbit",
            "05gbit",
            "5.gbit",
            ".5gbit",
            "1.5bit",
            "0.0001kpps",
            "18446744074gbit",
            "1e3bit",
            "5gbitx",
            "1,5gbit",
        ] {
            assert_eq!(Rate::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_window_has_one_unit_at_least_and_2_to_the_62_at_most() {
        let per_period = |text: &str, period_ns| {
            let rate = Rate::parse(text.as_bytes()).expect("a rate");
            let period_ns = NonZeroU64::new(period_ns).expect("not zero");
            rate.per_period(period_ns).map(NonZeroU64::get)
        };
        assert_eq!(per_period("5gbit", 100_000), Some(62_500));
        assert_eq!(per_period("8mbit", 1_000), Some(1));
        assert_eq!(per_period("7999999bit", 1_000), None);
        assert_eq!(per_period("1mpps", 1_000), Some(1));
        assert_eq!(per_period("999kpps", 1_000), None);
        assert_eq!(per_period("1kpps", 3_600_000_000_000), Some(3_600_000));
        assert_eq!(
            per_period("18446744tbit", 1_000_000_000),
            Some(2_305_843_000_000_000_000)
        );
        assert_eq!(per_period("18446744tbit", 3_600_000_000_000), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(per_second: u64, bits: bool) {
            let unit = if bits { Unit::Bits } else { Unit::Packets };
            let rate = Rate { per_second, unit };
            prop_assert_eq!(Rate::parse(formatted(rate).as_bytes()), Some(rate));
        }

        #[test]
        fn a_period_has_what_long_division_gives(
            per_second: u64,
            period_ns in 1_000..=3_600_000_000_000_u64,
            bits: bool,
        ) {
            let unit = if bits { Unit::Bits } else { Unit::Packets };
            let second = if bits { 8_000_000_000_u128 } else { 1_000_000_000 };
            let units = u128::from(per_second) * u128::from(period_ns) / second;
            let expected = (1..=u128::from(MOST)).contains(&units).then_some(units);
            let rate = Rate { per_second, unit };
            let period_ns = NonZeroU64::new(period_ns).expect("not zero");
            let got = rate.per_period(period_ns).map(|units| units.get().into());
            prop_assert_eq!(got, expected);
        }
    }
}
