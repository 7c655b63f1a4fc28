// SPDX-License-Identifier: GPL-2.0-or-later
//! `--above`, packet by packet on several CPUs: never early, exact on one, late by what is promised.

#[path = "stat/ticks.rs"]
mod ticks;

use proptest::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use ticks::{clock, Unasked};
use xt_pktstat::rate::Unit;
use xt_pktstat::stat::clock::Clock;
use xt_pktstat::stat::cpu::{CpuCounter, Shared, Timer};
use xt_pktstat::stat::fifo::Slot;
use xt_pktstat::stat::tally::{recent_mask, recent_packet, recent_units, Tally};
use xt_pktstat::stat::threshold::{Reports, Share, Threshold};
use xt_pktstat::stat::window::Window;
use xt_pktstat::sync::{Exclusive, Ordering::Relaxed};

const PERIOD_NS: NonZeroU64 = NonZeroU64::new(1_000).expect("not zero");

#[derive(Default)]
struct Alone(RefCell<Reports>);

impl Exclusive<Reports> for Alone {
    fn with<R>(&self, use_it: impl FnOnce(&mut Reports) -> R) -> R {
        use_it(&mut self.0.borrow_mut())
    }
}

/// What is never to be used.
struct Unused;

impl Exclusive<Reports> for Unused {
    fn with<R>(&self, _: impl FnOnce(&mut Reports) -> R) -> R {
        panic!("a report")
    }
}

/// Nothing is left to be done later; CPUs report by `Lock`.
struct Nobody<Lock>(PhantomData<Lock>);

impl<Lock: Exclusive<Reports>> Timer for Nobody<Lock> {
    type Lock = Lock;
    fn start(&self, _in_ns: u64) {}
    fn collect(&self) {}
}

type Cpu<'a, Lock> = CpuCounter<Vec<Slot>, &'a Shared<Nobody<Lock>>>;

/// What `cpus` CPUs share, with a threshold of `most`.
fn shared<Lock: Exclusive<Reports>>(
    most: u64,
    unit: Unit,
    cpus: usize,
    lock: Lock,
) -> Shared<Nobody<Lock>> {
    let most = NonZeroU64::new(most).expect("not zero");
    let threshold = Threshold::new(most, unit, cpus, lock);
    Shared::new(PERIOD_NS, false, Nobody(PhantomData)).above(threshold)
}

/// One of them, which has counted nothing.
fn cpu<Lock: Exclusive<Reports>>(shared: &Shared<Nobody<Lock>>) -> Cpu<'_, Lock> {
    let slots = (0..5).map(|_| Slot::default()).collect();
    CpuCounter::new(Window::default(), slots, shared)
}

/// What the fast path does, an instruction after the other: `src/module/fast_path.rs` has it in
/// assembler.
fn packet(cpu: &Cpu<'_, Alone>, clock: &Clock<Unasked>, ticks: u64, bytes: u64) -> bool {
    let (tally, share): (&Tally, &Share) = (cpu.tally(), cpu.share());
    let shifted = ticks ^ (1 << 63);
    if !tally.is_in_time(shifted) {
        return cpu.count_above(clock, clock.moment(ticks), 1, bytes);
    }
    let packet = recent_packet(1, bytes);
    let recent = tally.recent.fetch_add(packet, Relaxed) + packet;
    if recent & share.mask.load(Relaxed) > share.bar.load(Relaxed) {
        return cpu.recount_above(clock, clock.moment(ticks), 1, bytes);
    }
    let is_match = share.is_above();
    if is_match {
        share.matched(1, bytes);
    }
    is_match
}

#[test]
fn what_is_recent_is_compared_by_its_frames_or_by_its_bytes() {
    let (frames, bytes) = (recent_mask(Unit::Packets), recent_mask(Unit::Bits));
    assert_eq!((frames ^ bytes, frames & bytes), (u64::MAX, 0));
    for (number, size) in [(0, 0), (1, 60), (256, (1 << 40) - 1)] {
        let recent = recent_packet(number, size);
        assert_eq!(recent & frames, recent_units(Unit::Packets, number));
        assert_eq!(recent & bytes, recent_units(Unit::Bits, size));
    }
    // The most that can be: then it is never more.
    assert_eq!(recent_units(Unit::Packets, u64::MAX), frames);
    assert_eq!(recent_units(Unit::Bits, u64::MAX), bytes);
}

#[test]
fn a_cpu_alone_reports_each_time_that_its_share_and_half_of_the_pool_are_used_up() {
    struct Counted<'a>(Alone, &'a Cell<u32>);
    impl Exclusive<Reports> for Counted<'_> {
        fn with<R>(&self, use_it: impl FnOnce(&mut Reports) -> R) -> R {
            self.1.set(self.1.get() + 1);
            self.0.with(use_it)
        }
    }
    let reports = Cell::new(0);
    let most = NonZeroU64::new(1_600).expect("not zero");
    let counted = Counted(Alone::default(), &reports);
    let threshold = Threshold::new(most, Unit::Packets, 1, counted);
    // Of an eighth, 200, half is its share, and it is granted half of the other half.
    let share = Share::new(recent_mask(Unit::Packets));
    let expected = |total: u64| {
        if total > 100 {
            (total - 101) / 151 + 1
        } else {
            0
        }
    };
    for total in 1..1_400 {
        share.look(&threshold, Window::from_word(2), total, 1);
        assert_eq!(u64::from(reports.get()), expected(total), "{total}");
    }
}

