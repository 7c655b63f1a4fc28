// SPDX-License-Identifier: GPL-2.0-or-later
//! What a rule may say: parsing, bounds and printing, for iptables and the kernel alike.
//!
//! A [`Rule`] cannot be wrong. Text becomes one through the `parse_` functions, a rule config
//! through [`Rule::from_info`], which trusts no byte of it: it may come from anyone who is root
//! in a user namespace.
#![forbid(unsafe_code)]

use core::num::{NonZeroU32, NonZeroU64};

use crate::abi::{
    Info, FLAG_ABOVE_BITS, FLAG_ABOVE_PACKETS, FLAG_WIRE, ID_ANY, ID_MAX, NAME_SIZE, PERIOD_MAX_NS,
    PERIOD_MIN_NS, SAMPLES_MAX,
};
use crate::decimal;
use crate::rate::{Rate, Unit};

/// A rule as it was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Width of a window, within [`PERIOD_MIN_NS`] and [`PERIOD_MAX_NS`] if parsed or checked.
    pub period_ns: NonZeroU64,
    /// Closed windows that the counter holds.
    pub samples: NonZeroU32,
    /// Count what is on the wire.
    pub wire: bool,
    /// Match only packets of windows that have carried more than this: one that
    /// [`Rate::per_period`] has a number for.
    pub above: Option<Rate>,
    /// Which counter.
    pub label: Label,
}

/// Which counter a rule refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// The one with this name.
    Name(Name),
    /// The one with this number.
    Id(u16),
    /// A new one, under the lowest free number.
    Any,
}

/// A counter's name.
///
/// # Invariants
///
/// 1 to 31 of `A-Z a-z 0-9 _ . -`, beginning with a letter; zeros from there to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name([u8; NAME_SIZE]);

impl Name {
    /// The name itself.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|&byte| byte == 0).next().unwrap_or_default()
    }

    /// The name as a rule config holds it: padded with zeros, the last byte is one.
    pub fn as_padded(&self) -> &[u8; NAME_SIZE] {
        &self.0
    }

    fn from_padded(padded: &[u8; NAME_SIZE]) -> Result<Self, RuleError> {
        let text = padded.split(|&byte| byte == 0).next().unwrap_or_default();
        let name = parse_name(text)?;
        // What stands behind the first zero is compared by iptables, so it must be zero too.
        if name.0 == *padded {
            Ok(name)
        } else {
            Err(RuleError::Name)
        }
    }
}

/// What is wrong with a rule. `{option} takes {takes}` is the sentence that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// Not a period.
    Period,
    /// Not a number of windows.
    Samples,
    /// Not a name.
    Name,
    /// Not a number of a counter.
    Id,
    /// A name and a number at once.
    NameAndId,
    /// Not a rate.
    Above,
    /// A rate of less than a byte or frame a period, or of more than a window can hold.
    AboveOfPeriod,
    /// A flag that this revision does not know, or two that exclude each other.
    Flags,
    /// A byte that must be zero and is not.
    Reserved,
}

impl RuleError {
    /// The option to blame, or the field of the rule config where no option can set it.
    pub const fn option(self) -> &'static str {
        match self {
            Self::Period => "--period",
            Self::Samples => "--samples",
            Self::Name => "--name",
            Self::Id | Self::NameAndId => "--id",
            Self::Above | Self::AboveOfPeriod => "--above",
            Self::Flags => "flags",
            Self::Reserved => "reserved",
        }
    }

    /// What it takes, as one line.
    pub const fn takes(self) -> &'static str {
        match self {
            Self::Period => {
                "a number with ns, us, ms or s (ms if left out), \
                 1us to 3600s and a whole number of ns"
            }
            Self::Samples => "a number from 1 to 1048576",
            Self::Name => "1 to 31 of A-Z a-z 0-9 _ . - beginning with a letter",
            Self::Id => "a number from 0 to 65535",
            Self::NameAndId => "a counter without --name",
            Self::Above => {
                "a number with bit, kbit, mbit, gbit or tbit (of IP packets, a second), \
                 or with pps, kpps or mpps"
            }
            Self::AboveOfPeriod => "one byte or frame a period at least, and 2^62 at most",
            Self::Flags => "the bits of --wire and --above",
            Self::Reserved => "zero",
        }
    }
}

impl Rule {
    /// Reads a rule config. Every byte is checked but [`Info::counter`], which is the kernel's.
    pub fn from_info(info: &Info) -> Result<Self, RuleError> {
        let label = if info.name.iter().all(|&byte| byte == 0) {
            match info.id {
                ID_ANY => Label::Any,
                id => Label::Id(checked_id(id.into())?),
            }
        } else if info.id == ID_ANY {
            Label::Name(Name::from_padded(&info.name)?)
        } else {
            return Err(RuleError::NameAndId);
        };
        if info.reserved != 0 {
            return Err(RuleError::Reserved);
        }
        let period_ns = checked_period(info.period_ns)?;
        let above = above_of(info)?;
        if !is_above_of_period(info) {
            return Err(RuleError::AboveOfPeriod);
        }
        Ok(Self {
            period_ns,
            samples: checked_samples(info.samples.into())?,
            wire: info.flags & FLAG_WIRE != 0,
            above,
            label,
        })
    }

