// SPDX-License-Identifier: GPL-2.0-or-later
//! Decimal numbers, in and out.
//!
//! `no_std`, no allocation, and nothing in it can panic. Not `itoa`: at opt-level 2 the compiler
//! leaves a bounds check in it, and with it `core::panicking`.

/// Reads a number of 64 bits as [`Writer::number`] writes it: no sign, no leading zero.
pub fn number(digits: &[u8]) -> Option<u64> {
    match digits {
        [] | [b'0', _, ..] => None,
        _ => digits.iter().try_fold(0_u64, |value, byte| {
            let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
            value.checked_mul(10)?.checked_add(digit.into())
        }),
    }
}

/// Appends to a buffer. What does not fit is left out: its user owes it a buffer for the longest.
pub struct Writer<'a> {
    rest: &'a mut [u8],
    written: usize,
}

const E8: u64 = 100_000_000;

impl<'a> Writer<'a> {
    /// A writer at the start of `out`.
    pub fn new(out: &'a mut [u8]) -> Self {
        Writer {
            rest: out,
            written: 0,
        }
    }

    /// Bytes in the buffer so far.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Passes over `len` bytes that were written, or as many as there are.
    fn advance(&mut self, len: usize) {
        let len = len.min(self.rest.len());
        let rest = core::mem::take(&mut self.rest);
        self.rest = rest.get_mut(len..).unwrap_or_default();
        self.written = self.written.wrapping_add(len);
    }

    /// Appends bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        for (byte, slot) in bytes.iter().zip(self.rest.iter_mut()) {
            *slot = *byte;
        }
        self.advance(bytes.len());
    }

    /// Appends a byte.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        if let Some((place, rest)) = core::mem::take(&mut self.rest).split_first_mut() {
            *place = byte;
            self.rest = rest;
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

    /// Appends a number below 10^8 without leading zeros.
    fn first_digits(&mut self, number: u64) {
        let digits = eight_digits(number);
        let zeros = ((digits ^ u64::from_le_bytes([b'0'; 8])).trailing_zeros() / 8).min(7);
        self.word(digits >> (8 * zeros), 8 - zeros as usize);
    }

    /// Appends the first `len` of a word's bytes, with one store where there is room for all.
    fn word(&mut self, word: u64, len: usize) {
        let word = word.to_le_bytes();
        match self.rest.first_chunk_mut() {
            Some(place) => {
                *place = word;
                self.advance(len);
            }
            None => self.bytes(word.get(..len).unwrap_or_default()),
        }
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
    use proptest::prelude::*;
    use std::string::{String, ToString};
    use std::vec;

    /// In a buffer of `room` bytes.
    fn written(value: u64, room: usize) -> String {
        let mut out = vec![0; room];
        let mut writer = Writer::new(&mut out);
        writer.number(value);
        let len = writer.written();
        String::from_utf8(out[..len].to_vec()).unwrap()
    }

    #[test]
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
        fn in_any_room(value: u64, shift in 0..64_u32, room in 0..30_usize) {
            let value: u64 = value >> shift;
            let whole = value.to_string();
            prop_assert_eq!(written(value, room), &whole[..room.min(whole.len())]);
        }
    }
}
