// SPDX-License-Identifier: GPL-2.0-or-later
//! Packets and rows that wait for each other: the counter says what was in a window when it has
//! closed, and the kernel sends packets in batches.
//!
//! A packet is captured a moment after it was counted, or before, if the device's driver or a
//! tcpdump(8) had it dated. So it may be dated in the window beside its own. Where more was captured
//! in a window than the rule can have matched, and less in its neighbour, packets are moved over.
//!
//! Packets that the kernel does not date (OUTPUT, POSTROUTING) come in order, and some time after
//! they passed: each goes to the first window in that time that can have had it, not before the one
//! of the packet before it.

use crate::who::above::Above;
use crate::who::bursts::Captured;
use crate::window::Window;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How long after it passed a packet is surely here: the kernel sends a batch after 10 ms, and on a
/// busy machine its timers come late.
pub const LATENESS: Duration = Duration::from_millis(200);
const LATENESS_NS: u64 = LATENESS.as_nanos() as u64;

/// A window of which nothing more comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Its start, ns since the epoch.
    pub start_ns: u64,
    /// What the counter counted in it.
    pub row: Option<Window>,
    /// The packets captured in it, as they came.
    pub packets: Vec<Captured>,
}

impl Settled {
    /// By how many packets more were captured than the rule can have matched; where it is
    /// negative, others may be of this window.
    fn excess(&self, above: Above) -> i64 {
        let matched = self.row.map_or(0, |row| above.matched(&row));
        (self.packets.len() as i64).saturating_sub_unsigned(matched)
    }
}

/// Windows that wait, by their start.
#[derive(Clone, Debug)]
pub struct Waiting {
    period_ns: u64,
    above: Above,
    windows: BTreeMap<u64, Settled>,
    /// How many packets wait.
    packets: usize,
    /// Those with the time of their receipt.
    undated: VecDeque<Captured>,
    /// Start of the window that the last of those before went to.
    dated_until_ns: u64,
}

impl Waiting {
    /// For windows of this width, and a rule that matches above this rate.
    pub fn new(period_ns: u64, above: Above) -> Waiting {
        Waiting {
            period_ns: period_ns.max(1),
            above,
            windows: BTreeMap::new(),
            packets: 0,
            undated: VecDeque::new(),
            dated_until_ns: 0,
        }
    }

    /// How many packets wait.
    pub fn packets(&self) -> usize {
        self.packets
    }

    /// Takes a packet.
    pub fn packet(&mut self, packet: Captured) {
        self.packets += 1;
        if packet.is_estimated {
            self.undated.push_back(packet);
        } else {
            self.put(packet);
        }
    }

    fn put(&mut self, packet: Captured) {
        let start_ns = packet.at_ns / self.period_ns * self.period_ns;
        self.window(start_ns).packets.push(packet);
    }

    /// Takes a row.
    pub fn row(&mut self, row: Window) {
        self.window(row.timestamp_ns).row = Some(row);
    }

    fn window(&mut self, start_ns: u64) -> &mut Settled {
        self.windows.entry(start_ns).or_insert_with(|| Settled {
            start_ns,
            ..Settled::default()
        })
    }

    /// Takes that all rows of windows that closed until then have come.
    pub fn rows_until(&mut self, until_ns: u64) {
        let is_due = |packet: &Captured| packet.at_ns <= until_ns;
        while self.undated.front().is_some_and(is_due) {
            if let Some(packet) = self.undated.pop_front() {
                let packet = self.date(packet);
                self.put(packet);
            }
        }
    }

    /// Estimates when a packet passed, from when it was received.
    fn date(&mut self, mut packet: Captured) -> Captured {
        if self.dated_until_ns > packet.at_ns {
            // The clock was set back.
            self.dated_until_ns = 0;
        }
        let begin_ns = packet.at_ns.saturating_sub(LATENESS_NS + self.period_ns);
        let times = begin_ns.max(self.dated_until_ns)..=packet.at_ns;
        let (mut first, mut last) = (None, None);
        for (&start_ns, window) in self.windows.range(times) {
            let matched = window.row.map_or(0, |row| self.above.matched(&row));
            if matched > 0 {
                last = Some(start_ns);
                if first.is_none() && (window.packets.len() as u64) < matched {
                    first = last;
                }
            }
        }
        if let Some(start_ns) = first.or(last) {
            packet.at_ns = packet.at_ns.min(start_ns + self.period_ns - 1);
            self.dated_until_ns = start_ns;
        }
        packet
    }

