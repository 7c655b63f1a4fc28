// SPDX-License-Identifier: GPL-2.0-or-later
//! Decimal numbers, in and out.
//!
//! `no_std`, no allocation, and nothing in it can panic. Not `itoa`: at opt-level 2 the compiler
//! leaves a bounds check in it, and with it `core::panicking`.

/// Why a text is not a number of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// Empty, or not of digits alone.
    Malformed,
    /// More than 64 bits.
    TooLarge,
}

/// Reads a number of 64 bits: digits, leading zeros allowed, and nothing else.
pub fn digits(text: &[u8]) -> Result<u64, NumberError> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(NumberError::Malformed);
    }
    let append = |value: u64, digit: &u8| {
        let digit = digit.wrapping_sub(b'0').into();
        value.checked_mul(10)?.checked_add(digit)
    };
    let value = text.iter().try_fold(0, append);
    value.ok_or(NumberError::TooLarge)
}

/// Reads a number of 64 bits as [`Writer::number`] writes it: no sign, no leading zero.
pub fn number(text: &[u8]) -> Option<u64> {
    match text {
        [b'0', _, ..] => None,
        _ => digits(text).ok(),
    }
}

/// Reads a decimal number, `1.5`, and multiplies it by `scale`. `None` where the product is no whole
/// number of 64 bits; and, as in [`number`], for a leading zero and for a point without digits.
pub fn scaled(text: &[u8], scale: u64) -> Option<u64> {
    let mut parts = text.splitn(2, |&byte| byte == b'.');
    let whole = number(parts.next()?)?.checked_mul(scale)?;
    match parts.next() {
        None => Some(whole),
        Some(digits) => whole.checked_add(fraction(digits, scale)?),
    }
}

/// What the digits behind the point are of `scale`: each is worth a tenth of the one before it, and
/// below 1 only zeros are.
fn fraction(digits: &[u8], scale: u64) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let mut worth = scale;
    let mut sum = 0_u64;
    for &byte in digits {
        worth /= 10;
        let digit = u64::from(byte.checked_sub(b'0').filter(|digit| *digit <= 9)?);
        if worth == 0 && digit != 0 {
            return None;
        }
        sum = sum.checked_add(digit.checked_mul(worth)?)?;
    }
    Some(sum)
}

/// Splits a quantity into its number and what its unit is worth, by the first of `units` that it ends
/// with.
pub fn split_unit<'a, T: Copy>(text: &'a [u8], units: &[(&[u8], T)]) -> Option<(&'a [u8], T)> {
    let strip = |(unit, worth): &(&[u8], T)| Some((text.strip_suffix(*unit)?, *worth));
    units.iter().find_map(strip)
}

/// Appends to a buffer. What does not fit is left out: its user owes it a buffer for the longest.
pub struct Writer<'a> {
    out: &'a mut [u8],
    written: usize,
}

const E8: u64 = 100_000_000;

impl<'a> Writer<'a> {
    /// A writer at the start of `out`.
    pub fn new(out: &'a mut [u8]) -> Self {
        Writer { out, written: 0 }
    }

    /// Bytes in the buffer so far.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Appends bytes, one by one.
    #[inline(never)]
    pub fn bytes(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.byte(*byte));
    }

    /// Appends a byte.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        if let Some(place) = self.out.get_mut(self.written) {
            *place = byte;
            self.written = self.written.wrapping_add(1);
        }
    }

    /// Appends a number.
    #[inline]
    pub fn number(&mut self, number: u64) {
        if number < 10 {
            return self.byte(b'0' | number as u8);
        }
        if number < E8 {
            return self.first_digits(number);
        }
        let (rest, low) = (number / E8, number % E8);
        if rest < E8 {
            self.first_digits(rest);
        } else {
            self.first_digits(rest / E8);
            self.word(eight_digits(rest % E8), 8);
        }
        self.word(eight_digits(low), 8);
    }

    /// Appends a number, one of many that share all but their last eight digits.
    #[inline]
    pub fn number_after(&mut self, number: u64, first: &mut FirstDigits) {
        let (high, low) = (number / E8, number % E8);
        if high == 0 {
            return self.number(low);
        }
        if high != first.number {
            first.set(high);
        }
        let rest = self.out.get_mut(self.written..).unwrap_or_default();
        match rest.first_chunk_mut() {
            Some(place) => {
                *place = first.digits;
                self.written = self.written.wrapping_add(first.len);
            }
            None => self.bytes(first.digits.get(..first.len).unwrap_or_default()),
        }
        self.word(eight_digits(low), 8);
    }

    /// Appends a number below 10^8 without leading zeros.
    fn first_digits(&mut self, number: u64) {
        let digits = eight_digits(number);
        let zeros = ((digits ^ u64::from_le_bytes([b'0'; 8])).trailing_zeros() / 8).min(7);
        let len = 8_usize.saturating_sub(zeros as usize);
        self.word(digits >> zeros.wrapping_mul(8), len);
    }

    /// Appends the first `len` of a word's bytes, with one store where all fit.
    fn word(&mut self, word: u64, len: usize) {
        let word = word.to_le_bytes();
        let rest = self.out.get_mut(self.written..).unwrap_or_default();
        match rest.first_chunk_mut() {
            Some(place) => {
                *place = word;
                self.written = self.written.wrapping_add(len);
            }
            None => self.bytes(word.get(..len).unwrap_or(&word)),
        }
    }
}

