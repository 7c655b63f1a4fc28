// SPDX-License-Identifier: GPL-2.0-or-later
//! The file `status`: `key: value` lines, as the kernel half writes them and the tools read them.
//!
//! `no_std`, no allocation, and nothing in it can panic.

use crate::decimal::{number, Writer};

/// Longest `status`: the letters of nine keys, eight 64-bit numbers of 20 digits and one flag, and
/// a colon, a space and a newline in each line.
pub const STATUS_MAX: usize = 54 + 8 * 20 + 1 + 9 * 3;

/// The keys, in the order of the file.
const KEYS: [&str; 9] = [
    "period_ns",
    "samples",
    "wire",
    "rules",
    "frames",
    "bytes",
    "queued",
    "merged",
    "memory",
];

/// How a counter stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Width of a window, ns.
    pub period_ns: u64,
    /// Closed windows that the counter holds.
    pub samples: u64,
    /// Counts what is on the wire (`--wire`); `1` or `0` in the file.
    pub wire: bool,
    /// Rules that refer to the counter.
    pub rules: u64,
    /// Frames since the counter was made.
    pub frames: u64,
    /// Bytes since the counter was made.
    pub bytes: u64,
    /// Rows that no reader of `data` has had yet.
    pub queued: u64,
    /// Windows that did not fit and were merged into a later row.
    pub merged: u64,
    /// Bytes of memory that the counter takes.
    pub memory: u64,
}

impl Status {
    /// Reads a whole `status` file, strictly: each key once, a newline after each line.
    ///
    /// Keys that it does not know are passed over, so that a later kernel half may say more.
    pub fn parse(text: &[u8]) -> Option<Status> {
        let mut values = [None; KEYS.len()];
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\n")?;
            let colon = line.iter().position(|&byte| byte == b':')?;
            let (key, rest) = line.split_at_checked(colon)?;
            let digits = rest.strip_prefix(b": ")?;
            let known = KEYS
                .iter()
                .zip(&mut values)
                .find(|(known, _)| known.as_bytes() == key);
            if let Some((_, value)) = known {
                if value.replace(number(digits)?).is_some() {
                    return None;
                }
            }
        }
        let [Some(period_ns), Some(samples), Some(wire @ 0..=1), Some(rules), Some(frames), Some(bytes), Some(queued), Some(merged), Some(memory)] =
            values
        else {
            return None;
        };
        let wire = wire == 1;
        Some(Status {
            period_ns,
            samples,
            wire,
            rules,
            frames,
            bytes,
            queued,
            merged,
            memory,
        })
    }

    /// Writes the whole file to the start of `out` and returns its length.
    pub fn write(&self, out: &mut [u8; STATUS_MAX]) -> usize {
        let mut writer = Writer::new(out);
        let values = [
            self.period_ns,
            self.samples,
            self.wire.into(),
            self.rules,
            self.frames,
            self.bytes,
            self.queued,
            self.merged,
            self.memory,
        ];
        for (key, value) in KEYS.iter().zip(values) {
            writer.bytes(key.as_bytes());
            writer.bytes(b": ");
            writer.number(value);
            writer.bytes(b"\n");
        }
        writer.written()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::{string::String, vec::Vec};

    const TEXT: &str = "period_ns: 100000\nsamples: 20\nwire: 1\nrules: 2\nframes: 1235\n\
                        bytes: 485932\nqueued: 7\nmerged: 0\nmemory: 8192\n";

    fn written(status: Status) -> Vec<u8> {
        let mut out = [b'#'; STATUS_MAX];
        let len = status.write(&mut out);
        out[..len].to_vec()
    }

    #[test]
    fn the_file_of_the_interface() {
        let status = Status {
            period_ns: 100_000,
            samples: 20,
            wire: true,
            rules: 2,
            frames: 1235,
            bytes: 485_932,
            queued: 7,
            merged: 0,
            memory: 8192,
        };
        assert_eq!(Status::parse(TEXT.as_bytes()), Some(status));
        assert_eq!(written(status), TEXT.as_bytes());
    }

    #[test]
    fn a_later_key_is_passed_over() {
        let more = String::from(TEXT) + "colour: blue\n";
        assert_eq!(
            Status::parse(more.as_bytes()),
            Status::parse(TEXT.as_bytes())
        );
    }

    #[test]
    fn a_key_twice_a_value_that_is_none_and_a_cut_are_refused() {
        let twice = String::from(TEXT) + "wire: 1\n";
        assert_eq!(Status::parse(twice.as_bytes()), None);
        assert_eq!(
            Status::parse(TEXT.replace("wire: 1", "wire: 2").as_bytes()),
            None
        );
        assert_eq!(
            Status::parse(TEXT.replace("rules: 2", "rules: x").as_bytes()),
            None
        );
        for cut in 0..TEXT.len() {
            assert_eq!(Status::parse(&TEXT.as_bytes()[..cut]), None, "{cut}");
        }
    }

    proptest! {
        #[test]
        fn every_status_comes_back(n: [u64; 8], wire: bool) {
            let [period_ns, samples, rules, frames, bytes, queued, merged, memory] = n;
            let status =
                Status { period_ns, samples, wire, rules, frames, bytes, queued, merged, memory };
            prop_assert_eq!(Status::parse(&written(status)), Some(status));
        }
    }

    #[test]
    fn the_longest_file_fits_exactly() {
        let most = Status {
            period_ns: u64::MAX,
            samples: u64::MAX,
            wire: true,
            rules: u64::MAX,
            frames: u64::MAX,
            bytes: u64::MAX,
            queued: u64::MAX,
            merged: u64::MAX,
            memory: u64::MAX,
        };
        assert_eq!(written(most).len(), STATUS_MAX);
        assert_eq!(Status::parse(&written(most)), Some(most));
    }
}
