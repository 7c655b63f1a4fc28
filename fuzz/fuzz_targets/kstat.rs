// SPDX-License-Identifier: GPL-2.0-or-later
//! kstat against the naive model of tests/kstat_model.rs: the bytes are the size of the table,
//! and what happens to it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::{live, Event, CPUS, FLOWS};

#[path = "../../tests/kstat/model.rs"]
mod model;

fn event(byte: u8, more: u8) -> Event {
    let cpu = usize::from(byte >> 5) % CPUS;
    match byte & 31 {
        0..=11 => Event::Take {
            cpu,
            flow: more % FLOWS,
            bytes: u32::from(more) * 273,
        },
        12..=19 => Event::Count { cpu },
        20..=22 => Event::Read,
        23 => Event::Restart,
        24 | 25 => Event::Change {
            counter: [1, 2, 12, 1_000_000_000 - 9][usize::from(more & 3)]
                + u32::from(more >> 2) % 10,
        },
        26 => Event::Clear,
        27 => Event::Plug { cpu },
        _ => Event::TakeLate {
            cpu,
            flow: more % FLOWS,
            bytes: u32::from(more) * 273,
        },
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((rows, data)) = data.split_first() else {
        return;
    };
    let mut events = Vec::new();
    let mut bytes = data.iter();
    while let Some(byte) = bytes.next() {
        // Only some take a second one.
        let takes = matches!(byte & 31, 0..=11 | 24 | 25 | 28..);
        let more = if takes {
            bytes.next().unwrap_or(&0)
        } else {
            &0
        };
        events.push(event(*byte, *more));
    }
    let mut model = live(usize::from(rows % (FLOWS + 1)), &events);
    let text = model.text();
    assert!(text.is_ascii() && text.ends_with('\n'));
    assert_eq!(text.lines().count(), 1 + model.ledger().published().count());
});
