// SPDX-License-Identifier: GPL-2.0-or-later
//! Two CPUs that count as fast as they can, the collector that they want, a reader who is slow,
//! opens anew and leaves rows half read, and one who looks at `history` as well: at the end every
//! sum is exact. tests/stat.rs has the odd schedules; here it is the number, and real threads. With
//! 10^10 packets each CPU's frames and bytes go beyond 2^32.
//!
//!     make soak PACKETS=10000000000

#![cfg(not(pktstat_loom))]

#[path = "stat/ticks.rs"]
mod ticks;

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering as Real};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use ticks::{clock, Unasked};
use xt_pktstat::row::Row;
use xt_pktstat::stat::clock::{Clock, Moment};
use xt_pktstat::stat::collector::{unread_windows, Standing};
use xt_pktstat::stat::cpu::{self, CpuCounter, Timer};
use xt_pktstat::stat::delivery::{self, Delivery};
use xt_pktstat::stat::drain::Cursor;
use xt_pktstat::stat::fifo::Slot;
use xt_pktstat::stat::host::Host;
use xt_pktstat::stat::ring::{Closed, Position, Taken};
use xt_pktstat::stat::tally::recent_packet;
use xt_pktstat::stat::window::{Time, Window};
use xt_pktstat::sync::Ordering;

const CPUS: u64 = 2;
const SAMPLES: usize = 16;
const PERIOD_NS: NonZeroU64 = NonZeroU64::new(100_000).unwrap();
const START_NS: u64 = 1_700_000_000_000_000_000;
/// Packets that come at one tick.
const BURST: u64 = 64;
/// What the reader waits between two reads: the FIFOs are full by then.
const NAP: Duration = Duration::from_millis(3);

/// Windows that a CPU's FIFO holds.
const FIFO: usize = 8;

/// Nobody polls; whether the collector is wanted.
#[derive(Default)]
struct Wanted(AtomicBool);

impl Timer for Wanted {
    type Lock = std::convert::Infallible;
    fn start(&self, _in_ns: u64) {}
    fn collect(&self) {
        self.0.store(true, Real::Release);
    }
}

type Collector = xt_pktstat::stat::collector::Collector<Vec<Cursor>, Vec<Closed>>;
type Shared = Arc<cpu::Shared<Wanted>>;
type Cpu = CpuCounter<Vec<Slot>, Shared>;

struct Counter {
    began: Instant,
    clock: Clock<Unasked>,
    shared: Shared,
    cpus: Vec<Cpu>,
    collector: Mutex<Collector>,
}

impl Host for Counter {
    fn now(&self) -> Time {
        self.now()
    }
    fn pause(&self) {}
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Sum {
    frames: u64,
    bytes: u64,
}

fn time(ns: u64) -> Time {
    Time {
        ns,
        ..Time::default()
    }
}

impl Counter {
    fn new() -> Self {
        let shared = Shared::new(cpu::Shared::new(PERIOD_NS, false, Wanted::default()));
        let window = Window::at(time(START_NS), PERIOD_NS);
        let cpu = |_| {
            let slots = (0..=FIFO).map(|_| Slot::default()).collect();
            CpuCounter::new(window, slots, shared.clone())
        };
        Self {
            began: Instant::now(),
            clock: clock(START_NS),
            cpus: (0..CPUS).map(cpu).collect(),
            collector: Mutex::new(Collector::new(
                vec![Cursor::default(); CPUS as usize],
                vec![Closed::default(); unread_windows(SAMPLES as u32)],
                vec![Closed::default(); SAMPLES],
            )),
            shared,
        }
    }

    /// Of a thousand MHz: ns.
    fn ticks(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    fn now(&self) -> Time {
        time(START_NS + self.ticks())
    }

    fn count(&self, cpu: &Cpu, bytes: u64) {
        let ticks = self.ticks();
        let time = time(START_NS + ticks);
        cpu.count(&self.clock, Moment { ticks, time }, 1, bytes);
    }

    /// What has closed by now, and what was collected before.
    fn collect(&self) -> std::sync::MutexGuard<'_, Collector> {
        let mut collector = self.collector.lock().expect("nobody panics");
        collector.collect(&self.shared, &&self.cpus[..], self);
        collector
    }

    /// A CPU's life: what it has sent.
    fn send(&self, cpu: &Cpu, packets: u64) -> Sum {
        let mut sent = Sum::default();
        let mut random = packets;
        while sent.frames < packets {
            let ticks = self.ticks();
            for _ in 0..BURST.min(packets - sent.frames) {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let bytes = 40 + (random >> 54);
                if cpu.tally().is_in_time(ticks) {
                    let packet = recent_packet(1, bytes);
                    cpu.tally().recent.fetch_add(packet, Ordering::Relaxed);
                } else {
                    self.count(cpu, bytes);
                }
                sent.frames += 1;
                sent.bytes += bytes;
            }
        }
        sent
    }
}

/// Who has the counter's `data` open.
struct Reader<'a> {
    counter: &'a Counter,
    delivery: Delivery<Vec<u8>, Vec<Taken>>,
    /// What has come of this open.
    text: Vec<u8>,
    last_ns: u64,
    got: Sum,
    rows: u64,
    returned: usize,
    position: Position,
    seen: Sum,
}

