// SPDX-License-Identifier: GPL-2.0-or-later
//! Captured packets, window by window, to bursts and the flows in them.
//!
//! A burst is windows with captured packets, with no more than a few others in between. What the
//! counter says of all windows from its first to its last are the burst's own figures; the packets
//! say how they are shared out.

use crate::who::above::Above;
use crate::who::flow::{parse, Flow};
use crate::window::{Totals, Window};
use std::collections::HashMap;

/// Flows of a burst that are distinguished; packets of more are counted together.
const FLOWS: usize = 1 << 16;

/// A packet, or its first bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When the rule saw it, ns since the epoch.
    pub at_ns: u64,
    /// The kernel did not say when, and it is estimated from the time at which it was received.
    pub is_estimated: bool,
    /// Packets lost between the one before it and this.
    pub lost: u64,
    /// From the IP header on.
    pub data: Vec<u8>,
}

/// Windows of captured packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Burst {
    /// Start of its first window, ns since the epoch.
    pub start_ns: u64,
    /// Start of its last.
    pub last_ns: u64,
    /// What the counter counted in its windows, but for merged ones.
    pub counted: Totals,
    /// The fullest of them, by bytes; `None` where the counter has none of them any more.
    pub peak: Option<Window>,
    /// Windows whose counts came in the row of another: they are in none of these figures.
    pub merged: u64,
    /// Packets captured.
    pub captured: Totals,
    /// Packets that were to be captured, and got lost.
    pub lost: u64,
    /// Captured packets that are no IP packets.
    pub unreadable: u64,
    /// When some of the packets passed is estimated.
    pub is_estimated: bool,
    flows: HashMap<Flow, Totals>,
    /// Packets of flows beyond those that are distinguished.
    pub others: Totals,
}

impl Burst {
    /// How long it lasted.
    pub fn duration_ns(&self, period_ns: u64) -> u64 {
        self.last_ns - self.start_ns + period_ns
    }

    /// Its flows, most bytes first.
    pub fn flows(&self) -> Vec<(Flow, Totals)> {
        let mut flows: Vec<_> = self.flows.iter().map(|(&flow, &sum)| (flow, sum)).collect();
        flows.sort_by(|(a, x), (b, y)| (y.bytes, y.frames, a).cmp(&(x.bytes, x.frames, b)));
        flows
    }

    fn packet(&mut self, packet: &Captured) {
        self.lost += packet.lost;
        self.is_estimated |= packet.is_estimated;
        self.captured.frames += 1;
        let Some((flow, bytes)) = parse(&packet.data) else {
            self.unreadable += 1;
            return;
        };
        self.captured.bytes += bytes;
        let is_full = self.flows.len() >= FLOWS && !self.flows.contains_key(&flow);
        let sum = if is_full {
            &mut self.others
        } else {
            self.flows.entry(flow).or_default()
        };
        sum.frames += 1;
        sum.bytes += bytes;
    }

    fn row(&mut self, row: &Window) {
        if row.merged > 0 {
            self.merged += row.windows();
            return;
        }
        self.counted.add(row);
        if self.peak.is_none_or(|peak| row.bytes > peak.bytes) {
            self.peak = Some(*row);
        }
    }
}

/// What came of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The burst that it ended.
    pub ended: Option<Burst>,
    /// The rows that were added to the burst that it is in: those of the windows without a packet
    /// before it, and its own.
    pub rows: Vec<Window>,
}

/// Finds bursts in windows as they come.
#[derive(Clone, Debug)]
pub struct Finder {
    period_ns: u64,
    /// From the start of a burst's last window to that of its next, at most.
    reach_ns: u64,
    current: Option<Burst>,
    /// Rows since the last window with a packet.
    between: Vec<Window>,
    /// With what a row before the first packet is of the burst, too.
    above: Option<Above>,
    /// The last row, if it may be.
    before: Option<Window>,
}

impl Finder {
    /// For windows of this width, of which `gap` without a captured packet do not end a burst.
    ///
    /// The window before the first with a packet is of the burst, too, if it is above this: then the
    /// rule matched in it, and its packets were dated a moment later. Where it is not known which
    /// windows are (`None`), it is not.
    pub fn new(period_ns: u64, gap: u64, above: Option<Above>) -> Finder {
        let period_ns = period_ns.max(1);
        Finder {
            period_ns,
            reach_ns: period_ns.saturating_mul(gap.saturating_add(1)),
            current: None,
            between: Vec::new(),
            above,
            before: None,
        }
    }

