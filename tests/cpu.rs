// SPDX-License-Identifier: GPL-2.0-or-later
//! One CPU's part of a counter, packet by packet.

#[path = "stat/ticks.rs"]
mod ticks;

use std::cell::Cell;
use std::num::NonZeroU64;
use ticks::clock;
use xt_pktstat::stat::collector::{unread_windows, Collector, LOOK_AGAIN_NS};
use xt_pktstat::stat::cpu::{CpuCounter, Shared, Timer};
use xt_pktstat::stat::drain::{Cpus, Cursor, BATCH};
use xt_pktstat::stat::fifo::Slot;
use xt_pktstat::stat::host::Host;
use xt_pktstat::stat::ring::{Closed, Taken};
use xt_pktstat::stat::tally::recent_packet;
use xt_pktstat::stat::window::{Time, Window};
use xt_pktstat::sync::Ordering;

const PERIOD_NS: NonZeroU64 = NonZeroU64::new(1_000).expect("not zero");

/// How often the collector was wanted, and when the timer was set last.
#[derive(Default)]
struct Wanted(Cell<u32>, Cell<Option<u64>>);

impl Timer for Wanted {
    type Lock = std::convert::Infallible;
    fn start(&self, in_ns: u64) {
        self.1.set(Some(in_ns));
    }
    fn collect(&self) {
        self.0.set(self.0.get() + 1);
    }
}

/// When it is, and packets leave at once.
struct At(u64);

impl Host for At {
    fn now(&self) -> Time {
        Time {
            ns: self.0,
            ..Time::default()
        }
    }
    fn pause(&self) {}
    fn ticks(&self) -> u64 {
        self.0
    }
    fn have_left(&self, _packets: u64) -> bool {
        true
    }
}

type Cpu<'a> = CpuCounter<Vec<Slot>, &'a Shared<Wanted>>;

/// CPUs, and how often all of them were looked at.
struct Looked<'a>(&'a [Cpu<'a>], Cell<u32>);

impl<'a> Cpus for Looked<'a> {
    type Slots = Vec<Slot>;
    type Link = &'a Shared<Wanted>;
    fn each(&self) -> impl Iterator<Item = &Cpu<'a>> {
        self.1.set(self.1.get() + 1);
        self.0.iter()
    }
    fn get(&self, number: usize) -> Option<&Cpu<'a>> {
        self.0.get(number)
    }
}

fn shared(wire: bool) -> Shared<Wanted> {
    Shared::new(PERIOD_NS, wire, Wanted::default())
}

/// A CPU that has counted nothing; its FIFO holds so many windows.
fn cpu(shared: &Shared<Wanted>, windows: u64) -> Cpu<'_> {
    let slots = (0..=windows).map(|_| Slot::default()).collect();
    CpuCounter::new(Window::default(), slots, shared)
}

type Counter = Collector<Vec<Cursor>, Vec<Closed>>;

fn collector() -> Counter {
    Collector::new(
        vec![Cursor::default()],
        vec![Closed::default(); unread_windows(4)],
        vec![Closed::default(); 4],
    )
}

#[test]
fn a_packet_that_was_added_too_late_stands_in_the_window_of_its_moment() {
    let clock = clock(0);
    let shared = shared(false);
    let cpus = [cpu(&shared, 4)];
    let cpu = &cpus[0];
    let add = |bytes: u64| {
        let packet = recent_packet(1, bytes);
        cpu.tally().recent.fetch_add(packet, Ordering::Relaxed);
    };

    cpu.count_packet(&clock, clock.moment(100), 40);
    add(60);
    // In time: it stays where it is.
    cpu.recount(&clock, clock.moment(200), 1, 60);
    add(80);
    // The task was moved here when the window had ended.
    cpu.recount(&clock, clock.moment(1_500), 1, 80);

    let mut collector = collector();
    let mut rows = [Taken::default(); 4];
    collector.collect(&shared, &&cpus[..], &At(2_000));
    let count = collector.take_rows(None, &mut rows);
    let rows = rows[..count].iter().map(|taken| taken.row(PERIOD_NS));
    let rows: Vec<_> = rows
        .map(|row| (row.timestamp_ns, row.frames, row.bytes))
        .collect();
    assert_eq!(rows, [(0, 2, 100), (1_000, 1, 80)]);
}