#[test]
fn a_fast_path_that_looks_at_the_rule_is_in_time_until_the_window_ends() {
    let clock = clock(0);
    let shared = shared(100, Unit::Packets, 1, Alone::default());
    let cpu = cpu(&shared);
    cpu.count_above(&clock, clock.moment(20_100), 1, 60);
    for (ticks, is_in_time) in [(20_100, true), (20_900, true), (21_000, false)] {
        let shifted = ticks ^ (1 << 63);
        assert_eq!(shared.ticks_of_tallies(ticks), shifted);
        assert_eq!(cpu.tally().is_in_time(shifted), is_in_time, "{ticks}");
        // One that does not look at the rule always is late.
        assert!(!cpu.tally().is_in_time(ticks));
    }
}

/// A packet: after how long, on which CPU, of how many bytes, and how far its clock is behind.
type Arrival = (u64, usize, u64, u64);

/// What came of a window, in the threshold's unit.
#[derive(Default)]
struct Carried {
    carried: u64,
    /// What came above the threshold and did not match.
    missed: u64,
}

fn check(cpus: usize, most: u64, unit: Unit, arrivals: &[Arrival]) -> Result<(), TestCaseError> {
    let clock = clock(0);
    let shared = shared(most, unit, cpus, Alone::default());
    let each: Vec<_> = (0..cpus).map(|_| cpu(&shared)).collect();
    let mut windows: HashMap<u64, Carried> = HashMap::new();
    let mut now = 10_000;
    let (mut matched, mut matched_bytes) = (0, 0);
    for (step, (after, cpu, bytes, behind)) in arrivals.iter().enumerate() {
        now += after;
        let cpu = &each[cpu % cpus];
        let is_match = packet(cpu, &clock, now - behind, *bytes);
        matched += u64::from(is_match);
        matched_bytes += if is_match { bytes } else { &0 };
        let units = match unit {
            Unit::Packets => 1,
            Unit::Bits => *bytes,
        };
        let window = windows.entry(cpu.tally().window().word()).or_default();
        window.carried += units;
        let is_above = window.carried > most;
        prop_assert!(is_above || !is_match, "early: packet {step}");
        if is_above && !is_match {
            // A packet that crosses it is above it with the rest.
            window.missed += units.min(window.carried - most);
            prop_assert!(cpus > 1, "late on one CPU: packet {step}");
            prop_assert!(
                window.missed <= most / 8,
                "late by {} of {most}: packet {step}",
                window.missed
            );
        }
    }
    let sum = |word: fn(&Share) -> u64| each.iter().map(|cpu| word(cpu.share())).sum::<u64>();
    prop_assert_eq!(sum(|share| share.matched_frames.load(Relaxed)), matched);
    prop_assert_eq!(
        sum(|share| share.matched_bytes.load(Relaxed)),
        matched_bytes
    );
    Ok(())
}

#[test]
fn the_first_packet_above_is_the_first_to_match() {
    let clock = clock(0);
    let shared = shared(1_000, Unit::Bits, 2, Alone::default());
    let cpu = cpu(&shared);
    let packets = [
        (10, 999),
        (20, 1),
        (30, 1),
        (40, 500),
        (1_010, 1_000),
        (1_020, 1),
        (2_000, 1),
    ];
    let matches = packets.map(|(ticks, bytes)| packet(&cpu, &clock, ticks, bytes));
    assert_eq!(matches, [false, false, true, true, false, true, false]);
}

#[test]
fn a_packet_that_crosses_it_as_the_window_ends_counts_in_the_next_one() {
    let clock = clock(0);
    let shared = shared(1_000, Unit::Bits, 1, Alone::default());
    let cpu = cpu(&shared);
    assert!(!packet(&cpu, &clock, 10, 900));
    // It was added in time, and looks when the window is over.
    cpu.tally().recent.fetch_add(recent_packet(1, 200), Relaxed);
    assert!(!cpu.recount_above(&clock, clock.moment(1_001), 1, 200));
    assert_eq!(cpu.tally().window().index(), 1);
    assert!(!packet(&cpu, &clock, 1_100, 800));
    assert!(packet(&cpu, &clock, 1_200, 1));
}

#[test]
fn small_counts_need_no_report() {
    let clock = clock(0);
    let shared = shared(16 * 48 * 100, Unit::Bits, 48, Unused);
    for _ in 0..48 {
        let cpu = cpu(&shared);
        assert!(!cpu.count_above(&clock, clock.moment(10), 1, 60));
        assert!(!cpu.count_above(&clock, clock.moment(20), 1, 40));
    }
}

fn arrivals(step_ns: u64, bytes: u64) -> impl Strategy<Value = Vec<Arrival>> {
    let behind = prop_oneof![8 => Just(0), 1 => 0..100_u64];
    let cpu = prop_oneof![0..48_usize, 0..2_usize];
    prop::collection::vec((0..step_ns, cpu, 1..=bytes, behind), 1..400)
}

proptest! {
    #[test]
    fn bytes_are_never_early_and_late_by_an_eighth(
        cpus in prop_oneof![Just(1), Just(2), Just(8), Just(48), Just(256)],
        most in prop_oneof![1..2_000_u64, 2_000..200_000_u64],
        arrivals in prop_oneof![arrivals(10, 1500), arrivals(100, 9000), arrivals(2_000, 65_535)],
    ) {
        check(cpus, most, Unit::Bits, &arrivals)?;
    }

    #[test]
    fn frames_are_never_early_and_late_by_an_eighth(
        cpus in prop_oneof![Just(1), Just(2), Just(8), Just(48)],
        most in 1..200_u64,
        arrivals in prop_oneof![arrivals(3, 1500), arrivals(30, 1500)],
    ) {
        check(cpus, most, Unit::Packets, &arrivals)?;
    }
}