    /// Start of the window that a moment is in.
    pub fn start_of(&self, at_ns: u64) -> u64 {
        at_ns / self.period_ns * self.period_ns
    }

    /// Is there a burst that may go on?
    pub fn is_open(&self) -> bool {
        self.current.is_some()
    }

    /// Takes a window, in order: its row, and the packets captured in it. A window may come in
    /// parts, of which one has the row.
    pub fn window(&mut self, start_ns: u64, row: Option<Window>, packets: &[Captured]) -> Taken {
        let mut taken = Taken::default();
        if packets.is_empty() {
            match &self.current {
                Some(burst) if start_ns.saturating_sub(burst.last_ns) < self.reach_ns => {
                    self.between.extend(row);
                }
                _ => {
                    taken.ended = self.end();
                    let is_above =
                        |row: &Window| self.above.is_some_and(|above| above.matched(row) > 0);
                    self.before = row.filter(is_above);
                }
            }
            return taken;
        }
        let before = self.before.take();
        let is_near = |burst: &Burst| {
            start_ns <= burst.last_ns.saturating_add(self.reach_ns)
                && start_ns.saturating_add(self.reach_ns) >= burst.start_ns
        };
        if !self.current.as_ref().is_some_and(is_near) {
            taken.ended = self.end();
        }
        let is_first = self.current.is_none();
        let burst = self.current.get_or_insert_with(|| Burst {
            start_ns,
            last_ns: start_ns,
            ..Burst::default()
        });
        let is_next = |before: &Window| before.timestamp_ns + self.period_ns == start_ns;
        if let Some(before) = before.filter(|before| is_first && is_next(before)) {
            burst.start_ns = before.timestamp_ns;
            taken.rows.push(before);
        }
        taken.rows.append(&mut self.between);
        taken.rows.extend(row);
        burst.start_ns = burst.start_ns.min(start_ns);
        burst.last_ns = burst.last_ns.max(start_ns);
        for row in &taken.rows {
            burst.row(row);
        }
        for packet in packets {
            burst.packet(packet);
        }
        taken
    }

    /// Takes that all windows that closed until then have come; returns the burst that this ends.
    pub fn until(&mut self, until_ns: u64) -> Option<Burst> {
        let end_ns = self.current.as_ref()?.last_ns;
        let end_ns = end_ns
            .saturating_add(self.reach_ns)
            .saturating_add(self.period_ns);
        if until_ns < end_ns {
            return None;
        }
        self.end()
    }

