// SPDX-License-Identifier: GPL-2.0-or-later
//! What a rule may say, as tables and against a naive model.

#[path = "rule/model.rs"]
mod model;

use proptest::prelude::*;
use xt_pktstat::abi::{
    Info, Info0, FLAGS_ABOVE, FLAG_ABOVE_BITS, FLAG_ABOVE_PACKETS, FLAG_WIRE, ID_ANY, NAME_SIZE,
};
use xt_pktstat::rate::{Rate, Unit};
use xt_pktstat::rule::{
    format_period, parse_above, parse_id, parse_name, parse_period, parse_samples, Label, Name,
    Rule, RuleError, PERIOD_TEXT,
};

fn period(text: &str) -> Option<u64> {
    parse_period(text.as_bytes()).ok().map(u64::from)
}

fn spelled(ns: u64) -> String {
    let mut out = [0; PERIOD_TEXT];
    String::from_utf8(format_period(ns, &mut out).to_vec()).expect("ASCII")
}

fn name(text: &str) -> Name {
    parse_name(text.as_bytes()).expect("a name")
}

#[test]
fn periods_that_are_taken() {
    for (text, ns) in [
        ("100", 100_000_000),
        ("0.25", 250_000),
        ("250us", 250_000),
        ("1us", 1_000),
        ("1000ns", 1_000),
        ("1001ns", 1_001),
        ("0.001", 1_000),
        ("1.000001", 1_000_001),
        ("1.5us", 1_500),
        ("0.000001s", 1_000),
        ("1s", 1_000_000_000),
        ("3600s", 3_600_000_000_000),
        ("3600000", 3_600_000_000_000),
        ("3599.999999999s", 3_599_999_999_999),
        ("100.000000000000000000000000000000", 100_000_000),
        ("1000.00ns", 1_000),
    ] {
        assert_eq!(period(text), Some(ns), "{text}");
    }
}

#[test]
fn periods_that_are_refused() {
    for text in [
        "",
        "0",
        "0.0",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1 ms",
        ".5",
        "5.",
        ".",
        "5.ms",
        "1e3",
        "0x10",
        "1,5",
        "1.2.3",
        "ms",
        "s",
        "us",
        "1m",
        "1h",
        "1min",
        "1MS",
        "1Ms",
        "1sec",
        "1mss",
        "1µs",
        "1us2",
        "999ns",
        "0.999us",
        "0.0009",
        "3600.000000001s",
        "3600001",
        "3601s",
        "1.5ns",
        "1000.5ns",
        "0.0010001",
        "1.0000000001s",
        "18446744073709551616ns",
        "18446744073710",
        "99999999999999999999999999999999999999999999999999",
        "1.1111111111111111111111111111111",
        "inf",
        "nan",
        "0100",
        "00.5",
        "010us",
        "1\n",
        "1\0",
        "\u{0661}",
    ] {
        assert_eq!(
            parse_period(text.as_bytes()),
            Err(RuleError::Period),
            "{text}"
        );
    }
}

#[test]
fn periods_as_printed() {
    for (ns, text) in [
        (1_000, "1us"),
        (1_001, "1001ns"),
        (250_000, "250us"),
        (999_999, "999999ns"),
        (1_000_000, "1"),
        (1_500_000, "1500us"),
        (100_000_000, "100"),
        (1_000_000_000, "1000"),
        (3_600_000_000_000, "3600000"),
        (3_599_999_999_999, "3599999999999ns"),
        (u64::MAX, "18446744073709551615ns"),
    ] {
        assert_eq!(spelled(ns), text);
    }
}

#[test]
fn numbers_of_windows() {
    for (text, taken) in [("1", 1), ("20", 20), ("1048576", 1_048_576)] {
        let samples = parse_samples(text.as_bytes()).map(u32::from);
        assert_eq!(samples, Ok(taken), "{text}");
    }
    for text in [
        "",
        "0",
        "1048577",
        "007",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1k",
        "0x1",
        "1.0",
        "4294967297",
        "18446744073709551617",
    ] {
        let samples = parse_samples(text.as_bytes());
        assert_eq!(samples, Err(RuleError::Samples), "{text}");
    }
}

#[test]
fn numbers_of_counters() {
    for (text, taken) in [("0", 0), ("5", 5), ("65535", 65_535)] {
        assert_eq!(parse_id(text.as_bytes()), Ok(taken), "{text}");
    }
    for text in [
        "",
        "65536",
        "010",
        "00",
        "-1",
        "4294967295",
        "4294967296",
        "a",
        "1a",
        "0x1",
    ] {
        assert_eq!(parse_id(text.as_bytes()), Err(RuleError::Id), "{text}");
    }
}

