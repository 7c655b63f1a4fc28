// SPDX-License-Identifier: GPL-2.0-or-later
//! kstat on a machine of its own, and beside it the naive model: a list of packets in the order in
//! which they took their place.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::rc::Rc;
use xt_pktstat::kstat::bank::{Bank, Count};
use xt_pktstat::kstat::flow::{Address, Flow, Secret};
use xt_pktstat::kstat::ledger::Ledger;
use xt_pktstat::kstat::state::{Machine, Running, State};
use xt_pktstat::kstat::step_size::StepSize;
use xt_pktstat::kstat::steps::{self, Block, Buffer, Flip, Placement, Pool};
use xt_pktstat::kstat::table::{slots, FlowRow, Memory};
use xt_pktstat::sync::Exclusive;

pub const CPUS: usize = 8;
pub const FLOWS: u8 = 12;
const SECRET: Secret = Secret::new([11, 13, 17, 19, 23, 29, 31, 37, 41]);

#[derive(Clone, Debug)]
pub enum Event {
    /// A CPU takes a packet's place; the packet is not counted yet.
    Take { cpu: usize, flow: u8, bytes: u32 },
    /// A CPU counts the packet whose place it took.
    Count { cpu: usize },
    /// The same, while the next reader waits for those on their way.
    TakeLate { cpu: usize, flow: u8, bytes: u32 },
    /// A reader reads.
    Read,
    /// A writer changes `counter`.
    Change { counter: u32 },
    /// A writer empties the table.
    Clear,
    /// It is stopped, and started again.
    Restart,
    /// A CPU goes, or comes again.
    Plug { cpu: usize },
}

fn flow(number: u8) -> Flow {
    let mut device = [0; 16];
    device[..4].copy_from_slice(b"eth0");
    let from = Address::V4([10, 9, 0, 1]);
    Flow::new(17, from, Address::V4([10, 9, 1, number]), device)
}

fn counter(number: u32) -> StepSize {
    StepSize::parse(number.to_string().as_bytes()).unwrap()
}

/// Nothing takes turns here.
struct Alone(RefCell<Pool>);

impl Exclusive<Pool> for Alone {
    fn with<R>(&self, use_it: impl FnOnce(&mut Pool) -> R) -> R {
        use_it(&mut self.0.borrow_mut())
    }
}

type Steps = steps::Steps<Alone, [Block; CPUS]>;

pub struct Heap;
impl Memory for Heap {
    type Array<T> = Vec<T>;
}

#[derive(Clone, Copy)]
struct Packet {
    flow: u8,
    bytes: u32,
}

/// What packets share with whoever waits for them.
#[derive(Default)]
struct Traffic {
    steps: Option<Rc<Steps>>,
    /// On their way.
    placements: [Option<(Placement, Packet)>; CPUS],
    /// Counted, and not in a bank yet.
    counted: Vec<(usize, Placement, Packet)>,
    late: Vec<(usize, Packet)>,
    /// Every packet ever.
    packets: Vec<Packet>,
    /// CPUs that are not there, and those that came and have no memory yet.
    are_down: [bool; CPUS],
    come: Vec<usize>,
}

impl Traffic {
    fn count(&mut self, cpu: usize) {
        if let Some((placement, packet)) = self.placements[cpu].take() {
            self.counted.push((cpu, placement, packet));
        }
    }

    fn take(&mut self, cpu: usize, packet: Packet) {
        self.count(cpu);
        if let Some(steps) = self.steps.as_ref().filter(|_| !self.are_down[cpu]) {
            self.placements[cpu] = Some((steps.take(cpu), packet));
            self.packets.push(packet);
        }
    }
}

struct Host {
    traffic: Rc<RefCell<Traffic>>,
    rows: usize,
}

struct Banks {
    rows: usize,
    traffic: Rc<RefCell<Traffic>>,
    steps: Rc<Steps>,
    banks: [Vec<Bank<Heap>>; 2],
}

fn memory<T: Copy + Default>(rows: usize) -> (Vec<u32>, Vec<FlowRow<T>>) {
    (vec![0; slots(rows)], vec![FlowRow::default(); rows])
}

impl Machine for Host {
    type Memory = Heap;
    type Running = Banks;
    type Error = Infallible;

    fn ledger(&mut self) -> Result<Ledger<Heap>, Infallible> {
        let (index, rows) = memory(self.rows);
        Ok(Ledger::new(SECRET, index, rows).unwrap())
    }

    fn prepare(&mut self, counter: StepSize) -> Result<Banks, Infallible> {
        let pool = Alone(RefCell::new(Pool::new(counter)));
        let are_down = self.traffic.borrow().are_down;
        let bank = |cpu: usize| {
            let (index, rows) = memory(if are_down[cpu] { 0 } else { self.rows });
            Bank::new(SECRET, index, rows).unwrap()
        };
        Ok(Banks {
            rows: self.rows,
            traffic: self.traffic.clone(),
            steps: Rc::new(Steps::new(counter, pool, Default::default())),
            banks: [(0..CPUS).map(bank).collect(), (0..CPUS).map(bank).collect()],
        })
    }

    fn hook(&mut self, banks: &Banks) -> Result<(), Infallible> {
        self.traffic.borrow_mut().steps = Some(banks.steps.clone());
        Ok(())
    }

    fn unhook(&mut self) {
        self.traffic.borrow_mut().steps = None;
    }

    fn wait_for_packets(&mut self) {
        let mut traffic = self.traffic.borrow_mut();
        (0..CPUS).for_each(|cpu| traffic.count(cpu));
        for (cpu, packet) in std::mem::take(&mut traffic.late) {
            traffic.take(cpu, packet);
        }
    }

