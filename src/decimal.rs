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
        let room = self.rest.len();
        for (byte, slot) in bytes.iter().zip(self.rest.by_ref()) {
            *slot = *byte;
        }
        self.written = self.written.wrapping_add(bytes.len().min(room));
    }

    /// Appends a number.
    pub fn number(&mut self, number: u64) {
        let len = number.checked_ilog10().unwrap_or(0) as usize + 1;
        if self.rest.len() < len {
            let mut digits = [0; 20];
            let digits = digits.get_mut(..len).unwrap_or_default();
            write_digits(digits, number);
            return self.bytes(digits);
        }
        let rest = core::mem::take(&mut self.rest).into_slice();
        if let Some((here, rest)) = rest.split_at_mut_checked(len) {
            write_digits(here, number);
            self.rest = rest.iter_mut();
            self.written = self.written.wrapping_add(len);
        }
    }
}

/// Fills `out` with the last digits of `number`, two at a time.
fn write_digits(mut out: &mut [u8], mut number: u64) {
    while let [front @ .., tens, ones] = out {
        let two = (number % 100) as u8;
        number /= 100;
        *tens = b'0' | two / 10;
        *ones = b'0' | two % 10;
        out = front;
    }
    if let [one] = out {
        *one = b'0' | (number % 10) as u8;
    }
}
