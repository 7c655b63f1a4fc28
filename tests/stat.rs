// SPDX-License-Identifier: GPL-2.0-or-later
//! The accounting against a naive model, over random schedules. What loom does with a few
//! instructions (tests/stat_loom.rs), this does with many packets.
//!
//!     PROPTEST_CASES=100000 cargo test --release --test stat

#![cfg(not(pktstat_loom))]

#[path = "stat/model.rs"]
mod model;

use model::{live, Event, Make, Seen, READERS, TASKS};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::{Cell, RefCell};

const HOUR_NS: u64 = 3_600_000_000_000;
const MONTH_NS: u64 = 30 * 24 * HOUR_NS;

fn make() -> impl Strategy<Value = Make> {
    let frames = prop_oneof![
        6 => Just(0_u64),
        1 => (0_u64..20).prop_map(|n| (1 << 32) - 10 + n),
        1 => (1_u64..20).prop_map(|n| u64::MAX - n),
        1 => (0_u64..20).prop_map(|n| (1 << 63) - 10 + n),
    ];
    let bytes = prop_oneof![
        Just(1_u64 << 32),
        (0_u64..200_000).prop_map(|n| (1 << 32) - n),
        (0_u64..200_000).prop_map(|n| u64::MAX - n),
    ];
    (
        1..5_usize,
        prop_oneof![4 => 1..6_usize, 1 => 20..60_usize],
        prop_oneof![1..6_usize, Just(usize::MAX)],
        prop_oneof![
            Just(1_000_u64),
            Just(7_001),
            Just(100_000_000),
            Just(HOUR_NS)
        ],
        prop_oneof![1 => Just(0_u32), 4 => Just(1_000_000), 4 => Just(2_593_906)],
        prop::bool::weighted(0.2),
        vec((frames, bytes), 0..4),
    )
        .prop_map(|(cpus, samples, fifo, period_ns, khz, wire, before)| Make {
            cpus,
            samples,
            fifo: fifo.min(samples),
            period_ns,
            khz,
            wire,
            before,
        })
}

/// What happens to every counter.
fn calm() -> BoxedStrategy<Event> {
    let packet = (0..4_usize, 1..40_u32, 20..70_000_u64);
    let size = prop_oneof![Just(1_usize), 1..100_usize, Just(4096), Just(0)];
    let good = prop_oneof![8 => Just(usize::MAX), 1 => Just(0), 2 => 0..80_usize];
    let read = (0..READERS, size, good, vec(packet.clone(), 0..3));
    prop_oneof![
        1 => prop_oneof![0..1_000_u64, 0..8_000_000_u64, Just(HOUR_NS), Just(MONTH_NS)].prop_map(Event::Pass),
        5 => any::<u8>().prop_map(Event::PassPart),
        5 => prop_oneof![Just(-1_i64), Just(0), Just(1), 0..50_i64].prop_map(Event::PassToBoundary),
        14 => packet.prop_map(|(cpu, frames, bytes)| Event::Packet { cpu, frames, bytes }),
        2 => (0..READERS).prop_map(Event::Open),
        2 => (0..READERS).prop_map(Event::OpenHistory),
        1 => Just(Event::Work),
        1 => prop_oneof![Just(0), 0..1_000_000_u64, Just(5_000_000)].prop_map(Event::Rest),
        1 => Just(Event::Ask),
        5 => read.prop_map(|(reader, size, good, during)| Event::Read { reader, size, good, during }),
        2 => (0..READERS).prop_map(Event::Poll),
        1 => Just(Event::Drain),
    ]
    .boxed()
}

/// What happens to a counter when the clock is set.
fn stepped() -> BoxedStrategy<Event> {
    prop_oneof![12 => calm(), 3 => step().prop_map(Event::Step)].boxed()
}

fn step() -> impl Strategy<Value = i64> {
    let day = 86_400_000_000_000_i64;
    prop_oneof![
        -5_000..5_000_i64,
        -300_000_000..300_000_000_i64,
        -day..day,
        -400 * day..400 * day,
    ]
}

/// What happens to some.
fn wild() -> BoxedStrategy<Event> {
    let advance = (0..TASKS, 0..4_usize, 20..70_000_u64);
    prop_oneof![
        12 => calm(),
        8 => advance.prop_map(|(task, cpu, bytes)| Event::Advance { task, cpu, bytes }),
        2 => step().prop_map(Event::Step),
        2 => (0..READERS).prop_map(Event::Close),
    ]
    .boxed()
}

/// Runs as many schedules as PROPTEST_CASES says and reports what they came across.
fn explore(name: &str, event: BoxedStrategy<Event>, cases: u32) -> Seen {
    let mut config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    let explored = Cell::new(0_u64);
    let sum = RefCell::new(Seen::default());
    let schedule = (make(), vec(event, 1..120));
    let result = TestRunner::new(config).run(&schedule, |(make, events)| {
        let seen = live(&make, &events);
        explored.set(explored.get() + 1);
        sum.borrow_mut().add(&seen);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    let seen = sum.into_inner();
    println!("{name}: {} schedules, {seen:?}", explored.get());
    assert_ne!(explored.get(), 0, "explored nothing");
    seen
}

#[test]
fn rows_are_the_sums_of_their_windows() {
    let seen = explore("calm", calm(), 1_000);
    for seen in [
        seen.packets,
        seen.fast,
        seen.rows,
        seen.history_rows,
        seen.exact,
        seen.merged,
        seen.merged_early,
        seen.missed,
        seen.kicked,
        seen.faults,
        seen.woken,
        seen.idle,
    ] {
        assert_ne!(seen, 0, "something was never explored");
    }
}

#[test]
fn rows_are_dated_by_the_clock_of_their_frames() {
    let seen = explore("stepped", stepped(), 1_000);
    for seen in [
        seen.rows,
        seen.exact_stepped,
        seen.back,
        seen.set_back,
        seen.woken,
    ] {
        assert_ne!(seen, 0, "something was never explored");
    }
}

#[test]
fn a_poller_hears_of_a_packet_that_was_stopped() {
    let make = Make {
        cpus: 1,
        samples: 4,
        fifo: 4,
        period_ns: 1_000_000,
        khz: 1_000_000,
        wire: false,
        before: vec![],
    };
    let packet = Event::Packet {
        cpu: 0,
        frames: 1,
        bytes: 100,
    };
    let advance = Event::Advance {
        task: 0,
        cpu: 0,
        bytes: 100,
    };
    for open in [Event::Open(0), Event::OpenHistory(0)] {
        for stage in 1..3 {
            let mut events = vec![packet.clone(), open.clone()];
            // In time, and stopped until its window has been read.
            events.extend(vec![advance.clone(); stage]);
            events.push(Event::PassToBoundary(0));
            events.push(Event::Read {
                reader: 0,
                size: 4096,
                good: usize::MAX,
                during: vec![],
            });
            events.push(Event::Poll(0));
            live(&make, &events);
        }
    }
}

#[test]
fn nothing_is_lost_whatever_happens() {
    let seen = explore("wild", wild(), 1_000);
    for seen in [
        seen.packets,
        seen.moved,
        seen.rows,
        seen.history_rows,
        seen.merged,
        seen.returned,
        seen.faults,
        seen.steps,
        seen.exact_stepped,
        seen.back,
        seen.idle,
    ] {
        assert_ne!(seen, 0, "something was never explored");
    }
}
