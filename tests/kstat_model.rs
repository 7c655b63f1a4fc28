// SPDX-License-Identifier: GPL-2.0-or-later
//! kstat against a naive model: a list of packets in the order in which they took their place.

#![cfg(not(pktstat_loom))]

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use xt_pktstat::kstat::bank::{Bank, Count};
use xt_pktstat::kstat::counter::Counter;
use xt_pktstat::kstat::flow::{Address, Flow, Secret};
use xt_pktstat::kstat::ledger::Ledger;
use xt_pktstat::kstat::nout;
use xt_pktstat::kstat::steps::{Cut, Side, Slip, Steps};
use xt_pktstat::kstat::table::{slots, Memory, Row};

const CPUS: usize = 4;
const FLOWS: u8 = 12;
const SECRET: Secret = Secret([11, 13, 17, 19, 23, 29, 31, 37, 41]);

#[derive(Clone, Debug)]
enum Event {
    /// A CPU takes a packet's place; the packet is not counted yet.
    Take { cpu: usize, flow: u8, bytes: u32 },
    /// A CPU counts the packet whose place it took.
    Count { cpu: usize },
    /// A reader cuts.
    Cut,
    /// A writer changes `counter`.
    Change { counter: u32 },
    /// A writer empties the table.
    Clear,
    /// The wait after the cut is over.
    Fold,
}

fn event() -> impl Strategy<Value = Event> {
    let counter = prop_oneof![Just(1), 2_u32..12, Just(1_000_000_000)];
    prop_oneof![
        8 => (0..CPUS, 0..FLOWS, 0_u32..70_000)
            .prop_map(|(cpu, flow, bytes)| Event::Take { cpu, flow, bytes }),
        8 => (0..CPUS).prop_map(|cpu| Event::Count { cpu }),
        2 => Just(Event::Cut),
        1 => counter.prop_map(|counter| Event::Change { counter }),
        1 => Just(Event::Clear),
        3 => Just(Event::Fold),
    ]
}

fn flow(number: u8) -> Flow {
    let mut device = [0; 16];
    device[..4].copy_from_slice(b"eth0");
    let from = Address::V4([10, 9, 0, 1]);
    Flow::new(17, from, Address::V4([10, 9, 1, number]), device)
}

fn counter(number: u32) -> Counter {
    Counter::parse(number.to_string().as_bytes()).unwrap()
}

struct Heap;
impl Memory for Heap {
    type Array<T> = Vec<T>;
}

#[derive(Clone, Copy)]
struct Packet {
    flow: u8,
    bytes: u32,
}

struct Waiting {
    cut: Cut,
    clears: bool,
    /// How many packets took their place before it, and how many of them it publishes.
    taken: usize,
    published: usize,
}

/// The rooms and the model side by side.
struct Twins {
    steps: Steps,
    banks: [Vec<Bank<Heap>>; 2],
    ledger: Ledger<Heap>,
    rows: usize,
    slips: [Option<(Slip, Packet)>; CPUS],
    waiting: Option<Waiting>,
    // The model: every packet ever, and three marks in the list.
    packets: Vec<Packet>,
    cleared: usize,
    steps_begin: usize,
    size: usize,
}

impl Twins {
    fn new(rows: usize) -> Self {
        let index = || vec![0; slots(rows)];
        let bank = |_| Bank::new(SECRET, index(), vec![Row::default(); rows]).unwrap();
        Self {
            steps: Steps::new(Counter::ONE),
            banks: [(0..CPUS).map(bank).collect(), (0..CPUS).map(bank).collect()],
            ledger: Ledger::new(SECRET, index(), vec![Row::default(); rows]).unwrap(),
            rows,
            slips: [None; CPUS],
            waiting: None,
            packets: Vec::new(),
            cleared: 0,
            steps_begin: 0,
            size: 1,
        }
    }

    fn count(&mut self, cpu: usize) {
        if let Some((slip, packet)) = self.slips[cpu].take() {
            let [even, odd] = &mut self.banks;
            let banks = match slip.side {
                Side::Even => even,
                Side::Odd => odd,
            };
            banks[cpu].packet(&flow(packet.flow), slip.ticket, packet.bytes);
        }
    }

    fn cut(&mut self, next: Option<u32>, clears: bool) {
        self.fold();
        let whole = (self.packets.len() - self.steps_begin) / self.size * self.size;
        let mut published = self.steps_begin + whole;
        if let Some(next) = next {
            published = self.packets.len();
            self.steps_begin = published;
            self.size = next as usize;
        }
        let cut = self.steps.cut(next.map(counter));
        self.waiting = Some(Waiting {
            cut,
            clears,
            taken: self.packets.len(),
            published,
        });
    }

