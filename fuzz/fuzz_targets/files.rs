// SPDX-License-Identifier: GPL-2.0-or-later
//! What is written to the files of kstat and update_stats, and what the tools read from those of
//! a counter: each text is read as the interface says, or refused; what is shown reads back.
//!
//! An input is a letter for the file, and the text; high bytes are whole words.
#![no_main]

mod words;

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use xt_pktstat::decimal::Writer;
use xt_pktstat::kstat::bank::Count;
use xt_pktstat::kstat::flow::{Address, Flow};
use xt_pktstat::kstat::nout;
use xt_pktstat::kstat::step_size::{StepSize, StepSizeError};
use xt_pktstat::row::{Row, ROW_MAX};
use xt_pktstat::status::{Status, STATUS_MAX};
use xt_pktstat::update_stats::command::Command;
use xt_pktstat::update_stats::field::{FIELDS, NAMES};
use xt_pktstat::update_stats::name::{escape, ESCAPED_MAX};
use xt_pktstat::update_stats::update::{write_all, Update, ALL_MAX};
use xt_pktstat::update_stats::Refusal;

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

/// Digits and nothing else: their number, or `None` beyond 64 bits.
fn digits(text: &str) -> Option<Option<u64>> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let significant = text.trim_start_matches('0');
    is_number.then(|| match significant {
        "" => Some(0),
        _ => significant.parse().ok(),
    })
}

/// Without the newline that `echo` puts at its end; nothing where it is no text.
fn echoed(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    Some(text.strip_suffix('\n').unwrap_or(text))
}

fn counter(text: &[u8]) {
    let number = echoed(text).and_then(|text| digits(text.strip_prefix('+').unwrap_or(text)));
    let want = match number {
        None | Some(Some(0)) => Err(StepSizeError::Invalid),
        Some(Some(number @ 1..=1_000_000_000)) => Ok(number),
        Some(_) => Err(StepSizeError::TooLarge),
    };
    let counter = StepSize::parse(text);
    assert_eq!(counter.map(|counter| counter.get().get()), want);
    if let Ok(counter) = counter {
        let mut out = [0; StepSize::TEXT];
        let len = counter.write(&mut out);
        assert_eq!(StepSize::parse(&out[..len]), Ok(counter));
    }
}

fn one(text: &[u8]) {
    let field = text.len() % FIELDS;
    let want = match echoed(text).and_then(digits) {
        None => Err(Refusal::Malformed),
        Some(None) => Err(Refusal::TooLarge),
        Some(Some(number)) => Ok(number),
    };
    let update = Update::one(field, text);
    if let Ok(update) = update {
        assert_eq!(update.values().flatten().count(), 1);
    }
    let value = update.map(|update| update.values().nth(field).flatten());
    assert_eq!(value, want.map(Some));
}

/// A batch, line by line; where two things are wrong with it, the first one is said.
fn naive_batch(text: &[u8]) -> Result<BTreeMap<usize, u64>, Refusal> {
    let mut batch = BTreeMap::new();
    for line in text
        .strip_suffix(b"\n")
        .unwrap_or(text)
        .split(|&byte| byte == b'\n')
    {
        let line = std::str::from_utf8(line).map_err(|_| Refusal::Malformed)?;
        let (name, number) = line.split_once(' ').ok_or(Refusal::Malformed)?;
        let named = |its: &&std::ffi::CStr| its.to_str() == Ok(name);
        let field = NAMES
            .iter()
            .position(|its| named(&its))
            .ok_or(Refusal::Malformed)?;
        let number = digits(number)
            .ok_or(Refusal::Malformed)?
            .ok_or(Refusal::TooLarge)?;
        if batch.insert(field, number).is_some() {
            return Err(Refusal::Malformed);
        }
    }
    Ok(batch)
}

fn batch(text: &[u8]) {
    let update = Update::all(text);
    let values = update.map(|update| {
        let values = update.values().enumerate();
        values
            .filter_map(|(field, value)| Some((field, value?)))
            .collect()
    });
    assert_eq!(values, naive_batch(text));
    let mut values = [0; FIELDS];
    for (value, number) in values.iter_mut().zip(text.chunks(8)) {
        *value = number
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
    }
    let mut out = [0; ALL_MAX];
    let len = write_all(&values, &mut out);
    let update = Update::all(&out[..len]).expect("what is shown can be written");
    assert!(update.values().eq(values.map(Some)));
}

/// Undoes `\ooo`.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let [byte, more @ ..] = rest {
        assert!(byte.is_ascii_graphic());
        match more {
            [a, b, c, more @ ..] if *byte == b'\\' => {
                let octal = String::from_utf8(vec![*a, *b, *c]).expect("ASCII");
                bytes.push(u8::from_str_radix(&octal, 8).expect("octal"));
                rest = more;
            }
            _ => {
                bytes.push(*byte);
                rest = more;
            }
        }
    }
    bytes
}

