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
    rest: core::slice::IterMut<'a, u8>,
    written: usize,
}

impl<'a> Writer<'a> {
    /// A writer at the start of `out`.
    pub fn new(out: &'a mut [u8]) -> Self {
        let rest = out.iter_mut();
        Writer { rest, written: 0 }
    }

    /// Bytes in the buffer so far.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Appends bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        for (byte, slot) in bytes.iter().zip(self.rest.by_ref()) {
            *slot = *byte;
            self.written = self.written.wrapping_add(1);
        }
    }

    /// Appends a number.
    pub fn number(&mut self, number: u64) {
        let mut digits = [b'0'; 20];
        let mut first = digits.len();
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' | (rest % 10) as u8;
            rest /= 10;
            first = first.wrapping_sub(1);
            if rest == 0 {
                break;
            }
        }
        self.bytes(digits.get(first..).unwrap_or(&[]));
    }
}