#[test]
fn names() {
    for text in ["a", "Z", "web", "a.b-c_9", "a..", &"x".repeat(31)] {
        assert_eq!(name(text).as_bytes(), text.as_bytes());
        assert_eq!(name(text).as_padded().last(), Some(&0));
    }
    for text in [
        "",
        "1a",
        ".",
        "..",
        "-a",
        "_a",
        ".a",
        "a/b",
        "a b",
        "a\n",
        "a\0",
        "ä",
        "a:b",
        &"x".repeat(32),
    ] {
        assert_eq!(parse_name(text.as_bytes()), Err(RuleError::Name), "{text}");
    }
}

fn named() -> Info {
    Rule {
        period_ns: 100_000_000.try_into().expect("not zero"),
        samples: 20.try_into().expect("not zero"),
        wire: false,
        above: None,
        label: Label::Name(name("web")),
    }
    .to_info()
}

#[test]
fn rule_configs_that_are_refused() {
    let numbered = || Info {
        name: [0; NAME_SIZE],
        id: 7,
        ..named()
    };
    let padded = |text: &[u8]| {
        let mut name = [0; NAME_SIZE];
        name[..text.len()].copy_from_slice(text);
        name
    };
    assert!(Rule::from_info(&named()).is_ok());
    assert!(Rule::from_info(&numbered()).is_ok());
    for (info, error) in [
        (
            Info {
                period_ns: 0,
                ..named()
            },
            RuleError::Period,
        ),
        (
            Info {
                period_ns: 999,
                ..named()
            },
            RuleError::Period,
        ),
        (
            Info {
                period_ns: 3_600_000_000_001,
                ..named()
            },
            RuleError::Period,
        ),
        (
            Info {
                period_ns: u64::MAX,
                ..named()
            },
            RuleError::Period,
        ),
        (
            Info {
                samples: 0,
                ..named()
            },
            RuleError::Samples,
        ),
        (
            Info {
                samples: 1_048_577,
                ..named()
            },
            RuleError::Samples,
        ),
        (
            Info {
                samples: u32::MAX,
                ..named()
            },
            RuleError::Samples,
        ),
        (
            Info {
                flags: 8,
                ..named()
            },
            RuleError::Flags,
        ),
        (
            Info {
                flags: u32::MAX,
                ..named()
            },
            RuleError::Flags,
        ),
        (
            Info {
                reserved: 1,
                ..named()
            },
            RuleError::Reserved,
        ),
        (
            Info {
                name: [b'a'; NAME_SIZE],
                ..named()
            },
            RuleError::Name,
        ),
        (
            Info {
                name: padded(b"web\0x"),
                ..named()
            },
            RuleError::Name,
        ),
        (
            Info {
                name: padded(b"\0web"),
                ..named()
            },
            RuleError::Name,
        ),
        (
            Info {
                name: padded(b"../web"),
                ..named()
            },
            RuleError::Name,
        ),
        (
            Info {
                name: padded(b"we\xff"),
                ..named()
            },
            RuleError::Name,
        ),
        (Info { id: 0, ..named() }, RuleError::NameAndId),
        (
            Info {
                id: 65_536,
                ..numbered()
            },
            RuleError::Id,
        ),
        (
            Info {
                id: ID_ANY - 1,
                ..numbered()
            },
            RuleError::Id,
        ),
        (
            Info {
                above: 1,
                ..named()
            },
            RuleError::Above,
        ),
        (
            Info {
                flags: FLAGS_ABOVE,
                above: 1_000,
                ..named()
            },
            RuleError::Flags,
        ),
        (
            // A byte in 100 ms is 80 bits in a second.
            Info {
                flags: FLAG_ABOVE_BITS,
                above: 79,
                ..named()
            },
            RuleError::AboveOfPeriod,
        ),
        (
            Info {
                flags: FLAG_ABOVE_PACKETS,
                above: u64::MAX,
                period_ns: 3_600_000_000_000,
                ..named()
            },
            RuleError::AboveOfPeriod,
        ),
    ] {
        assert_eq!(Rule::from_info(&info), Err(error));
    }
}

#[test]
fn a_rule_of_revision_0_is_one_of_revision_1_without_above() {
    let info = named();
    let old = Info0::from(info);
    assert_eq!(Rule::from_info(&Info::from(old)), Rule::from_info(&info));
    for flags in [FLAG_ABOVE_BITS, FLAG_ABOVE_PACKETS, FLAG_WIRE | FLAGS_ABOVE] {
        let info = Info::from(Info0 { flags, ..old });
        assert_eq!(Rule::from_info(&info), Err(RuleError::Flags));
    }
}

#[test]
fn the_kernels_own_word_is_not_read() {
    let info = Info {
        counter: u64::MAX,
        ..named()
    };
    assert_eq!(Rule::from_info(&info), Rule::from_info(&named()));
}

