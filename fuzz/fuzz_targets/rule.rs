// SPDX-License-Identifier: GPL-2.0-or-later
//! Rule configs by hand: what is taken is valid and reads back as it was, and what is valid is
//! taken.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xt_pktstat::abi::{Info, ID_ANY, NAME_SIZE, VISIBLE_SIZE};
use xt_pktstat::rule::{Label, Rule};

#[path = "../../tests/rule/model.rs"]
#[expect(dead_code, reason = "the options have their own target")]
mod model;

/// The next word of a rule config.
fn word<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (word, rest) = bytes.split_first_chunk().expect("there is enough of it");
    *bytes = rest;
    *word
}

fuzz_target!(|data: &[u8]| {
    // A good one that the input is laid over, so that short inputs are nearly right.
    let mut bytes = [0; VISIBLE_SIZE + 8];
    bytes[..8].copy_from_slice(&1_000_000_u64.to_ne_bytes());
    bytes[8..12].copy_from_slice(&20_u32.to_ne_bytes());
    bytes[24 + NAME_SIZE..][..4].copy_from_slice(&ID_ANY.to_ne_bytes());
    for (to, from) in bytes.iter_mut().zip(data) {
        *to = *from;
    }
    let mut rest = &bytes[..];
    let info = Info {
        period_ns: u64::from_ne_bytes(word(&mut rest)),
        samples: u32::from_ne_bytes(word(&mut rest)),
        flags: u32::from_ne_bytes(word(&mut rest)),
        name: word(&mut rest),
        above: u64::from_ne_bytes(word(&mut rest)),
        id: u32::from_ne_bytes(word(&mut rest)),
        reserved: u32::from_ne_bytes(word(&mut rest)),
        counter: u64::from_ne_bytes(word(&mut rest)),
    };
    let rule = Rule::from_info(&info);
    assert_eq!(rule.is_ok(), model::is_valid(&info), "{rule:?}");
    let Ok(rule) = rule else { return };
    let back = rule.to_info();
    assert_eq!(
        (
            back.period_ns,
            back.samples,
            back.flags,
            back.name,
            back.above,
            back.id,
            back.reserved,
            back.counter
        ),
        (
            info.period_ns,
            info.samples,
            info.flags,
            info.name,
            info.above,
            info.id,
            0,
            0
        )
    );
    assert_eq!(Rule::from_info(&back), Ok(rule));
    if let Label::Name(name) = rule.label {
        assert!(model::is_name(name.as_bytes()));
    }
});
