// SPDX-License-Identifier: GPL-2.0-or-later
//! `/proc/kstat/counter`: after how many packets `nout` is updated.

use crate::decimal::{self, NumberError, Writer};
use core::num::NonZeroU64;

/// Packets in a step.
///
/// # Invariants
///
/// 1 to [`StepSize::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepSize(NonZeroU64);

/// What is wrong with a text that should be a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepSizeError {
    /// Not a number, or less than 1: `EINVAL`.
    Invalid,
    /// More than [`StepSize::MAX`], or than 64 bits: `ERANGE`.
    TooLarge,
}

impl StepSize {
    /// Largest counter.
    pub const MAX: u64 = 1_000_000_000;
    /// Longest text: its digits and a newline.
    pub const TEXT: usize = 11;
    /// Each packet on its own: the counter as loaded.
    // INVARIANT: 1 is within the bounds.
    pub const ONE: Self = Self(NonZeroU64::MIN);

    /// Reads a decimal number as the kernel's own files do: a `+` before it and one newline
    /// after it are fine.
    pub fn parse(text: &[u8]) -> Result<Self, StepSizeError> {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let digits = text.strip_prefix(b"+").unwrap_or(text);
        let number = match decimal::digits(digits) {
            Err(NumberError::Malformed) => return Err(StepSizeError::Invalid),
            Err(NumberError::TooLarge) => return Err(StepSizeError::TooLarge),
            Ok(number) => number,
        };
        match NonZeroU64::new(number) {
            None => Err(StepSizeError::Invalid),
            Some(number) if number.get() > Self::MAX => Err(StepSizeError::TooLarge),
            // INVARIANT: checked on this line and the one above.
            Some(number) => Ok(Self(number)),
        }
    }

    /// The number.
    pub fn get(self) -> NonZeroU64 {
        self.0
    }

    /// Writes the number and a newline to the start of `out` and returns their length.
    pub fn write(self, out: &mut [u8; Self::TEXT]) -> usize {
        let mut writer = Writer::new(out);
        writer.number(self.0.get());
        writer.bytes(b"\n");
        writer.written()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::String;

    fn parsed(text: &str) -> Result<u64, StepSizeError> {
        StepSize::parse(text.as_bytes()).map(|counter| counter.get().get())
    }

    #[test]
    fn numbers_within_the_bounds() {
        for (text, number) in [
            ("1", 1),
            ("1\n", 1),
            ("+7\n", 7),
            ("0010", 10),
            ("1000000000\n", 1_000_000_000),
        ] {
            assert_eq!(parsed(text), Ok(number), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_number_from_1_on_is_invalid() {
        for text in [
            "", "\n", "0", "0\n", "-1", "abc", "1 ", " 1", "1\n\n", "1\r\n", "1x", "0x10", "+",
            "++1", "+-1", "1.5", "1e3", "1\0",
        ] {
            assert_eq!(parsed(text), Err(StepSizeError::Invalid), "{text:?}");
        }
    }

    #[test]
    fn what_is_too_large_says_so() {
        for text in [
            "1000000001",
            "18446744073709551615",
            "18446744073709551616\n",
            "99999999999999999999999999999999",
        ] {
            assert_eq!(parsed(text), Err(StepSizeError::TooLarge), "{text:?}");
        }
    }

    #[test]
    fn the_longest_text_fits_exactly() {
        let mut out = [0; StepSize::TEXT];
        let length = StepSize::parse(b"1000000000").unwrap().write(&mut out);
        assert_eq!(String::from_utf8_lossy(&out[..length]), "1000000000\n");
        assert_eq!(length, StepSize::TEXT);
    }
}