fn command(text: &[u8]) {
    let line = text.strip_suffix(b"\n").unwrap_or(text);
    let (name, on) = match line.first() {
        Some(b'-') => (&line[1..], false),
        Some(b'+') => (&line[1..], true),
        _ => (line, true),
    };
    let never = b"\0/: \t\n\x0b\x0c\r";
    let is_name = (1..128).contains(&name.len()) && !name.iter().any(|byte| never.contains(byte));
    let want = if is_name {
        Ok(Command { name, on })
    } else {
        Err(Refusal::Malformed)
    };
    assert_eq!(Command::parse(text), want);
    if is_name && name.len() <= 15 {
        let mut out = [0; ESCAPED_MAX];
        let mut writer = Writer::new(&mut out);
        escape(name, &mut writer);
        let len = writer.written();
        assert_eq!(unescaped(&out[..len]), name);
    }
}

/// A row of `nout` is six words whatever is in the flow, and the device can be seen in it.
fn shown(bytes: &[u8]) {
    let mut flow = [0; 1 + 16 + 16 + 16 + 8 + 8];
    for (to, from) in flow.iter_mut().zip(bytes) {
        *to = *from;
    }
    let (protocol, rest) = flow.split_first().expect("not empty");
    let mut parts = rest
        .chunks_exact(16)
        .map(|part| part.try_into().expect("16 bytes"));
    let mut part = || parts.next().expect("three of them");
    let (source, destination, device): ([u8; 16], [u8; 16], [u8; 16]) = (part(), part(), part());
    let address = |from: [u8; 16]| match from {
        [a, b, c, d, ..] if protocol & 1 == 0 => Address::V4([a, b, c, d]),
        _ => Address::V6(from),
    };
    let mut device = device;
    device[15] = 0;
    let flow = Flow::new(*protocol, address(source), address(destination), device).tidied();
    let count = Count {
        frames: 1 + u64::from(*protocol),
        bytes: u64::MAX - bytes.len() as u64,
    };
    let mut text = Vec::new();
    nout::lines([(Some(&flow), count)].into_iter(), |line| {
        text.extend_from_slice(line)
    });
    let text = String::from_utf8(text).expect("ASCII");
    let row = text
        .strip_prefix(nout::HEADER)
        .and_then(|rest| rest.strip_suffix('\n'));
    let words: Vec<&str> = row.expect("a header and a line").split(' ').collect();
    let [_, from, to, name, frames, bytes] = words[..] else {
        panic!("{text:?} has {} words", words.len());
    };
    assert_eq!(
        (frames.parse(), bytes.parse()),
        (Ok(count.frames), Ok(count.bytes))
    );
    let end = device
        .iter()
        .position(|byte| *byte == 0)
        .expect("the last one is");
    assert_eq!(unescaped(name.as_bytes()), &device[..end]);
    for (text, its) in [(from, flow.source()), (to, flow.destination())] {
        match its {
            Address::V4(octets) => assert_eq!(text.parse(), Ok(std::net::Ipv4Addr::from(octets))),
            Address::V6(octets) => assert_eq!(text.parse(), Ok(std::net::Ipv6Addr::from(octets))),
        }
    }
}

fn row(text: &[u8]) {
    if let Some(row) = Row::parse(text) {
        let mut out = [0; ROW_MAX];
        let len = row.write(&mut out);
        assert_eq!(&out[..len], text);
    }
}

/// Each key once, in whatever order; what is no key is passed over.
fn naive_status(text: &[u8]) -> Option<Vec<u64>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut values = BTreeMap::new();
    for line in text.split_inclusive('\n') {
        let (key, value) = line.strip_suffix('\n')?.split_once(':')?;
        let value = value.strip_prefix(' ')?;
        if KEYS.contains(&key) {
            let plain = value == "0" || !value.starts_with('0');
            let number = digits(value).flatten().filter(|_| plain)?;
            if values.insert(key, number).is_some() {
                return None;
            }
        }
    }
    let values: Option<Vec<u64>> = KEYS.iter().map(|key| values.get(key).copied()).collect();
    values.filter(|values| values[2] <= 1)
}

fn status(text: &[u8]) {
    let status = Status::parse(text);
    // What is passed over may be of any bytes.
    if let (Ok(_), status) = (std::str::from_utf8(text), &status) {
        let values = status.as_ref().map(|s| {
            let wire = u64::from(s.wire);
            vec![
                s.period_ns,
                s.samples,
                wire,
                s.rules,
                s.frames,
                s.bytes,
                s.queued,
                s.merged,
                s.memory,
            ]
        });
        // The naive one knows nothing of `--above`.
        if !text
            .windows(5)
            .any(|word| word == b"above" || word == b"match")
        {
            assert_eq!(values, naive_status(text));
        }
    }
    if let Some(status) = status {
        let mut out = [0; STATUS_MAX];
        let len = status.write(&mut out);
        assert_eq!(Status::parse(&out[..len]), Some(status));
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((file, data)) = data.split_first() else {
        return;
    };
    let text = &words::spelled(data)[..];
    match file % 8 {
        0 => counter(text),
        1 => one(text),
        2 => batch(text),
        3 => command(text),
        4 => shown(data),
        5 => row(text),
        6 => status(text),
        _ => assert_eq!(nout::is_clear(text), echoed(text) == Some("/")),
    }
});
