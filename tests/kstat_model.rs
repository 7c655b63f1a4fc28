// SPDX-License-Identifier: GPL-2.0-or-later
//! kstat against a naive model.

#![cfg(not(pktstat_loom))]

#[path = "kstat/model.rs"]
mod model;

use model::{live, Event, Model, CPUS, FLOWS};
use proptest::prelude::*;

fn event(cpus: usize) -> impl Strategy<Value = Event> {
    let counter = prop_oneof![Just(1), 2_u32..12, 12_u32..100, Just(1_000_000_000)];
    prop_oneof![
        8 => (0..cpus, 0..FLOWS, 0_u32..70_000)
            .prop_map(|(cpu, flow, bytes)| Event::Take { cpu, flow, bytes }),
        8 => (0..cpus).prop_map(|cpu| Event::Count { cpu }),
        3 => (0..cpus, 0..FLOWS, 0_u32..70_000)
            .prop_map(|(cpu, flow, bytes)| Event::TakeLate { cpu, flow, bytes }),
        3 => Just(Event::Read),
        1 => counter.prop_map(|counter| Event::Change { counter }),
        1 => Just(Event::Clear),
        1 => Just(Event::Restart),
        2 => (0..cpus).prop_map(|cpu| Event::Plug { cpu }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_view_is_a_whole_number_of_steps(
        rows in prop_oneof![Just(0_usize), 1_usize..6, Just(usize::from(FLOWS))],
        events in (1..=CPUS).prop_flat_map(|cpus| proptest::collection::vec(event(cpus), 1..150)),
    ) {
        live(rows, &events);
    }
}

#[test]
fn the_tenth_packet_publishes_all_ten() {
    let mut model = Model::new(FLOWS.into());
    model.run(&Event::Change { counter: 10 });
    let shown = |model: &mut Model| {
        model.run(&Event::Read);
        let frames = model.ledger().published().map(|(_, count)| count.frames);
        frames.sum::<u64>()
    };
    for number in 1..=35 {
        let (cpu, flow) = (number % CPUS, (number % 3) as u8);
        model.run(&Event::Take {
            cpu,
            flow,
            bytes: 84,
        });
        assert_eq!(shown(&mut model), number as u64 / 10 * 10);
    }
    model.run(&Event::Change { counter: 4 });
    assert_eq!(shown(&mut model), 35);
}

#[test]
fn the_text_is_the_header_the_rows_and_other() {
    let mut model = Model::new(2);
    for (cpu, flow) in [(0, 1), (1, 2), (2, 3), (3, 1)] {
        model.run(&Event::Take {
            cpu,
            flow,
            bytes: 84,
        });
    }
    assert_eq!(
        model.text(),
        "# protocol source destination device frames bytes\n\
         udp 10.9.0.1 10.9.1.1 eth0 2 168\n\
         udp 10.9.0.1 10.9.1.2 eth0 1 84\n\
         other * * * 1 84\n"
    );
}
