// SPDX-License-Identifier: GPL-2.0-or-later
//! Command lines of `-m pktstat`: each option is taken or refused as the interface says, and what
//! the whole of them makes is a rule that is printed so that it reads back.
//!
//! An input is lines of `!` perhaps, an option's first letter, and its value; high bytes are
//! whole words.
#![no_main]

mod words;

use libfuzzer_sys::fuzz_target;
use options::{Fault, Given, Opt};
use xt_pktstat::abi::{Info, ID_ANY, NAME_SIZE};
use xt_pktstat::rate::{Rate, Unit, RATE_TEXT};
use xt_pktstat::rule::{format_period, parse_period, Label, Rule, PERIOD_TEXT};

#[path = "../../tests/rule/model.rs"]
#[expect(dead_code, reason = "rule configs have their own target")]
mod model;
#[path = "../../xt_ext/src/options.rs"]
#[expect(dead_code, reason = "what only getopt and error messages ask for")]
mod options;

fn is_taken(option: Opt, value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    match option {
        Opt::Period => model::period(text).is_some(),
        Opt::Samples => model::samples(text).is_some(),
        Opt::Id => model::id(text).is_some(),
        Opt::Name => model::is_name(value),
        Opt::Wire => true,
        Opt::Above => model::rate(text).is_some(),
    }
}

/// Whether the rate, if it and the period are known, makes a number of bytes or frames.
fn is_of_period(said: &[Option<&[u8]>; 6], option: Opt, value: &[u8]) -> bool {
    let text = |asked: Opt| {
        let value = if asked == option {
            Some(value)
        } else {
            said[asked as usize]
        };
        value.and_then(|value| std::str::from_utf8(value).ok())
    };
    let (Some(period), Some(rate)) = (text(Opt::Period), text(Opt::Above)) else {
        return true;
    };
    let (period_ns, (rate, is_bits)) = (
        model::period(period).expect("taken"),
        model::rate(rate).expect("taken"),
    );
    let second = if is_bits {
        8_000_000_000
    } else {
        1_000_000_000_u128
    };
    (1..=1 << 62).contains(&(u128::from(rate) * u128::from(period_ns) / second))
}

fuzz_target!(|data: &[u8]| {
    let mut info = Info {
        period_ns: 0,
        samples: 0,
        flags: 0,
        name: [0; NAME_SIZE],
        above: 0,
        id: ID_ANY,
        reserved: 0,
        counter: 0,
    };
    let mut given = Given(0);
    let mut said: [Option<&[u8]>; 6] = [None; 6];
    let text = words::spelled(data);
    for line in text.split(|&byte| byte == b'\n') {
        let (inverted, line) = match line {
            [b'!', line @ ..] => (true, line),
            line => (false, line),
        };
        let Some((letter, value)) = line.split_first() else {
            return;
        };
        let Some(at) = b"psniwa".iter().position(|known| known == letter) else {
            return;
        };
        let option = Opt::from_getopt(at as i32).expect("one of six");
        let value = if option.has_value() { value } else { b"" };
        let result = given.take(option, value, inverted, &mut info);
        let pair = match option {
            Opt::Name => said[Opt::Id as usize],
            Opt::Id => said[Opt::Name as usize],
            _ => None,
        };
        let want = if inverted {
            Err(Fault::Inverted)
        } else if said[at].is_some() {
            Err(Fault::Twice)
        } else if pair.is_some() {
            Err(Fault::NameAndId)
        } else if !is_taken(option, value) {
            Err(Fault::Value)
        } else if !is_of_period(&said, option, value) {
            Err(Fault::AboveOfPeriod)
        } else {
            Ok(())
        };
        assert!(result == want);
        // A refusal ends iptables.
        if result.is_err() {
            return;
        }
        said[at] = Some(value);
    }
    let [period, samples, name, id, wire, above] = said.map(|value| {
        value.map(|value| std::str::from_utf8(value).expect("nothing else was taken"))
    });
    let (Some(period), Some(samples)) = (period, samples) else {
        assert!(given.missing().is_some());
        return;
    };
    assert!(given.missing().is_none());
    let rule = Rule::from_info(&info).expect("options make a rule");
    assert_eq!(Some(rule.period_ns.get()), model::period(period));
    assert_eq!(Some(rule.samples.get()), model::samples(samples));
    assert_eq!(rule.wire, wire.is_some());
    let its = rule
        .above
        .map(|rate| (rate.per_second, rate.unit == Unit::Bits));
    assert_eq!(its, above.and_then(model::rate));
    if let Some(rate) = rule.above {
        assert_eq!(Rate::parse(rate.format(&mut [0; RATE_TEXT])), Some(rate));
    }
    match rule.label {
        Label::Name(its) => assert_eq!(Some(its.as_bytes()), name.map(str::as_bytes)),
        Label::Id(its) => assert_eq!(Some(its), id.and_then(model::id)),
        Label::Any => assert!(name.is_none() && id.is_none()),
    }
    let mut out = [0; PERIOD_TEXT];
    let printed = format_period(rule.period_ns.get(), &mut out);
    assert_eq!(parse_period(printed), Ok(rule.period_ns));
});