#[test]
fn the_collector_is_wanted_when_half_of_a_fifo_is_full() {
    const FIFO: u64 = 8;
    let clock = clock(0);
    let shared = shared(false);
    let cpus = [cpu(&shared, FIFO)];
    let mut collector = collector();
    let mut now_ns = 0;
    let mut windows = |count: u64| {
        for _ in 0..count {
            cpus[0].count_packet(&clock, clock.moment(now_ns), 40);
            now_ns += PERIOD_NS.get();
        }
        (shared.timer().0.take(), now_ns - PERIOD_NS.get())
    };
    let mut collect = |now_ns| collector.collect(&shared, &&cpus[..], &At(now_ns));

    // The window that each packet opens is not closed.
    assert_eq!(windows(FIFO / 2).0, 0);
    assert_eq!(windows(1).0, 1, "half full");
    assert_eq!(windows(FIFO / 2).0, 0, "once");
    assert_eq!(windows(1).0, 1, "full: nobody came");
    let (wanted, now_ns) = windows(1);
    assert_eq!(wanted, 1, "full: nobody came");
    collect(now_ns);
    // Who reads often has nobody wanted, however long it goes on.
    for _ in 0..5 * FIFO {
        let (wanted, now_ns) = windows(FIFO / 2 - 1);
        assert_eq!(wanted, 0, "somebody came");
        collect(now_ns);
    }
    let mut wanted = 0;
    for _ in 0..FIFO {
        let (more, now_ns) = windows(FIFO);
        wanted += more;
        collect(now_ns);
    }
    // Twice a FIFO at most.
    assert!((FIFO..=2 * FIFO).contains(&wanted.into()), "{wanted}");
}

#[test]
fn ticks_of_a_counter_with_wire_are_half_of_their_range_away() {
    let (plain, wire) = (shared(false), shared(true));
    for ticks in [0, 7, 1 << 63, u64::MAX] {
        assert_eq!(plain.ticks_of_tallies(ticks), ticks);
        assert_eq!(wire.ticks_of_tallies(ticks), ticks.wrapping_add(1 << 63));
    }
}

#[test]
fn what_comes_after_its_window_was_read_is_a_row_of_the_open_one() {
    let clock = clock(0);
    let shared = shared(false);
    let cpus = [cpu(&shared, 4)];
    let cpus = &cpus[..];
    cpus[0].count_packet(&clock, clock.moment(100), 40);

    // A reader has the row of that window, as another one gives it back.
    let mut collector = collector();
    let mut rows = [Taken::default(); 4];
    collector.collect(&shared, &cpus, &At(1_200));
    assert_eq!(collector.take_rows(None, &mut rows), 1);
    let last = Some(rows[0].window);
    collector.give_back(&rows[..1]);

    assert!(!collector.poll_data(&shared, &cpus, &At(1_300), last));
    assert_eq!(shared.timer().1.get(), Some(700), "the end of the next one");
    assert_eq!(collector.take_rows(last, &mut rows), 0);
    assert!(collector.poll_data(&shared, &cpus, &At(2_000), last));
    assert_eq!(collector.take_rows(last, &mut rows), 1);
    assert_eq!(rows[0].row(PERIOD_NS).timestamp_ns, 1_000);
}

#[test]
fn a_read_looks_at_no_cpu_twice_in_a_window_nor_for_long_where_nothing_comes() {
    let clock = clock(0);
    let shared = shared(false);
    let cpus = [cpu(&shared, 4)];
    let cpus = Looked(&cpus, Cell::new(0));
    let count = |now_ns| cpus.0[0].count_packet(&clock, clock.moment(now_ns), 40);
    let mut collector = collector();
    let mut rows = [Taken::default(); 4];
    let mut read = |collector: &mut Counter, now_ns, last| {
        let before = cpus.1.get();
        collector.collect_ended(&shared, &cpus, &At(now_ns));
        let count = collector.take_rows(last, &mut rows);
        (count, cpus.1.get() != before, rows[0])
    };

    count(100);
    let (rows, is_looked, first) = read(&mut collector, 1_200, None);
    assert_eq!((rows, is_looked), (1, true));
    let last = Some(first.window);
    let (rows, is_looked, _) = read(&mut collector, 1_300, last);
    assert_eq!((rows, is_looked), (0, false), "the same window");

    let mut looks = 0;
    for now_ns in (2_200..9_000).step_by(1_000) {
        let (rows, is_looked, _) = read(&mut collector, now_ns, last);
        assert_eq!(rows, 0);
        looks += u32::from(is_looked);
    }
    assert_eq!(looks, 3, "nothing comes");
    // What is given back is ready when the window after the reader's last one has ended.
    collector.give_back(&[first]);
    let last = Some(Window::at(At(9_000).now(), PERIOD_NS));
    assert_eq!(read(&mut collector, 10_200, last).0, 0);
    let (rows, is_looked, row) = read(&mut collector, 11_200, last);
    assert_eq!((rows, is_looked), (1, false));

    let last = Some(row.window);
    count(11_300);
    let (rows, is_looked, row) = read(&mut collector, 12_200, last);
    assert_eq!((rows, is_looked), (1, true), "it comes again");
    assert_eq!(row.row(PERIOD_NS).timestamp_ns, 11_000);
}

