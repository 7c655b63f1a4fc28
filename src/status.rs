// SPDX-License-Identifier: GPL-2.0-or-later
//! The file `status`: `key: value` lines, as the kernel half writes them and the tools read them.
//!
//! `no_std`, no allocation, and nothing in it can panic.

use crate::decimal::{number, Writer};
use crate::rate::{Rate, RATE_TEXT};

/// Longest `status`: the letters of twelve keys, ten 64-bit numbers of 20 digits, one flag and a
/// rate, and a colon, a space and a newline in each line.
pub const STATUS_MAX: usize = 86 + 10 * 20 + 1 + RATE_MAX + 12 * 3;

/// Longest rate: a number and `bit`.
const RATE_MAX: usize = 23;

/// The keys, in the order of the file; the last three with `--above` only.
const KEYS: [&str; 12] = [
    "period_ns",
    "samples",
    "wire",
    "rules",
    "frames",
    "bytes",
    "queued",
    "merged",
    "memory",
    "above",
    "matched_frames",
    "matched_bytes",
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
    /// Of a counter with `--above`.
    pub above: Option<Above>,
}

/// How a counter with `--above` stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Above {
    /// The threshold, as in the rule.
    pub rate: Rate,
    /// Frames that the match was true for.
    pub matched_frames: u64,
    /// Bytes that it was true for.
    pub matched_bytes: u64,
}

impl Status {
    /// Reads a whole `status` file, strictly: each key once, a newline after each line.
    ///
    /// Keys that it does not know are passed over, so that a later kernel half may say more.
    pub fn parse(text: &[u8]) -> Option<Status> {
        let mut values = [None; KEYS.len()];
        let mut rate = None;
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\n")?;
            let colon = line.iter().position(|&byte| byte == b':')?;
            let (key, rest) = line.split_at_checked(colon)?;
            let digits = rest.strip_prefix(b": ")?;
            let known = KEYS
                .iter()
                .zip(&mut values)
                .find(|(known, _)| known.as_bytes() == key);
            if let Some((key, value)) = known {
                if *key == "above" {
                    rate = Some(Rate::parse(digits)?);
                    continue;
                }
                if value.replace(number(digits)?).is_some() {
                    return None;
                }
            }
        }
        let [Some(period_ns), Some(samples), Some(wire @ 0..=1), Some(rules), Some(frames), Some(bytes), Some(queued), Some(merged), Some(memory), None, matched_frames, matched_bytes] =
            values
        else {
            return None;
        };
        let wire = wire == 1;
        let above = match (rate, matched_frames, matched_bytes) {
            (Some(rate), Some(matched_frames), Some(matched_bytes)) => Some(Above {
                rate,
                matched_frames,
                matched_bytes,
            }),
            (None, None, None) => None,
            _ => return None,
        };
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
            above,
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
        let mut keys = KEYS.iter();
        let mut line = |value: &dyn Fn(&mut Writer<'_>)| {
            writer.bytes(keys.next().copied().unwrap_or_default().as_bytes());
            writer.bytes(b": ");
            value(&mut writer);
            writer.bytes(b"\n");
        };
        for value in values {
            line(&|writer| writer.number(value));
        }
        if let Some(above) = self.above {
            line(&|writer| writer.bytes(above.rate.format(&mut [0; RATE_TEXT])));
            line(&|writer| writer.number(above.matched_frames));
            line(&|writer| writer.number(above.matched_bytes));
        }
        writer.written()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::rate::Unit;
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
            above: None,
        };
        assert_eq!(Status::parse(TEXT.as_bytes()), Some(status));
        assert_eq!(written(status), TEXT.as_bytes());

        let with_above =
            String::from(TEXT) + "above: 5gbit\nmatched_frames: 12\nmatched_bytes: 18000\n";
        let above = Some(Above {
            rate: Rate::parse(b"5gbit").expect("a rate"),
            matched_frames: 12,
            matched_bytes: 18_000,
        });
        let status = Status { above, ..status };
        assert_eq!(Status::parse(with_above.as_bytes()), Some(status));
        assert_eq!(written(status), with_above.as_bytes());
        for part in ["above: 5gbit\n", "matched_frames: 12\n", "above: 5\n"] {
            let cut = String::from(TEXT) + part;
            assert_eq!(Status::parse(cut.as_bytes()), None, "{part}");
        }
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
        fn every_status_comes_back(n: [u64; 8], wire: bool, above: Option<(u64, u64, u64)>) {
            let [period_ns, samples, rules, frames, bytes, queued, merged, memory] = n;
            let above = above.map(|(per_second, matched_frames, matched_bytes)| Above {
                rate: Rate { per_second, unit: Unit::Packets },
                matched_frames,
                matched_bytes,
            });
            let status = Status {
                period_ns, samples, wire, rules, frames, bytes, queued, merged, memory, above,
            };
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
            above: Some(Above {
                rate: Rate {
                    per_second: u64::MAX,
                    unit: Unit::Bits,
                },
                matched_frames: u64::MAX,
                matched_bytes: u64::MAX,
            }),
        };
        assert_eq!(written(most).len(), STATUS_MAX);
        assert_eq!(Status::parse(&written(most)), Some(most));
    }
}
