// SPDX-License-Identifier: GPL-2.0-or-later
//! What is written to the files of an interface: a value for one of its statistics, or for any
//! set of them.

use super::field::{by_name, FIELDS, NAMES};
use super::{line, Refusal};
use crate::decimal::{digits, NumberError, Writer};

/// The longest text of [`write_all`]: each line may be as long as the longest.
pub const ALL_MAX: usize = FIELDS * "tx_heartbeat_errors 18446744073709551615\n".len();

/// New values for some statistics. C lends the memory, so the layout is C's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Update {
    values: [u64; FIELDS],
    /// Bit i: there is a value for field i.
    which: u32,
}

impl From<NumberError> for Refusal {
    fn from(error: NumberError) -> Self {
        match error {
            NumberError::Malformed => Self::Malformed,
            NumberError::TooLarge => Self::TooLarge,
        }
    }
}

impl Update {
    /// Reads what was written to the file of one field.
    pub fn one(field: usize, text: &[u8]) -> Result<Self, Refusal> {
        let mut update = Self::default();
        update.put(field, digits(line(text))?)?;
        Ok(update)
    }

    /// Reads what was written to `all`: lines of a name, a space and a number, each name at most
    /// once.
    pub fn all(text: &[u8]) -> Result<Self, Refusal> {
        let mut update = Self::default();
        for line in line(text).split(|&byte| byte == b'\n') {
            let mut words = line.splitn(2, |&byte| byte == b' ');
            let name = words.next().unwrap_or_default();
            let field = by_name(name).ok_or(Refusal::Malformed)?;
            let value = digits(words.next().unwrap_or_default())?;
            update.put(field, value)?;
        }
        Ok(update)
    }

    fn put(&mut self, field: usize, value: u64) -> Result<(), Refusal> {
        let bit = 1_u32
            .checked_shl(field as u32)
            .filter(|bit| self.which & bit == 0)
            .ok_or(Refusal::Malformed)?;
        *self.values.get_mut(field).ok_or(Refusal::Malformed)? = value;
        self.which |= bit;
        Ok(())
    }

    /// Each field's new value, if there is one.
    pub fn values(&self) -> impl Iterator<Item = Option<u64>> + '_ {
        let mut which = self.which;
        self.values.iter().map(move |value| {
            let is_set = which & 1 == 1;
            which >>= 1;
            is_set.then_some(*value)
        })
    }
}

