// SPDX-License-Identifier: GPL-2.0-or-later
//! What the interface says of a rule, said a second time, and as simply as can be.

use xt_pktstat::abi::{Info, FLAG_ABOVE_BITS, FLAG_ABOVE_PACKETS, FLAG_WIRE, ID_ANY};

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

fn shifted(whole: &str, fraction: &str, unit: &str) -> Option<u64> {
    let places = match unit {
        "ns" => 0,
        "us" => 3,
        "" | "ms" => 6,
        _ => 9,
    };
    let ns = with_places(whole, fraction, places)?;
    (1_000..=3_600_000_000_000)
        .contains(&ns)
        .then_some(ns as u64)
}

/// By long-hand decimal arithmetic on text: shifts the point by appending zeros.
fn with_places(whole: &str, fraction: &str, places: usize) -> Option<u128> {
    number(whole)?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let shifted = format!("{whole}{fraction:0<places$}");
    shifted.parse().ok().filter(|_| fraction.len() <= places)
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

/// A rate: what each second has, and whether that is bits.
pub fn rate(text: &str) -> Option<(u64, bool)> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let (places, is_bits) = match unit {
        "bit" => (0, true),
        "kbit" => (3, true),
        "mbit" => (6, true),
        "gbit" => (9, true),
        "tbit" => (12, true),
        "pps" => (0, false),
        "kpps" => (3, false),
        "mpps" => (6, false),
        _ => return None,
    };
    let rate = match number.split_once('.') {
        None => with_places(number, "", places),
        Some((_, "")) => None,
        Some((whole, fraction)) => with_places(whole, fraction, places),
    }?;
    Some((rate.try_into().ok()?, is_bits))
}

fn is_above(info: &Info) -> bool {
    let units = |second: u128| u128::from(info.above) * u128::from(info.period_ns) / second;
    let may_be = 1..=1 << 62;
    match info.flags & !FLAG_WIRE {
        0 => info.above == 0,
        FLAG_ABOVE_BITS => may_be.contains(&units(8_000_000_000)),
        FLAG_ABOVE_PACKETS => may_be.contains(&units(1_000_000_000)),
        _ => false,
    }
}

/// Whether a rule config may be taken.
pub fn is_valid(info: &Info) -> bool {
    let end = info.name.iter().position(|&byte| byte == 0).unwrap_or(32);
    let (name, padding) = info.name.split_at(end);
    let padded = padding.iter().all(|&byte| byte == 0);
    (1_000..=3_600_000_000_000).contains(&info.period_ns)
        && (1..=1_048_576).contains(&info.samples)
        && is_above(info)
        && info.reserved == 0
        && padded
        && match (name, info.id) {
            ([], id) => id == ID_ANY || id <= 65_535,
            (name, id) => is_name(name) && id == ID_ANY,
        }
}