    /// The wait: packets of the side that was left are counted, later ones may still be on their
    /// way. Then the reader folds, and what it sees must be what the model says.
    fn fold(&mut self) {
        let Some(waiting) = self.waiting.take() else {
            return;
        };
        for cpu in 0..CPUS {
            if self.slips[cpu].is_some_and(|(slip, _)| slip.side == waiting.cut.side) {
                self.count(cpu);
            }
        }
        let [even, odd] = &mut self.banks;
        let banks = match waiting.cut.side {
            Side::Even => even,
            Side::Odd => odd,
        };
        self.ledger.take(&waiting.cut, banks.iter_mut());
        if waiting.clears {
            self.ledger.clear();
            self.cleared = waiting.published;
        }
        let mut expected = BTreeMap::new();
        for packet in &self.packets[self.cleared..waiting.published] {
            let sum: &mut Count = expected.entry(packet.flow).or_default();
            sum.frames += 1;
            sum.bytes += u64::from(packet.bytes);
        }
        self.compare(&expected, waiting.taken);
    }

    fn compare(&self, expected: &BTreeMap<u8, Count>, taken: usize) {
        // Pending flows have rows too, but do not show them.
        let known = self.packets[self.cleared..taken].iter();
        let known = known.map(|packet| packet.flow).collect::<BTreeSet<_>>();
        let mut sum = Count::default();
        let mut shown = 0;
        for (row, count) in self.ledger.published() {
            assert_ne!(count.frames, 0);
            sum.add(count);
            let Some(row) = row else {
                assert!(known.len() > self.rows, "`other` beside free rows");
                continue;
            };
            shown += 1;
            let number = (0..FLOWS).find(|number| flow(*number) == *row).unwrap();
            let whole = expected[&number];
            assert!(count.frames <= whole.frames && count.bytes <= whole.bytes);
            if self.rows >= FLOWS.into() {
                assert_eq!(count, whole);
            }
        }
        assert!(shown <= self.rows);
        let mut total = Count::default();
        for count in expected.values() {
            total.add(*count);
        }
        assert_eq!(sum, total, "conservation");
    }

    fn run(&mut self, event: &Event) {
        match *event {
            Event::Take { cpu, flow, bytes } => {
                self.count(cpu);
                let packet = Packet { flow, bytes };
                self.slips[cpu] = Some((self.steps.take(), packet));
                self.packets.push(packet);
            }
            Event::Count { cpu } => self.count(cpu),
            Event::Cut => self.cut(None, false),
            Event::Change { counter } => self.cut(Some(counter), false),
            Event::Clear => self.cut(Some(self.size as u32), true),
            Event::Fold => self.fold(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_view_is_a_whole_number_of_steps(
        rows in prop_oneof![Just(0_usize), 1_usize..6, Just(usize::from(FLOWS))],
        events in proptest::collection::vec(event(), 1..150),
    ) {
        let mut twins = Twins::new(rows);
        for event in &events {
            twins.run(event);
        }
        twins.cut(Some(1), false);
        twins.fold();
    }
}

#[test]
fn the_tenth_packet_publishes_all_ten() {
    let mut twins = Twins::new(FLOWS.into());
    twins.run(&Event::Change { counter: 10 });
    let shown = |twins: &mut Twins| {
        twins.run(&Event::Cut);
        twins.run(&Event::Fold);
        let frames = twins.ledger.published().map(|(_, count)| count.frames);
        frames.sum::<u64>()
    };
    for number in 1..=35 {
        let (cpu, flow) = (number % CPUS, (number % 3) as u8);
        twins.run(&Event::Take {
            cpu,
            flow,
            bytes: 84,
        });
        assert_eq!(shown(&mut twins), number as u64 / 10 * 10);
    }
    twins.run(&Event::Change { counter: 4 });
    assert_eq!(shown(&mut twins), 35);
}

#[test]
fn the_text_is_the_header_the_rows_and_other() {
    let mut twins = Twins::new(2);
    for (cpu, flow) in [(0, 1), (1, 2), (2, 3), (3, 1)] {
        twins.run(&Event::Take {
            cpu,
            flow,
            bytes: 84,
        });
    }
    twins.run(&Event::Cut);
    twins.run(&Event::Fold);
    let mut text = Vec::new();
    nout::lines(twins.ledger.published(), |line| {
        text.extend_from_slice(line)
    });
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "# protocol source destination device frames bytes\n\
         udp 10.9.0.1 10.9.1.1 eth0 2 168\n\
         udp 10.9.0.1 10.9.1.2 eth0 1 84\n\
         other * * * 1 84\n"
    );
}