/// Writes all values as [`Update::all`] reads them, and returns the length.
pub fn write_all(values: &[u64; FIELDS], out: &mut [u8]) -> usize {
    let mut writer = Writer::new(out);
    for (name, value) in NAMES.iter().zip(values) {
        writer.bytes(name.to_bytes());
        writer.bytes(b" ");
        writer.number(*value);
        writer.bytes(b"\n");
    }
    writer.written()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::{format, string::String, vec::Vec};

    const RX_BYTES: usize = 2;

    fn one(text: &str) -> Result<u64, Refusal> {
        let update = Update::one(RX_BYTES, text.as_bytes())?;
        let all: Vec<_> = update.values().collect();
        assert_eq!(all.iter().flatten().count(), 1);
        Ok(all[RX_BYTES].expect("it is the one"))
    }

    #[test]
    fn a_number_is_taken_with_and_without_its_newline() {
        assert_eq!(one("0"), Ok(0));
        assert_eq!(one("0\n"), Ok(0));
        assert_eq!(one("007\n"), Ok(7));
        assert_eq!(one("18446744073709551615\n"), Ok(u64::MAX));
        assert_eq!(one("00000000000000000000000000000000001"), Ok(1));
    }

    #[test]
    fn what_is_no_number_is_malformed() {
        for text in [
            "",
            "\n",
            " ",
            "-1",
            "+1",
            "0x10",
            "1e3",
            "1.5",
            "1 ",
            " 1",
            "1\n\n",
            "1\n2\n",
            "1\0",
            "\0",
            "1\0\n",
            "%s%n",
            "١",
            "1k",
            "18446744073709551616x",
        ] {
            assert_eq!(one(text), Err(Refusal::Malformed), "{text:?}");
        }
        let long: String = "a".repeat(4096);
        assert_eq!(one(&long), Err(Refusal::Malformed));
    }

    #[test]
    fn what_64_bits_cannot_hold_is_too_large() {
        assert_eq!(one("18446744073709551616\n"), Err(Refusal::TooLarge));
        assert_eq!(one(&"9".repeat(4095)), Err(Refusal::TooLarge));
    }

    #[test]
    fn a_field_that_is_none_takes_nothing() {
        for field in [FIELDS, 31, 32, 64, usize::MAX] {
            assert_eq!(Update::one(field, b"1"), Err(Refusal::Malformed));
        }
    }

    #[test]
    fn a_batch_is_lines_of_name_and_number() {
        let update = Update::all(b"tx_bytes 7\nrx_bytes 5\n").expect("a batch");
        let values: Vec<_> = update.values().collect();
        assert_eq!(values[RX_BYTES], Some(5));
        assert_eq!(values[RX_BYTES + 1], Some(7));
        assert_eq!(values.iter().flatten().count(), 2);
        assert_eq!(Update::all(b"tx_bytes 7\nrx_bytes 5"), Ok(update));
    }

    #[test]
    fn anything_else_is_no_batch() {
        for text in [
            "",
            "\n",
            "\n\n",
            "rx_bytes",
            "rx_bytes ",
            "rx_bytes  5",
            " rx_bytes 5",
            "rx_bytes 5 ",
            "rx_bytes 5 6",
            "rx_bytes=5",
            "rx_bytes\t5",
            "rx_bytes 5\n\n",
            "rx_bytes 5\n\ntx_bytes 5",
            "rx_bytes 5\r\n",
            "rx_bytes 5\nrx_bytes 5",
            "rx_bytes 5\nrx_nohandler 5",
            "rx_bytes 5\ntx_bytes -1",
            "rx_bytes 5\0\ntx_bytes 1",
            "5",
        ] {
            assert_eq!(
                Update::all(text.as_bytes()),
                Err(Refusal::Malformed),
                "{text:?}"
            );
        }
        let large = b"rx_bytes 5\ntx_bytes 18446744073709551616\n";
        assert_eq!(Update::all(large), Err(Refusal::TooLarge));
    }

    #[test]
    fn the_longest_batch_fits() {
        let values = [u64::MAX; FIELDS];
        let mut out = [0; ALL_MAX];
        let len = write_all(&values, &mut out);
        let update = Update::all(&out[..len]).expect("what is written can be read");
        assert!(update.values().eq(values.map(Some)));
    }

    proptest! {
        #[test]
        fn every_batch_comes_back(values: [u64; FIELDS]) {
            let mut out = [0; ALL_MAX];
            let len = write_all(&values, &mut out);
            let update = Update::all(&out[..len]).expect("what is written can be read");
            prop_assert!(update.values().eq(values.map(Some)));
        }

        #[test]
        fn a_batch_cut_within_a_line_never_says_more(values: [u64; FIELDS], cut in 0..ALL_MAX) {
            let mut out = [0; ALL_MAX];
            let len = write_all(&values, &mut out);
            prop_assume!(cut < len);
            if let Ok(update) = Update::all(&out[..cut]) {
                prop_assert!(update.values().flatten().count() <= out[..cut].split(|b| *b == b'\n').count());
            }
        }

        #[test]
        fn any_order_of_any_set_is_a_batch(set in proptest::collection::btree_map(0..FIELDS, any::<u64>(), 1..=FIELDS), backwards: bool) {
            let mut lines: Vec<String> = set.iter()
                .map(|(field, value)| format!("{} {value}\n", NAMES[*field].to_str().expect("ASCII")))
                .collect();
            if backwards {
                lines.reverse();
            }
            let update = Update::all(lines.concat().as_bytes()).expect("a batch");
            for (field, value) in update.values().enumerate() {
                prop_assert_eq!(value, set.get(&field).copied());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(text: Vec<u8>) {
            let _ = Update::all(&text);
            let _ = Update::one(RX_BYTES, &text);
        }

        #[test]
        fn it_agrees_with_the_standard_library(text in "[0-9]{1,22}\n?") {
            let standard = text.trim_end().parse::<u64>().map_err(|_| Refusal::TooLarge);
            prop_assert_eq!(one(&text), standard);
        }
    }
}