    /// Takes out the oldest window, if it and the one after it had closed by then.
    pub fn next(&mut self, until_ns: u64) -> Option<Settled> {
        let (&start_ns, _) = self.windows.first_key_value()?;
        let next_ns = start_ns.saturating_add(self.period_ns);
        if next_ns.saturating_add(self.period_ns) > until_ns {
            return None;
        }
        let mut settled = self.windows.remove(&start_ns)?;
        if let Some(next) = self.windows.get_mut(&next_ns) {
            balance(&mut settled, next, next_ns, self.above);
        }
        self.packets -= settled.packets.len();
        Some(settled)
    }
}

/// Moves packets over the border between two windows, where one has more than the rule can have
/// matched in it, and the other less.
fn balance(first: &mut Settled, second: &mut Settled, border_ns: u64, above: Above) {
    let (too_many, too_many_after) = (first.excess(above), second.excess(above));
    let back = too_many_after.min(too_many.saturating_neg());
    let on = too_many.min(too_many_after.saturating_neg());
    // Late ones last, and early ones first, whatever order they came in.
    if back > 0 {
        second.packets.sort_by_key(|packet| packet.at_ns);
        for mut packet in second.packets.drain(..back as usize) {
            packet.at_ns = border_ns - 1;
            first.packets.push(packet);
        }
    } else if on > 0 {
        first.packets.sort_by_key(|packet| packet.at_ns);
        let stay = first.packets.len() - on as usize;
        let mut moved = first.packets.split_off(stay);
        for packet in &mut moved {
            packet.at_ns = border_ns;
        }
        second.packets.splice(..0, moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SECOND_NS;
    use proptest::prelude::*;
    use xt_pktstat::rate::Rate;

    fn packet(at_ns: u64) -> Captured {
        Captured {
            at_ns,
            is_estimated: false,
            lost: 0,
            data: Vec::new(),
        }
    }

    /// A packet that was received then.
    fn undated(at_ns: u64) -> Captured {
        Captured {
            is_estimated: true,
            ..packet(at_ns)
        }
    }

    /// A row of packets of 100 bytes.
    fn row(timestamp_ns: u64, frames: u64) -> Window {
        Window {
            timestamp_ns,
            frames,
            bytes: frames * 100,
            ..Window::default()
        }
    }

    /// All windows with packets: their start, and when the packets passed.
    fn all(waiting: &mut Waiting) -> Vec<(u64, Vec<u64>)> {
        let settled = std::iter::from_fn(|| waiting.next(u64::MAX));
        let with = settled.filter(|settled| !settled.packets.is_empty());
        let times = |settled: &Settled| settled.packets.iter().map(|packet| packet.at_ns).collect();
        with.map(|settled| (settled.start_ns, times(&settled)))
            .collect()
    }

    #[test]
    fn a_window_comes_out_when_it_has_closed_with_all_that_came_of_it() {
        let mut waiting = Waiting::new(100, Above::default());
        waiting.row(row(200, 2));
        waiting.packet(packet(299));
        assert!(waiting.packets() > 0);
        assert_eq!(waiting.next(399), None);
        waiting.packet(packet(200));
        let settled = Settled {
            start_ns: 200,
            row: Some(row(200, 2)),
            packets: vec![packet(299), packet(200)],
        };
        assert_eq!(waiting.next(400), Some(settled));
        assert_eq!(waiting.packets(), 0);
        assert_eq!(waiting.next(u64::MAX), None);
    }

    #[test]
    fn a_packet_at_a_border_goes_where_it_was_counted() {
        // Two were counted at the end of the window before, and dated after it.
        let mut waiting = Waiting::new(100, Above::default());
        waiting.row(row(100, 3));
        waiting.row(row(200, 1));
        for at_ns in [150, 250, 202, 201] {
            waiting.packet(packet(at_ns));
        }
        assert_eq!(
            all(&mut waiting),
            [(100, vec![150, 199, 199]), (200, vec![250])]
        );
        // The window after has no row at all; one packet more may be of the first.
        waiting.row(row(100, 1));
        waiting.packet(packet(201));
        waiting.packet(packet(202));
        assert_eq!(all(&mut waiting), [(100, vec![199]), (200, vec![202])]);
        // Dated before it was counted.
        waiting.row(row(200, 2));
        waiting.packet(packet(199));
        waiting.packet(packet(220));
        assert_eq!(all(&mut waiting), [(200, vec![200, 220])]);
        assert_eq!(waiting.packets(), 0);
        // Nothing is known of either.
        waiting.packet(packet(199));
        waiting.packet(packet(220));
        assert_eq!(all(&mut waiting), [(100, vec![199]), (200, vec![220])]);
    }

    #[test]
    fn packets_that_are_not_dated_go_to_windows_in_order() {
        let mut waiting = Waiting::new(100, Above::default());
        for (start_ns, frames) in [(100, 2), (200, 1), (500, 3), (900, 1)] {
            waiting.row(row(start_ns, frames));
        }
        for _ in 0..4 {
            waiting.packet(undated(850));
        }
        waiting.rows_until(849);
        assert!(waiting.packets() > 0);
        assert_eq!(
            waiting.clone().next(u64::MAX).map(|first| first.packets),
            Some(Vec::new())
        );
        waiting.rows_until(850);
        assert_eq!(
            all(&mut waiting),
            [(100, vec![199, 199]), (200, vec![299]), (500, vec![599])]
        );
    }

    #[test]
    fn packets_that_are_not_dated_go_to_windows_in_which_the_rule_matched() {
        // 500 bytes.
        let above = Above::new(Rate::parse(b"40gbit").unwrap(), 100);
        let mut waiting = Waiting::new(100, above);
        for (start_ns, frames) in [(100, 5), (200, 10), (300, 4), (400, 6)] {
            waiting.row(row(start_ns, frames));
        }
        for _ in 0..7 {
            waiting.packet(undated(499));
        }
        waiting.rows_until(499);
        // Five of ten, one of six, and one that has no place.
        assert_eq!(
            all(&mut waiting),
            [(200, vec![299; 5]), (400, vec![499; 2])]
        );
        // Of a window that is too old, or where there is none, the time of receipt is left.
        waiting.row(row(100, 10));
        let late_ns = 200 + LATENESS_NS;
        waiting.packet(undated(late_ns + 1));
        waiting.rows_until(u64::MAX);
        assert_eq!(
            all(&mut waiting),
            [((late_ns + 1) / 100 * 100, vec![late_ns + 1])]
        );
    }

    #[test]
    fn packets_that_are_not_dated_follow_a_clock_that_is_set_back() {
        let mut waiting = Waiting::new(100, Above::default());
        waiting.row(row(100, 1));
        waiting.row(row(SECOND_NS, 1));
        waiting.packet(undated(SECOND_NS + 50));
        waiting.packet(undated(150));
        waiting.rows_until(u64::MAX);
        assert_eq!(
            all(&mut waiting),
            [(100, vec![150]), (SECOND_NS, vec![SECOND_NS + 50])]
        );
    }

    proptest! {
        #[test]
        fn windows_come_out_in_order_and_each_packet_and_row_once(
            packets in prop::collection::vec(0_u64..2000, 0..50),
            rows in prop::collection::btree_set(0_u64..20, 0..20),
            pauses in prop::collection::vec(0_u64..3000, 0..10),
        ) {
            let mut waiting = Waiting::new(100, Above::default());
            for (number, &at_ns) in packets.iter().enumerate() {
                waiting.packet(Captured { lost: number as u64, ..packet(at_ns) });
            }
            for &number in &rows {
                waiting.row(row(number * 100, number % 4));
            }
            let mut out = Vec::new();
            for until_ns in pauses.into_iter().chain([u64::MAX]) {
                while let Some(settled) = waiting.next(until_ns) {
                    prop_assert!(settled.start_ns + 200 <= until_ns);
                    out.push(settled);
                }
                let left = packets.len() - out.iter().map(|settled| settled.packets.len()).sum::<usize>();
                prop_assert_eq!(waiting.packets(), left);
            }
            prop_assert!(out.windows(2).all(|pair| pair[0].start_ns < pair[1].start_ns));
            let mut came: Vec<_> = out.iter().flat_map(|settled| &settled.packets).map(|packet| packet.lost).collect();
            came.sort_unstable();
            prop_assert_eq!(came, (0..packets.len() as u64).collect::<Vec<_>>());
            // None is dated further off than the window beside.
            for packet in out.iter().flat_map(|settled| &settled.packets) {
                let at_ns = packets[packet.lost as usize];
                prop_assert!((packet.at_ns / 100).abs_diff(at_ns / 100) <= 1);
            }
            let came: Vec<_> = out.iter().filter_map(|settled| settled.row).map(|row| row.timestamp_ns / 100).collect();
            prop_assert_eq!(came, rows.into_iter().collect::<Vec<_>>());
            for settled in &out {
                let is_in = |packet: &Captured| packet.at_ns / 100 * 100 == settled.start_ns;
                prop_assert!(settled.packets.iter().all(is_in));
            }
        }
    }
}
