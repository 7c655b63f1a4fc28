// SPDX-License-Identifier: GPL-2.0-or-later
//! One CPU's part of a counter, packet by packet.

use std::num::NonZeroU64;
use xt_pktstat::stat::clock::{Clock, Line, RealTime};
use xt_pktstat::stat::collector::{unread_windows, Collector, Host};
use xt_pktstat::stat::cpu::{CpuCounter, Shared, Timer};
use xt_pktstat::stat::drain::Cursor;
use xt_pktstat::stat::fifo::Slot;
use xt_pktstat::stat::ring::{Closed, Taken};
use xt_pktstat::stat::tally::RECENT_FRAME_BIT;
use xt_pktstat::stat::window::{Time, Window};
use xt_pktstat::sync::Ordering;

const PERIOD_NS: NonZeroU64 = NonZeroU64::new(1_000).expect("not zero");

struct NoTimer;

impl Timer for NoTimer {
    fn start(&self, _in_ns: u64) {}
    fn wake(&self) {}
    fn collect(&self) {}
}

struct Unasked;

impl RealTime for Unasked {
    fn now_ns(&self) -> u64 {
        panic!("asked for the time")
    }
}

/// When it is.
struct At(u64);

impl Host for At {
    fn now(&self) -> Time {
        Time {
            ns: self.0,
            ..Time::default()
        }
    }
    fn pause(&self) {}
}

#[test]
fn a_packet_that_was_added_too_late_stands_in_the_window_of_its_moment() {
    // A tick is a ns.
    let clock = Clock::new(Unasked);
    clock.set(Line {
        mult: 1 << 20,
        shift: 20,
        khz: 1_000_000,
        goes_by_ticks: true,
        ..Line::default()
    });
    let shared = Shared::new(PERIOD_NS, false, NoTimer);
    let slots: Vec<Slot> = (0..5).map(|_| Slot::default()).collect();
    let cpus = [CpuCounter::new(Window::default(), slots, &shared)];
    let cpu = &cpus[0];
    let add = |bytes: u64| {
        let packet = 1 << RECENT_FRAME_BIT | bytes;
        cpu.tally().recent.fetch_add(packet, Ordering::Relaxed);
    };

    cpu.count_packet(&clock, clock.moment(100), 40);
    add(60);
    // In time: it stays where it is.
    cpu.recount(&clock, clock.moment(200), 60);
    add(80);
    // The task was moved here when the window had ended.
    cpu.recount(&clock, clock.moment(1_500), 80);

    let mut collector = Collector::new(
        vec![Cursor::default()],
        vec![Closed::default(); unread_windows(4)],
        vec![Closed::default(); 4],
    );
    let mut rows = [Taken::default(); 4];
    collector.collect(&shared, &&cpus[..], &At(2_000));
    let count = collector.take_rows(None, &mut rows);
    let rows = rows[..count].iter().map(|taken| taken.row(PERIOD_NS));
    let rows: Vec<_> = rows
        .map(|row| (row.timestamp_ns, row.frames, row.bytes))
        .collect();
    assert_eq!(rows, [(0, 2, 100), (1_000, 1, 80)]);
}
