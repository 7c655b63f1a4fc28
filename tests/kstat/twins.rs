// SPDX-License-Identifier: GPL-2.0-or-later
//! kstat's rooms, and beside them the naive model: a list of packets in the order in which they
//! took their place.

use std::collections::{BTreeMap, BTreeSet};
use xt_pktstat::kstat::bank::{Bank, Count};
use xt_pktstat::kstat::counter::Counter;
use xt_pktstat::kstat::flow::{Address, Flow, Secret};
use xt_pktstat::kstat::ledger::Ledger;
use xt_pktstat::kstat::steps::{Cut, Side, Slip, Steps};
use xt_pktstat::kstat::table::{slots, Memory, Row};

pub const CPUS: usize = 4;
pub const FLOWS: u8 = 12;
const SECRET: Secret = Secret([11, 13, 17, 19, 23, 29, 31, 37, 41]);

#[derive(Clone, Debug)]
pub enum Event {
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

fn flow(number: u8) -> Flow {
    let mut device = [0; 16];
    device[..4].copy_from_slice(b"eth0");
    let from = Address::V4([10, 9, 0, 1]);
    Flow::new(17, from, Address::V4([10, 9, 1, number]), device)
}

fn counter(number: u32) -> Counter {
    Counter::parse(number.to_string().as_bytes()).unwrap()
}

pub struct Heap;
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
pub struct Twins {
    steps: Steps,
    banks: [Vec<Bank<Heap>>; 2],
    pub ledger: Ledger<Heap>,
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
    pub fn new(rows: usize) -> Self {
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

    pub fn run(&mut self, event: &Event) {
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

/// A life of the twins, judged at each fold and at its end.
pub fn live(rows: usize, events: &[Event]) -> Twins {
    let mut twins = Twins::new(rows);
    for event in events {
        twins.run(event);
    }
    twins.cut(Some(1), false);
    twins.fold();
    twins
}
