// SPDX-License-Identifier: GPL-2.0-or-later
//! What the interface says of a rule, told a second time, and as simply as can be.

use xt_pktstat::abi::{Info, FLAG_WIRE, ID_ANY};

/// A number without a sign, blanks or leading zeros.
pub fn number(text: &str) -> Option<u128> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_plain)?;
    (text == "0" || !text.starts_with('0')).then_some(number)
}

/// A period in ns.
pub fn period(text: &str) -> Option<u64> {
    let (text, unit) = ["ns", "us", "ms", "s"]
        .iter()
        .find_map(|unit| Some((text.strip_suffix(unit)?, *unit)))
        .unwrap_or((text, ""));
    match text.split_once('.') {
        None => shifted(text, "", unit),
        Some((_, "")) => None,
        Some((whole, fraction)) => shifted(whole, fraction, unit),
    }
}

/// By long-hand decimal arithmetic on text: shifts the point by appending zeros.
fn shifted(whole: &str, fraction: &str, unit: &str) -> Option<u64> {
    number(whole)?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let places = match unit {
        "ns" => 0,
        "us" => 3,
        "" | "ms" => 6,
        _ => 9,
    };
    let fraction = fraction.trim_end_matches('0');
    let shifted = format!("{whole}{fraction:0<places$}");
    let ns: u128 = shifted.parse().ok()?;
    (fraction.len() <= places && (1_000..=3_600_000_000_000).contains(&ns)).then_some(ns as u64)
}

pub fn samples(text: &str) -> Option<u32> {
    let taken = number(text).filter(|samples| (1..=1_048_576).contains(samples));
    taken.map(|samples| samples as u32)
}

pub fn id(text: &str) -> Option<u16> {
    number(text).and_then(|id| id.try_into().ok())
}

pub fn is_name(text: &[u8]) -> bool {
    let mut bytes = text.iter();
    bytes.next().is_some_and(u8::is_ascii_alphabetic)
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte))
        && text.len() <= 31
}

/// Whether a rule config may be taken.
pub fn is_valid(info: &Info) -> bool {
    let end = info.name.iter().position(|&byte| byte == 0).unwrap_or(32);
    let (name, padding) = info.name.split_at(end);
    let padded = padding.iter().all(|&byte| byte == 0);
    (1_000..=3_600_000_000_000).contains(&info.period_ns)
        && (1..=1_048_576).contains(&info.samples)
        && info.flags & !FLAG_WIRE == 0
        && info.reserved == 0
        && padded
        && match (name, info.id) {
            ([], id) => id == ID_ANY || id <= 65_535,
            (name, id) => is_name(name) && id == ID_ANY,
        }
}