#[test]
fn an_error_is_one_line_with_the_option_and_its_bounds() {
    for (error, option, bounds) in [
        (RuleError::Period, "--period", "1us to 3600s"),
        (RuleError::Samples, "--samples", "1 to 1048576"),
        (RuleError::Name, "--name", "1 to 31"),
        (RuleError::Id, "--id", "0 to 65535"),
        (RuleError::NameAndId, "--id", "--name"),
        (RuleError::Above, "--above", "gbit"),
        (RuleError::AboveOfPeriod, "--above", "a period"),
        (RuleError::Flags, "flags", "--wire"),
        (RuleError::Reserved, "reserved", "zero"),
    ] {
        assert_eq!(error.option(), option);
        assert!(error.takes().contains(bounds), "{error:?}");
        let line = format!("{} takes {}", error.option(), error.takes());
        assert!(
            line.is_ascii() && !line.contains(['\n', '%']) && !line.contains("  "),
            "{line}"
        );
    }
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let label = prop_oneof![
        "[A-Za-z][A-Za-z0-9_.-]{0,30}".prop_map(|text| Label::Name(name(&text))),
        any::<u16>().prop_map(Label::Id),
        Just(Label::Any),
    ];
    let period = 1_000_u64..=3_600_000_000_000;
    let unit = prop_oneof![Just(Unit::Bits), Just(Unit::Packets)];
    let above = prop::option::of((8_000_000..=1_u64 << 50, unit));
    (period, 1_u32..=1_048_576, any::<bool>(), above, label).prop_map(
        |(ns, samples, wire, above, label)| Rule {
            period_ns: ns.try_into().expect("not zero"),
            samples: samples.try_into().expect("not zero"),
            wire,
            above: above.map(|(per_second, unit)| Rate { per_second, unit }),
            label,
        },
    )
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(ns in 1_000_u64..=3_600_000_000_000, step in 0_u32..3) {
        let step = 1_000_u64.pow(step);
        let ns = (ns / step * step).max(1_000);
        prop_assert_eq!(period(&spelled(ns)), Some(ns));
    }

    #[test]
    fn periods_are_exact(
        whole in "0{0,1}[0-9]{1,14}",
        fraction in prop::option::of("[0-9]{1,5}0{0,9}[0-9]{0,2}"),
        unit in prop::sample::select(vec!["", "ns", "us", "ms", "s"]),
    ) {
        let text = match &fraction {
            Some(fraction) => format!("{whole}.{fraction}{unit}"),
            None => format!("{whole}{unit}"),
        };
        prop_assert_eq!(period(&text), model::period(&text), "{}", text);
    }

    #[test]
    fn any_text_gets_an_answer(text in prop::collection::vec(any::<u8>(), 0..64)) {
        let said = std::str::from_utf8(&text).unwrap_or_default();
        prop_assert_eq!(parse_period(&text).ok().map(u64::from), model::period(said));
        prop_assert_eq!(parse_samples(&text).ok().map(u32::from), model::samples(said));
        prop_assert_eq!(parse_id(&text).ok(), model::id(said));
        let rate = |rate: Rate| (rate.per_second, rate.unit == Unit::Bits);
        prop_assert_eq!(parse_above(&text).ok().map(rate), model::rate(said));
        let name = parse_name(&text);
        prop_assert_eq!(name.is_ok(), model::is_name(&text));
        if let Ok(name) = name {
            prop_assert_eq!(name.as_bytes(), &text[..]);
        }
    }

    #[test]
    fn a_rule_survives_its_rule_config(rule in any_rule()) {
        prop_assert_eq!(Rule::from_info(&rule.to_info()), Ok(rule));
    }

    #[test]
    fn a_rule_config_is_refused_or_survives(
        period_ns in prop_oneof![any::<u64>(), 0_u64..3_700_000_000_000],
        samples in prop_oneof![any::<u32>(), 0_u32..1_100_000],
        flags in prop_oneof![any::<u32>(), 0..=FLAG_WIRE | FLAGS_ABOVE],
        above in prop_oneof![Just(0), any::<u64>(), 0_u64..20_000_000],
        text in "[a-z0-9.]{0,6}",
        stray in prop::option::weighted(0.2, (0..NAME_SIZE, any::<u8>())),
        id in prop_oneof![any::<u32>(), 0_u32..70_000, Just(ID_ANY)],
        reserved in prop_oneof![9 => Just(0), 1 => any::<u32>()],
    ) {
        let mut name = [0; NAME_SIZE];
        name[..text.len()].copy_from_slice(text.as_bytes());
        if let Some((at, byte)) = stray {
            name[at] = byte;
        }
        let info = Info { period_ns, samples, flags, name, above, id, reserved, counter: 0 };
        let rule = Rule::from_info(&info);
        prop_assert_eq!(rule.is_ok(), model::is_valid(&info));
        if let Ok(rule) = rule {
            let back = rule.to_info();
            prop_assert_eq!(
                (back.period_ns, back.samples, back.flags, back.name, back.above, back.id),
                (period_ns, samples, flags, name, above, id)
            );
        }
    }
}