    fn text(&mut self, len: usize) -> Result<Vec<u8>, Infallible> {
        Ok(vec![0; len])
    }
}

impl Running<Heap> for Banks {
    fn flip(&self, next: Option<StepSize>) -> Flip {
        self.steps.flip(next)
    }

    fn buffer<'a>(&'a mut self, buffer: Buffer) -> impl Iterator<Item = &'a mut Bank<Heap>>
    where
        Heap: 'a,
    {
        let traffic = &mut *self.traffic.borrow_mut();
        for cpu in traffic.come.drain(..) {
            for banks in &mut self.banks {
                if banks[cpu].capacity() != self.rows {
                    let (index, rows) = memory(self.rows);
                    assert!(banks[cpu].move_to(index, rows), "it had none");
                }
            }
        }
        for (cpu, placement, packet) in traffic.counted.drain(..) {
            let bank = &mut self.banks[placement.buffer as usize][cpu];
            bank.packet(&flow(packet.flow), placement.ticket, packet.bytes);
        }
        self.banks[buffer as usize].iter_mut()
    }

    fn refit(&mut self, buffer: Buffer) {
        let are_down = self.traffic.borrow().are_down;
        for (bank, is_down) in self.banks[buffer as usize].iter_mut().zip(are_down) {
            let capacity = if is_down { 0 } else { self.rows };
            if bank.capacity() != capacity {
                let (index, rows) = memory(capacity);
                assert!(bank.move_to(index, rows), "just folded");
            }
        }
    }
}

/// kstat and the model side by side.
pub struct Model {
    state: State<Host>,
    traffic: Rc<RefCell<Traffic>>,
    rows: usize,
    // Three marks in the list of packets.
    cleared: usize,
    steps_begin: usize,
    size: usize,
}

impl Model {
    pub fn new(rows: usize) -> Self {
        let traffic = Rc::<RefCell<Traffic>>::default();
        let host = Host {
            traffic: traffic.clone(),
            rows,
        };
        let mut state = State::new(host);
        let Ok(()) = state.start();
        Self {
            state,
            traffic,
            rows,
            cleared: 0,
            steps_begin: 0,
            size: 1,
        }
    }

    pub fn ledger(&self) -> &Ledger<Heap> {
        self.state.ledger().unwrap()
    }

    /// What `nout` says now.
    pub fn text(&mut self) -> String {
        let Ok(text) = self.state.text();
        String::from_utf8(text).unwrap()
    }

    /// Does `what` to kstat, which publishes whole steps, or with `next` all; then what it shows
    /// must be what the model says.
    fn publish(&mut self, next: Option<usize>, what: impl FnOnce(&mut State<Host>)) {
        let taken = self.traffic.borrow().packets.len();
        let whole = (taken - self.steps_begin) / self.size * self.size;
        let mut published = self.steps_begin + whole;
        if let Some(next) = next {
            published = taken;
            self.steps_begin = published;
            self.size = next;
        }
        what(&mut self.state);
        let mut expected = BTreeMap::new();
        for packet in &self.traffic.borrow().packets[self.cleared..published] {
            let sum: &mut Count = expected.entry(packet.flow).or_default();
            sum.frames += 1;
            sum.bytes += u64::from(packet.bytes);
        }
        self.compare(&expected, taken);
    }

    fn compare(&self, expected: &BTreeMap<u8, Count>, taken: usize) {
        // Pending flows have rows too, but do not show them.
        let packets = &self.traffic.borrow().packets;
        let known = packets[self.cleared..taken].iter();
        let known = known.map(|packet| packet.flow).collect::<BTreeSet<_>>();
        let mut sum = Count::default();
        let mut shown = 0;
        for (row, count) in self.ledger().published() {
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

    /// A CPU goes, with nothing on its way there, or comes, and then has memory at once.
    fn plug(&mut self, cpu: usize) {
        let mut traffic = self.traffic.borrow_mut();
        traffic.count(cpu);
        traffic.late.retain(|(its, _)| *its != cpu);
        traffic.are_down[cpu] = !traffic.are_down[cpu];
        if !traffic.are_down[cpu] {
            traffic.come.push(cpu);
        }
    }

    pub fn run(&mut self, event: &Event) {
        match *event {
            Event::Take { cpu, flow, bytes } => {
                let packet = Packet { flow, bytes };
                self.traffic.borrow_mut().take(cpu, packet);
            }
            Event::TakeLate { cpu, flow, bytes } => {
                let packet = Packet { flow, bytes };
                self.traffic.borrow_mut().late.push((cpu, packet));
            }
            Event::Count { cpu } => self.traffic.borrow_mut().count(cpu),
            Event::Read => self.publish(None, |state| {
                let Ok(_text) = state.text();
            }),
            Event::Change { counter: size } => self.publish(Some(size as usize), |state| {
                state.set_counter(counter(size));
            }),
            Event::Clear => {
                self.cleared = self.traffic.borrow().packets.len();
                self.publish(Some(self.size), State::clear);
            }
            Event::Plug { cpu } => self.plug(cpu),
            Event::Restart => self.publish(Some(self.size), |state| {
                state.stop();
                assert!(!state.is_running());
                let Ok(()) = state.start();
                assert!(state.is_running());
            }),
        }
    }
}

/// A life of kstat, judged whenever something is published and at its end.
pub fn live(rows: usize, events: &[Event]) -> Model {
    let mut model = Model::new(rows);
    for event in events {
        model.run(event);
    }
    model.run(&Event::Change { counter: 1 });
    model
}
