// SPDX-License-Identifier: GPL-2.0-or-later
//! Words that no mutation would come upon: names, and numbers where something ends.

use xt_pktstat::update_stats::field::NAMES;

const WORDS: [&str; 28] = [
    "period_ns: ",
    "samples: ",
    "wire: ",
    "rules: ",
    "frames: ",
    "bytes: ",
    "queued: ",
    "merged: ",
    "memory: ",
    "period_ns: 1\nsamples: 2\nrules: 3\nframes: 4\nbytes: 5\nqueued: 6\nmerged: 7\n",
    "65535",
    "65536",
    "1048576",
    "1048577",
    "4294967296",
    "1000000000",
    "1000000001",
    "18446744073709551615",
    "18446744073709551616",
    "18446744073",
    "3600",
    "3600000",
    "3600000000001",
    "000000",
    "0.000001",
    "999",
    "abcdefghijklmnop",
    " 7\n",
];

/// The input, with a word for each byte from 192 on that has one.
pub fn spelled(data: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(4 * data.len());
    for &byte in data {
        let word = byte.checked_sub(192).map(usize::from);
        let fields = word.and_then(|word| word.checked_sub(WORDS.len()));
        match (
            word.and_then(|word| WORDS.get(word)),
            fields.and_then(|field| NAMES.get(field)),
        ) {
            (Some(word), _) => text.extend_from_slice(word.as_bytes()),
            (_, Some(name)) => {
                text.extend_from_slice(name.to_bytes());
                text.push(b' ');
            }
            _ => text.push(byte),
        }
    }
    text
}