    /// Takes that nothing more comes; returns the burst that this ends.
    pub fn end(&mut self) -> Option<Burst> {
        self.between.clear();
        self.current.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::who::flow::tests::ipv4;
    use crate::window::row;
    use proptest::prelude::*;
    use xt_pktstat::rate::Rate;

    /// A packet of a flow: its source port.
    fn packet(at_ns: u64, port: u16, bytes: u16) -> Captured {
        let rest = [port.to_be_bytes(), [0, 9]].concat();
        Captured {
            at_ns,
            is_estimated: false,
            lost: 0,
            data: ipv4(17, bytes, 0, &rest),
        }
    }

    fn totals(frames: u64, bytes: u64) -> Totals {
        Totals { frames, bytes }
    }

    fn shares(burst: &Burst) -> Vec<(Option<u16>, u64, u64)> {
        let flows = burst.flows();
        let share = |(flow, sum): &(Flow, Totals)| (flow.source.port, sum.frames, sum.bytes);
        flows.iter().map(share).collect()
    }

    #[test]
    fn a_burst_is_what_the_counter_says_and_whose_packets_were_captured() {
        let mut finder = Finder::new(100, 1, None);
        assert_eq!(
            finder.window(900, Some(row(900, 1, 60)), &[]),
            Taken::default()
        );
        let packets = [
            packet(1000, 1, 100),
            packet(1050, 2, 1000),
            packet(1060, 1, 200),
        ];
        let taken = finder.window(1000, Some(row(1000, 7, 4000)), &packets);
        assert_eq!(taken.rows, [row(1000, 7, 4000)]);
        // A window in which nothing was captured, and another.
        assert_eq!(
            finder.window(1100, Some(row(1100, 2, 120)), &[]),
            Taken::default()
        );
        let taken = finder.window(1200, Some(row(1200, 8, 5000)), &[packet(1201, 3, 300)]);
        assert_eq!(taken.rows, [row(1100, 2, 120), row(1200, 8, 5000)]);
        assert!(finder.is_open());
        // What comes after it is none of it.
        assert_eq!(
            finder.window(1300, Some(row(1300, 9, 9000)), &[]),
            Taken::default()
        );
        let burst = finder
            .window(1400, Some(row(1400, 9, 9000)), &[])
            .ended
            .expect("a burst");
        assert!(!finder.is_open());
        assert_eq!((burst.start_ns, burst.duration_ns(100)), (1000, 300));
        assert_eq!(burst.counted, totals(17, 9120));
        assert_eq!(burst.peak, Some(row(1200, 8, 5000)));
        assert_eq!(burst.captured, totals(4, 1600));
        assert_eq!(
            shares(&burst),
            [(Some(2), 1, 1000), (Some(1), 2, 300), (Some(3), 1, 300)]
        );
    }

    #[test]
    fn a_burst_ends_when_its_gap_has_passed() {
        for gap in [0, 1, 5] {
            let mut finder = Finder::new(100, gap, None);
            finder.window(1000, None, &[packet(1000, 1, 100)]);
            // The window in which it could go on has not closed.
            assert_eq!(finder.until(1000 + (gap + 2) * 100 - 1), None);
            let next = 1000 + (gap + 1) * 100;
            let mut goes_on = finder.clone();
            assert_eq!(
                goes_on.window(next, None, &[packet(next, 1, 100)]).ended,
                None
            );
            let burst = finder.until(1000 + (gap + 2) * 100).expect("a burst");
            assert_eq!((burst.duration_ns(100), burst.peak), (100, None));
            let burst = goes_on.end().expect("a burst");
            assert_eq!(burst.duration_ns(100), (gap + 2) * 100);
            assert_eq!((goes_on.end(), goes_on.until(u64::MAX)), (None, None));
        }
    }

    #[test]
    fn a_window_above_before_the_first_packet_is_of_the_burst() {
        // 500 bytes a window.
        let above = Above::new(Rate::parse(b"40gbit").unwrap(), 100);
        for (before, begins_ns) in [
            (row(900, 6, 501), 900),
            (row(900, 6, 500), 1000),
            (row(800, 6, 501), 1000),
        ] {
            let mut finder = Finder::new(100, 1, Some(above));
            finder.window(700, Some(row(700, 6, 501)), &[]);
            finder.window(before.timestamp_ns, Some(before), &[]);
            let taken = finder.window(1000, Some(row(1000, 9, 900)), &[packet(1000, 1, 100)]);
            assert_eq!(taken.rows.len() as u64, 1 + (1000 - begins_ns) / 100);
            // What is before a later packet is not.
            finder.window(1000, None, &[packet(1001, 1, 100)]);
            let burst = finder.end().expect("a burst");
            assert_eq!(
                (burst.start_ns, burst.last_ns),
                (begins_ns, 1000),
                "{before:?}"
            );
            assert_eq!(burst.counted.frames, if begins_ns == 900 { 15 } else { 9 });
        }
    }

    #[test]
    fn merged_windows_are_told_and_in_no_figure() {
        let mut finder = Finder::new(100, 1, None);
        let merged = Window {
            merged: 3,
            ..row(1000, 50, 50_000)
        };
        finder.window(1000, Some(merged), &[packet(1000, 1, 100)]);
        finder.window(1100, Some(row(1100, 1, 100)), &[packet(1100, 1, 100)]);
        let burst = finder.end().expect("a burst");
        assert_eq!((burst.merged, burst.counted), (4, totals(1, 100)));
        assert_eq!(burst.peak, Some(row(1100, 1, 100)));
    }

    #[test]
    fn what_was_lost_and_what_cannot_be_read_is_counted() {
        let mut finder = Finder::new(100, 1, None);
        let lossy = Captured {
            lost: 5,
            is_estimated: true,
            ..packet(1000, 1, 100)
        };
        let arp = Captured {
            data: vec![0; 28],
            ..packet(1000, 1, 100)
        };
        finder.window(1000, None, &[lossy, arp]);
        let burst = finder.end().expect("a burst");
        assert_eq!(
            (burst.lost, burst.unreadable, burst.is_estimated),
            (5, 1, true)
        );
        assert_eq!(burst.captured, totals(2, 100));
    }

    #[test]
    fn a_clock_set_back_ends_a_burst_and_a_packet_that_is_estimated_does_not() {
        let mut finder = Finder::new(100, 1, None);
        finder.window(5000, None, &[packet(5000, 1, 100)]);
        assert_eq!(
            finder.window(4800, None, &[packet(4800, 1, 100)]).ended,
            None
        );
        let burst = finder
            .window(1000, None, &[packet(1000, 1, 100)])
            .ended
            .expect("a burst");
        assert_eq!((burst.start_ns, burst.last_ns), (4800, 5000));
    }

    #[test]
    fn flows_beyond_those_told_apart_are_counted_together() {
        let mut finder = Finder::new(100, 1, None);
        let many: Vec<_> = (0..=u16::MAX).map(|port| packet(1000, port, 100)).collect();
        let mut other = packet(1000, 1, 50);
        other.data[12] = 11;
        finder.window(1000, None, &many);
        finder.window(1000, None, &[other, packet(1000, 7, 100)]);
        let burst = finder.end().expect("a burst");
        assert_eq!(burst.others, totals(1, 50));
        assert_eq!(burst.flows().len(), FLOWS);
        assert_eq!(burst.flows()[0].1, totals(2, 200));
    }

    /// Windows of a counter, some captured from: for each its frames, and flows of the packets.
    fn windows() -> impl Strategy<Value = Vec<(u64, Vec<u16>)>> {
        let packets =
            prop_oneof![3 => Just(Vec::new()), 2 => prop::collection::vec(0_u16..4, 1..5)];
        prop::collection::vec((0_u64..3, packets), 0..60)
    }

    proptest! {
        /// Against a model that looks at all windows at once.
        #[test]
        fn bursts_are_runs_of_windows_with_packets(windows in windows(), gap in 0_u64..4) {
            let mut finder = Finder::new(10, gap, None);
            let (mut found, mut rows_taken) = (Vec::new(), Vec::new());
            for (number, (extra, flows)) in windows.iter().enumerate() {
                let start_ns = number as u64 * 10;
                let frames = extra + flows.len() as u64;
                let row = (frames > 0).then(|| row(start_ns, frames, frames * 100));
                let packets: Vec<_> = flows.iter().map(|&flow| packet(start_ns + 3, flow, 100)).collect();
                // In two parts, as from a file.
                let (first, rest) = packets.split_at(packets.len() / 2);
                let parts = if first.is_empty() { vec![rest] } else { vec![first, rest] };
                for (part, packets) in parts.into_iter().enumerate() {
                    let taken = finder.window(start_ns, row.filter(|_| part == 0), packets);
                    found.extend(taken.ended);
                    rows_taken.extend(taken.rows);
                }
            }
            found.extend(finder.end());

            let with: Vec<_> = (0..windows.len()).filter(|&number| !windows[number].1.is_empty()).collect();
            let runs: Vec<_> = with.chunk_by(|a, b| (b - a) as u64 <= gap + 1).collect();
            prop_assert_eq!(found.len(), runs.len());
            let mut rows_in_bursts = 0;
            for (burst, run) in found.iter().zip(runs) {
                let (first, last) = (run[0], run[run.len() - 1]);
                prop_assert_eq!((burst.start_ns, burst.last_ns), (first as u64 * 10, last as u64 * 10));
                let inside = &windows[first..=last];
                let frames = |(extra, flows): &(u64, Vec<u16>)| extra + flows.len() as u64;
                prop_assert_eq!(burst.counted.frames, inside.iter().map(frames).sum::<u64>());
                prop_assert_eq!(burst.peak.map(|peak| peak.frames), inside.iter().map(frames).max());
                rows_in_bursts += inside.iter().filter(|window| frames(window) > 0).count();
                for flow in 0..4 {
                    let sent = inside.iter().flat_map(|(_, flows)| flows).filter(|&&sent| sent == flow).count() as u64;
                    let shares = shares(burst);
                    let got = shares.iter().find(|(port, ..)| *port == Some(flow)).map_or(0, |(_, frames, _)| *frames);
                    prop_assert_eq!(got, sent);
                }
            }
            prop_assert_eq!(rows_taken.len(), rows_in_bursts);
        }
    }
}
