// SPDX-License-Identifier: GPL-2.0-or-later
//! The options of `-m pktstat`: which there are, and what each writes into the rule config.
#![forbid(unsafe_code)]

use core::ffi::{c_int, c_uint, CStr};

use xt_pktstat::abi::{Info, FLAG_WIRE};
use xt_pktstat::rule::{self, RuleError};

/// An option. Its number is what getopt calls it by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Opt {
    Period,
    Samples,
    Name,
    Id,
    Wire,
    Above,
}

impl Opt {
    /// All of them, as getopt numbers them.
    pub const ALL: [Self; 6] = [
        Self::Period,
        Self::Samples,
        Self::Name,
        Self::Id,
        Self::Wire,
        Self::Above,
    ];

    /// The one that getopt found.
    pub fn from_getopt(number: c_int) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|option| *option as c_int == number)
    }

    /// Its name, without the dashes.
    pub const fn name(self) -> &'static CStr {
        match self {
            Self::Period => c"period",
            Self::Samples => c"samples",
            Self::Name => c"name",
            Self::Id => c"id",
            Self::Wire => c"wire",
            Self::Above => c"above",
        }
    }

    /// Whether a value follows it.
    pub const fn has_value(self) -> bool {
        !matches!(self, Self::Wire)
    }

    /// What it takes, as one line.
    pub const fn takes(self) -> &'static str {
        match self {
            Self::Period => RuleError::Period.takes(),
            Self::Samples => RuleError::Samples.takes(),
            Self::Name => RuleError::Name.takes(),
            Self::Id => RuleError::Id.takes(),
            Self::Wire => "no value",
            Self::Above => RuleError::Above.takes(),
        }
    }

    const fn bit(self) -> c_uint {
        1 << self as c_uint
    }
}

/// Why an option is refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It does not take this value.
    Value,
    /// `!` stands before it.
    Inverted,
    /// It was given before.
    Twice,
    /// It is mandatory, and not there.
    Missing,
    /// `--name` and `--id` exclude each other.
    NameAndId,
    /// The rate and the period do not go together.
    AboveOfPeriod,
    /// The module that is loaded is too old for it.
    Module,
}

/// The options given so far, as the bits that iptables keeps for a match.
#[derive(Clone, Copy)]
pub struct Given(pub c_uint);

impl Given {
    /// Whether none was given yet.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it was given.
    pub const fn has(self, option: Opt) -> bool {
        self.0 & option.bit() != 0
    }

    /// Takes an option: notes that it was given and writes its value into the rule config.
    pub fn take(
        &mut self,
        option: Opt,
        value: &[u8],
        inverted: bool,
        info: &mut Info,
    ) -> Result<(), Fault> {
        if inverted {
            return Err(Fault::Inverted);
        }
        if self.has(option) {
            return Err(Fault::Twice);
        }
        self.0 |= option.bit();
        if self.has(Opt::Name) && self.has(Opt::Id) {
            return Err(Fault::NameAndId);
        }
        write(option, value, info).map_err(|_| Fault::Value)?;
        if self.has(Opt::Above) && self.has(Opt::Period) && !rule::is_above_of_period(info) {
            return Err(Fault::AboveOfPeriod);
        }
        Ok(())
    }

    /// What is still missing when all options were given.
    pub fn missing(self) -> Option<Opt> {
        [Opt::Period, Opt::Samples]
            .into_iter()
            .find(|&option| !self.has(option))
    }
}

fn write(option: Opt, value: &[u8], info: &mut Info) -> Result<(), RuleError> {
    match option {
        Opt::Period => info.period_ns = rule::parse_period(value)?.get(),
        Opt::Samples => info.samples = rule::parse_samples(value)?.get(),
        Opt::Name => info.name = *rule::parse_name(value)?.as_padded(),
        Opt::Id => info.id = rule::parse_id(value)?.into(),
        Opt::Wire => info.flags |= FLAG_WIRE,
        Opt::Above => {
            let rate = rule::parse_above(value)?;
            info.above = rate.per_second;
            info.flags |= rule::above_flag(rate);
        }
    }
    Ok(())
}