    /// Writes the rule config.
    pub fn to_info(&self) -> Info {
        let (name, id) = match self.label {
            Label::Name(name) => (name.0, ID_ANY),
            Label::Id(id) => ([0; NAME_SIZE], u32::from(id)),
            Label::Any => ([0; NAME_SIZE], ID_ANY),
        };
        let wire = if self.wire { FLAG_WIRE } else { 0 };
        Info {
            period_ns: self.period_ns.get(),
            samples: self.samples.get(),
            flags: wire | self.above.map_or(0, above_flag),
            name,
            above: self.above.map_or(0, |rate| rate.per_second),
            id,
            reserved: 0,
            counter: 0,
        }
    }
}

/// The rate in a rule config.
fn above_of(info: &Info) -> Result<Option<Rate>, RuleError> {
    let unit = match info.flags & !FLAG_WIRE {
        0 if info.above == 0 => return Ok(None),
        0 => return Err(RuleError::Above),
        FLAG_ABOVE_BITS => Unit::Bits,
        FLAG_ABOVE_PACKETS => Unit::Packets,
        _ => return Err(RuleError::Flags),
    };
    Ok(Some(Rate {
        per_second: info.above,
        unit,
    }))
}

/// Whether the rate in a rule config, if there is one, makes a number of bytes or frames that a window
/// of its period can carry.
pub fn is_above_of_period(info: &Info) -> bool {
    match (above_of(info), NonZeroU64::new(info.period_ns)) {
        (Ok(Some(rate)), Some(period_ns)) => rate.per_period(period_ns).is_some(),
        _ => true,
    }
}

/// The flag that says what [`Info::above`] is of.
pub fn above_flag(rate: Rate) -> u32 {
    match rate.unit {
        Unit::Bits => FLAG_ABOVE_BITS,
        Unit::Packets => FLAG_ABOVE_PACKETS,
    }
}

/// Reads a rate: see [`Rate::parse`].
pub fn parse_above(text: &[u8]) -> Result<Rate, RuleError> {
    Rate::parse(text).ok_or(RuleError::Above)
}

/// Reads a period: `100`, `0.25`, `250us`. Exact: what is not a whole number of ns is refused, not
/// rounded. As in all numbers here, a leading zero is refused too: 010 is eight to some.
pub fn parse_period(text: &[u8]) -> Result<NonZeroU64, RuleError> {
    period_ns(text)
        .ok_or(RuleError::Period)
        .and_then(checked_period)
}

/// Reads a number of windows.
pub fn parse_samples(text: &[u8]) -> Result<NonZeroU32, RuleError> {
    decimal::number(text)
        .ok_or(RuleError::Samples)
        .and_then(checked_samples)
}

/// Reads the number of a counter.
pub fn parse_id(text: &[u8]) -> Result<u16, RuleError> {
    decimal::number(text)
        .ok_or(RuleError::Id)
        .and_then(checked_id)
}

/// Reads the name of a counter.
pub fn parse_name(text: &[u8]) -> Result<Name, RuleError> {
    let in_place = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let begins = text.first().is_some_and(u8::is_ascii_alphabetic);
    if !begins || text.len() >= NAME_SIZE || !text.iter().all(in_place) {
        return Err(RuleError::Name);
    }
    let mut padded = [0; NAME_SIZE];
    for (to, from) in padded.iter_mut().zip(text) {
        *to = *from;
    }
    // INVARIANT: checked above; shorter than the array, so zeros remain at its end.
    Ok(Name(padded))
}

/// Longest text of [`format_period`].
pub const PERIOD_TEXT: usize = 24;

/// Writes a period so that [`parse_period`] reads it back: a whole number of ms without a unit,
/// otherwise the largest unit that keeps it whole.
pub fn format_period(ns: u64, out: &mut [u8; PERIOD_TEXT]) -> &[u8] {
    let (number, unit) = if ns.is_multiple_of(1_000_000) {
        (ns / 1_000_000, "")
    } else if ns.is_multiple_of(1_000) {
        (ns / 1_000, "us")
    } else {
        (ns, "ns")
    };
    let mut writer = decimal::Writer::new(out);
    writer.number(number);
    writer.bytes(unit.as_bytes());
    let written = writer.written();
    out.get(..written).unwrap_or_default()
}

fn checked_period(ns: u64) -> Result<NonZeroU64, RuleError> {
    NonZeroU64::new(ns)
        .filter(|ns| (PERIOD_MIN_NS..=PERIOD_MAX_NS).contains(&ns.get()))
        .ok_or(RuleError::Period)
}

fn checked_samples(samples: u64) -> Result<NonZeroU32, RuleError> {
    u32::try_from(samples)
        .ok()
        .filter(|&samples| samples <= SAMPLES_MAX)
        .and_then(NonZeroU32::new)
        .ok_or(RuleError::Samples)
}

fn checked_id(id: u64) -> Result<u16, RuleError> {
    const { assert!(ID_MAX == u16::MAX as u32) };
    u16::try_from(id).map_err(|_| RuleError::Id)
}

/// ns of a number and a unit, whatever the bounds; nothing where it is not one or does not fit.
fn period_ns(text: &[u8]) -> Option<u64> {
    // `s` comes after what ends with it too.
    let units: [(&[u8], u64); 5] = [
        (b"ns", 1),
        (b"us", 1_000),
        (b"ms", 1_000_000),
        (b"s", 1_000_000_000),
        (b"", 1_000_000),
    ];
    let (number, unit_ns) = decimal::split_unit(text, &units)?;
    decimal::scaled(number, unit_ns)
}
