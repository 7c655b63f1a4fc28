// SPDX-License-Identifier: GPL-2.0-or-later
//! What collecting and reading cost, for `bench/readers`, which counts the instructions of
//! [`measured`] under valgrind. Prints how many there were of what it did there.
//!
//! usage: readers collect CPUS COUNTING     windows that so many of the CPUs counted
//!        readers stretch CPUS              the most that is collected without a pause
//!        readers data|history CPUS         a row
//!        readers nothing again|idle|look CPUS   a read without one: in the window that was read before,
//!                                          where nothing comes, and before it is known that nothing does
//!        readers memory CPUS               prints the bytes of a counter of 100us x 100000
//!
//! The code is the module's own, for the host: without the calls into the kernel that stand
//! between, the mutexes and the copy to the reader.

use std::num::NonZeroU64;
use std::sync::Arc;
use xt_pktstat::stat::clock::{Clock, Moment, RealTime};
use xt_pktstat::stat::collector::{self, fifo_windows, unread_windows, Collector};
use xt_pktstat::stat::cpu::{CpuCounter, Shared, Timer};
use xt_pktstat::stat::delivery::{Delivery, ROWS, TEXT};
use xt_pktstat::stat::drain::{Cursor, BATCH};
use xt_pktstat::stat::host::Host;
use xt_pktstat::stat::fifo::Slot;
use xt_pktstat::stat::ring::{Closed, Position, Taken};
use xt_pktstat::stat::window::{Time, Window};

const PERIOD_NS: NonZeroU64 = NonZeroU64::new(100_000).unwrap();
/// So many windows are half of a CPU's FIFO: when the work item comes.
const HALF: u64 = 100;
/// The rings, when rows are read.
const SAMPLES: u32 = 5_000;
const LEN: u64 = 1_000;
const START_NS: u64 = 1_767_225_600_000_000_000;

/// What is counted: see the head.
#[no_mangle]
#[inline(never)]
extern "Rust" fn measured(what: &mut dyn FnMut()) {
    what();
}

struct Nobody;

impl Timer for Nobody {
    type Lock = std::convert::Infallible;
    fn start(&self, _in_ns: u64) {}
    fn collect(&self) {}
}

impl RealTime for Nobody {
    fn now_ns(&self) -> u64 {
        0
    }
}

/// When it is.
struct At(u64);

impl Host for At {
    fn now(&self) -> Time {
        time(self.0)
    }
    fn pause(&self) {}
    fn have_left(&self, _packets: u64) -> bool {
        true
    }
}

fn time(ns: u64) -> Time {
    Time {
        ns,
        ..Time::default()
    }
}

type Block = CpuCounter<Vec<Slot>, Arc<Shared<Nobody>>>;

struct Counter {
    now_ns: u64,
    clock: Clock<Nobody>,
    shared: Arc<Shared<Nobody>>,
    cpus: Vec<Block>,
    collector: Collector<Vec<Cursor>, Vec<Closed>>,
    delivery: Delivery<Vec<u8>, Vec<Taken>>,
    position: Position,
    text: Vec<u8>,
}

impl Counter {
    fn new(cpus: usize) -> Self {
        let shared = Arc::new(Shared::new(PERIOD_NS, false, Nobody));
        let windows = fifo_windows(PERIOD_NS, SAMPLES);
        let cpu = |_| {
            let slots = (0..=windows).map(|_| Slot::default()).collect();
            CpuCounter::new(Window::default(), slots, shared.clone())
        };
        let position = Position::default();
        Self {
            now_ns: START_NS,
            clock: Clock::new(Nobody),
            cpus: (0..cpus).map(cpu).collect(),
            shared,
            collector: Collector::new(
                vec![Cursor::default(); cpus],
                vec![Closed::default(); unread_windows(SAMPLES)],
                vec![Closed::default(); SAMPLES as usize],
            ),
            delivery: Delivery::new(
                vec![0; TEXT],
                vec![Taken::default(); ROWS],
                Some(position),
            ),
            position,
            text: vec![0; 1 << 20],
        }
    }

    /// A packet in each of so many windows, on the first CPUs.
    fn count(&mut self, windows: u64, cpus: usize) {
        for _ in 0..windows {
            for cpu in self.cpus.iter().take(cpus) {
                let moment = Moment {
                    ticks: self.now_ns,
                    time: time(self.now_ns),
                };
                cpu.count(&self.clock, moment, 1, LEN);
            }
            self.now_ns += PERIOD_NS.get();
        }
    }

    fn collect(&mut self) {
        let cpus = &self.cpus[..];
        self.collector
            .collect(&self.shared, &cpus, &At(self.now_ns));
    }

    /// One read, of `history` or of `data`, as the module does it; returns how many bytes came.
    fn read(&mut self, history: bool) -> usize {
        let Self {
            now_ns,
            shared,
            cpus,
            collector,
            delivery,
            position,
            text,
            ..
        } = self;
        let take = |last, again: bool, rows: &mut [Taken]| {
            if !again {
                collector.collect_ended(shared, &&cpus[..], &At(*now_ns));
            }
            if history {
                collector.read_rows(position, rows)
            } else {
                collector.take_rows(last, rows)
            }
        };
        // Not copied: the kernel's copy_to_user() is not ours.
        let copy = |_: usize, bytes: &[u8]| bytes.len();
        let done = delivery.read(PERIOD_NS, text.len(), take, copy);
        done.unwrap_or_default()
    }

    /// All rows but the last `windows` have been read, and both rings are full.
    fn fill(&mut self, windows: u64, cpus: usize) {
        let mut left = u64::from(SAMPLES) + 500;
        while left != 0 {
            let some = left.min(HALF);
            self.count(some, cpus);
            self.collect();
            left -= some;
            if left >= windows {
                while self.read(false) != 0 {}
                self.position = Position::default();
                while self.read(true) != 0 {}
            }
        }
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| -> usize { words[at].parse().expect("a number") };
    let what = words[0].as_str();
    let cpus = number(if what == "nothing" { 2 } else { 1 });
    if what == "memory" {
        let block = size_of::<Block>() as u64;
        let windows = collector::memory(PERIOD_NS, 100_000, cpus as u64);
        println!("{}", windows + cpus as u64 * block);
        return;
    }
    let mut counter = Counter::new(cpus);
    let done = match what {
        "collect" => {
            counter.fill(0, cpus);
            for _ in 0..10 {
                counter.count(HALF, number(2));
                measured(&mut || counter.collect());
                while counter.read(false) != 0 {}
            }
            10 * HALF
        }
        // A batch of the collector, with the look before it.
        "stretch" => {
            counter.fill(0, cpus);
            counter.count(BATCH as u64, cpus);
            measured(&mut || counter.collect());
            1
        }
        "data" | "history" => {
            const READ: u64 = 1_000;
            counter.fill(READ, 1);
            let before = counter.collector.standing().queued;
            measured(&mut || while counter.read(what == "history") != 0 {});
            assert_eq!(before, READ);
            READ
        }
        "nothing" => {
            const READS: u32 = 100;
            let how = words[1].as_str();
            counter.fill(0, cpus);
            let mut read = || {
                if how != "again" {
                    counter.now_ns += PERIOD_NS.get();
                }
                if how == "look" {
                    counter.shared.request().take();
                }
                assert_eq!(counter.read(false), 0);
            };
            (0..5).for_each(|_| read());
            (0..READS).for_each(|_| measured(&mut read));
            READS.into()
        }
        _ => panic!("see the head of readers.rs"),
    };
    println!("{done}");
}