fn open() -> Delivery<Vec<u8>, Vec<Taken>> {
    let rows = vec![Taken::default(); delivery::ROWS];
    Delivery::new(vec![0; delivery::TEXT], rows, None)
}

impl<'a> Reader<'a> {
    fn new(counter: &'a Counter) -> Self {
        Self {
            counter,
            delivery: open(),
            text: Vec::new(),
            last_ns: 0,
            got: Sum::default(),
            rows: 0,
            returned: 0,
            position: Position::default(),
            seen: Sum::default(),
        }
    }

    /// One read of so many bytes; whether anything came.
    fn read(&mut self, size: usize) -> bool {
        let counter = self.counter;
        let take = |last, _, rows: &mut [Taken]| counter.collect().take_rows(last, rows);
        let text = &mut self.text;
        let copy = |_, bytes: &[u8]| {
            text.extend_from_slice(bytes);
            bytes.len()
        };
        let done = self.delivery.read(PERIOD_NS, size, take, copy);
        self.sum_up();
        done != Some(0)
    }

    /// Counts the whole rows of the text.
    fn sum_up(&mut self) {
        let end = self
            .text
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        for line in self.text[..end].split_inclusive(|&byte| byte == b'\n') {
            if line.starts_with(b"#") {
                continue;
            }
            let row = Row::parse(line).expect("a row");
            assert!(row.timestamp_ns > self.last_ns && row.timestamp_ns % PERIOD_NS == 0);
            assert_ne!(row.frames, 0);
            self.last_ns = row.timestamp_ns;
            self.got.frames += row.frames;
            self.got.bytes += row.bytes;
            self.rows += 1;
        }
        self.text.drain(..end);
    }

    /// Reads `history` to its end.
    fn look_back(&mut self) {
        let collector = self.counter.collect();
        let mut rows = [Taken::default(); 4];
        loop {
            let count = collector.read_rows(&mut self.position, &mut rows);
            for taken in &rows[..count] {
                self.seen.frames += taken.frames;
                self.seen.bytes += taken.bytes;
            }
            if count == 0 {
                return;
            }
        }
    }

    fn reopen(&mut self) {
        let closed = std::mem::replace(&mut self.delivery, open());
        self.returned += closed.pending().len();
        self.counter.collect().give_back(closed.pending());
        self.text.clear();
        self.last_ns = 0;
    }
}

#[test]
fn many_packets_and_a_slow_reader() {
    let packets: u64 = match std::env::var("PKTSTAT_PACKETS") {
        Ok(packets) => packets.parse().expect("PKTSTAT_PACKETS is a number"),
        Err(_) => 2_000_000,
    };
    let counter = Counter::new();
    let mut reader = Reader::new(&counter);
    let running = AtomicUsize::new(CPUS as usize);
    let sent = thread::scope(|scope| {
        let (counter, running) = (&counter, &running);
        let cpus = counter.cpus.iter().map(|cpu| {
            scope.spawn(move || {
                let sent = counter.send(cpu, packets / CPUS);
                running.fetch_sub(1, Real::Release);
                sent
            })
        });
        let cpus: Vec<_> = cpus.collect();
        scope.spawn(move || {
            while running.load(Real::Acquire) != 0 {
                if counter.shared.timer().0.swap(false, Real::AcqRel) {
                    drop(counter.collect());
                }
                thread::yield_now();
            }
        });
        let mut reads = 0_usize;
        while running.load(Real::Acquire) != 0 {
            reads += 1;
            reader.read([4096, 100, 1, 64, 333][reads % 5]);
            if reads.is_multiple_of(7) {
                reader.reopen();
            }
            if reads.is_multiple_of(3) {
                reader.look_back();
            }
            thread::sleep(NAP);
        }
        let sent = cpus.into_iter().map(|cpu| cpu.join().expect("it counts"));
        sent.fold(Sum::default(), |sum, sent| Sum {
            frames: sum.frames + sent.frames,
            bytes: sum.bytes + sent.bytes,
        })
    });
    let took = counter.began.elapsed();
    // The last window ends.
    thread::sleep(2 * Duration::from_nanos(PERIOD_NS.get()));
    reader.reopen();
    while reader.read(4096) {}
    reader.look_back();

    let Standing {
        totals,
        queued,
        merged,
    } = counter.collect().standing();
    println!(
        "{} packets in {} s: {} rows, {} windows merged, {} rows given back; sums {:?}",
        sent.frames,
        took.as_secs(),
        reader.rows,
        merged,
        reader.returned,
        reader.got,
    );
    assert_eq!(sent.frames, packets / CPUS * CPUS);
    assert_eq!((totals.frames, totals.bytes), (sent.frames, sent.bytes));
    assert_eq!(reader.got, sent, "conservation");
    assert_eq!(reader.seen, sent, "conservation");
    assert_eq!(queued, 0);
}