/// The first digits of [`Writer::number_after`]'s last number: all but eight, twelve at most.
#[derive(Default)]
pub struct FirstDigits {
    number: u64,
    digits: [u8; 16],
    len: usize,
}

impl FirstDigits {
    #[cold]
    fn set(&mut self, number: u64) {
        let mut writer = Writer::new(&mut self.digits);
        writer.number(number);
        self.len = writer.written();
        self.number = number;
    }
}

/// The eight digits of a number below 10^8, the first in the lowest byte: halved three times, all
/// halves at once.
fn eight_digits(number: u64) -> u64 {
    let fours = (number / 10_000) | (number % 10_000) << 32;
    // x * 10486 >> 20 is x / 100 below 10^4, and x * 103 >> 10 is x / 10 below 10^2.
    let hundreds = (fours.wrapping_mul(10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | fours.wrapping_sub(hundreds.wrapping_mul(100)) << 16;
    let tens = (twos.wrapping_mul(103) >> 10) & 0x000f_000f_000f_000f;
    let ones = tens | twos.wrapping_sub(tens.wrapping_mul(10)) << 8;
    ones.wrapping_add(u64::from_le_bytes([b'0'; 8]))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::string::{String, ToString};
    use std::vec;

    /// In a buffer of `size` bytes.
    fn written(value: u64, size: usize) -> String {
        let mut out = vec![0; size];
        let mut writer = Writer::new(&mut out);
        writer.number(value);
        let len = writer.written();
        String::from_utf8(out[..len].to_vec()).unwrap()
    }

    #[test]
    #[cfg_attr(miri, ignore = "all of them take hours there")]
    fn each_four_digits_before_and_behind_others() {
        for four in 0..10_000 {
            for other in [0, 1, 9, 99, 4_999, 5_000, 9_999] {
                for number in [four * 10_000 + other, other * 10_000 + four] {
                    let text = std::format!("{number:08}");
                    assert_eq!(&eight_digits(number).to_le_bytes(), text.as_bytes());
                }
            }
        }
    }

    #[test]
    fn numbers_of_each_length() {
        let mut power = 1_u64;
        loop {
            for value in [power - 1, power, power + 1, power.wrapping_mul(9)] {
                assert_eq!(written(value, 24), value.to_string());
            }
            let Some(next) = power.checked_mul(10) else {
                break;
            };
            power = next;
        }
        assert_eq!(written(u64::MAX, 24), u64::MAX.to_string());
    }

    proptest! {
        #[test]
        fn one_after_the_other(start: u64, shift in 0..64_u32, steps in vec(0..40_000_000_u64, 1..9)) {
            let mut first = FirstDigits::default();
            let mut number = start >> shift;
            for step in steps {
                let mut out = [b'#'; 40];
                let mut writer = Writer::new(&mut out);
                writer.number_after(number, &mut first);
                let len = writer.written();
                let text = number.to_string();
                prop_assert_eq!(&out[..len], text.as_bytes());
                number = number.wrapping_add(step);
            }
        }

        #[test]
        fn in_any_size(value: u64, shift in 0..64_u32, size in 0..30_usize) {
            let value: u64 = value >> shift;
            let whole = value.to_string();
            let fits = &whole[..size.min(whole.len())];
            prop_assert_eq!(written(value, size), fits);
            let mut out = vec![0; size];
            let mut writer = Writer::new(&mut out);
            writer.number_after(value, &mut FirstDigits::default());
            let len = writer.written();
            prop_assert_eq!(&out[..len], fits.as_bytes());
        }
    }
}