#[test]
fn a_poller_looks_once_more_where_nothing_comes() {
    let clock = clock(0);
    let shared = shared(false);
    let cpus = [cpu(&shared, 4)];
    let cpus = &cpus[..];
    let mut collector = collector();
    let poll = |collector: &mut Counter, now_ns| {
        let is_ready = collector.poll_data(&shared, &cpus, &At(now_ns), None);
        (is_ready, shared.timer().1.take())
    };
    for now_ns in [100, 10_100] {
        cpus[0].count_packet(&clock, clock.moment(now_ns), 40);
        assert_eq!(poll(&mut collector, now_ns + 300), (false, Some(600)));
        let mut rows = [Taken::default(); 4];
        collector.collect(&shared, &cpus, &At(now_ns + 1_300));
        assert_eq!(collector.take_rows(None, &mut rows), 1);
        let again = Some(LOOK_AGAIN_NS);
        assert_eq!(poll(&mut collector, now_ns + 1_400), (false, again));
        assert_eq!(poll(&mut collector, now_ns + 1_500), (false, None));
    }
}

/// As [`At`], where nobody knows whether packets have left.
struct AtUnknown(u64);

impl Host for AtUnknown {
    fn now(&self) -> Time {
        At(self.0).now()
    }
    fn pause(&self) {}
}

#[test]
fn where_nobody_knows_whether_packets_have_left_each_read_looks() {
    let clock = clock(0);
    let shared = shared(false);
    let cpus = [cpu(&shared, 4)];
    let cpus = Looked(&cpus, Cell::new(0));
    cpus.0[0].count_packet(&clock, clock.moment(100), 40);
    let mut collector = collector();
    for now_ns in (1_200..20_000).step_by(1_000) {
        let before = cpus.1.get();
        collector.collect_ended(&shared, &cpus, &AtUnknown(now_ns));
        assert_ne!(cpus.1.get(), before);
    }
}

#[test]
fn a_poller_that_has_a_row_is_woken_for_the_next_one() {
    let clock = clock(0);
    let shared = shared(false);
    let cpus = [cpu(&shared, 4)];
    let cpus = &cpus[..];
    let mut collector = collector();
    let history = collector.oldest();
    let mut now_ns = 100;
    for is_data in [true, false, true] {
        cpus[0].count_packet(&clock, clock.moment(now_ns), 40);
        now_ns += 1_000;
        let host = At(now_ns);
        assert!(if is_data {
            collector.poll_data(&shared, &cpus, &host, None)
        } else {
            collector.poll_history(&shared, &cpus, &host, &history)
        });
        let told_again = shared.timer().1.take();
        assert_eq!(told_again, None, "of a row that he does not read");
        now_ns += 1_000;
        cpus[0].count_packet(&clock, clock.moment(now_ns), 40);
        assert_eq!(shared.timer().1.take(), Some(900));
        now_ns += 2_000;
    }
}

/// As [`At`]; and how often others could run.
struct Paused(At, Cell<u32>);

impl Host for Paused {
    fn now(&self) -> Time {
        self.0.now()
    }
    fn pause(&self) {
        self.1.set(self.1.get() + 1);
    }
}

#[test]
fn others_can_run_after_each_batch_that_is_collected() {
    let clock = clock(0);
    let shared = shared(false);
    let cpus = [cpu(&shared, 100), cpu(&shared, 100)];
    for now_ns in (100..100_000).step_by(1_000) {
        for cpu in &cpus {
            cpu.count_packet(&clock, clock.moment(now_ns), 40);
        }
    }
    let host = Paused(At(100_000), Cell::new(0));
    let mut collector = Collector::new(
        vec![Cursor::default(); 2],
        vec![Closed::default(); unread_windows(100)],
        vec![Closed::default(); 100],
    );
    collector.collect(&shared, &&cpus[..], &host);
    let mut rows = [Taken::default(); 128];
    assert_eq!(collector.take_rows(None, &mut rows), 100);
    assert_eq!(host.1.get() as usize, 100_usize.div_ceil(BATCH));
}
