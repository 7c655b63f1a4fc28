// SPDX-License-Identifier: GPL-2.0-or-later
//! The accounting in every interleaving that loom can think of, stale values included: what
//! tests/stat.rs does with many packets, this does with the few instructions that meet in a tally
//! and a FIFO.
//!
//!     RUSTFLAGS="--cfg pktstat_loom" cargo test --release --test stat_loom -- --nocapture
//!
//! A thread is a CPU, or the reader; what the kernel keeps apart (two packets on a CPU, two readers
//! of a counter) is one thread's work. A thread is preempted at most as often as its claim says:
//! what is beyond that bound is tests/stat.rs's.

#![cfg(pktstat_loom)]

use loom::sync::{Arc, Mutex};
use loom::thread;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering as Real};
use xt_pktstat::rate::Unit;
use xt_pktstat::stat::clock::{Clock, Line, Moment, RealTime};
use xt_pktstat::stat::collector::unread_windows;
use xt_pktstat::stat::cpu::{CpuCounter, Shared, Timer};
use xt_pktstat::stat::drain::Cursor;
use xt_pktstat::stat::fifo::Slot;
use xt_pktstat::stat::gate::Gate;
use xt_pktstat::stat::host::Host;
use xt_pktstat::stat::ring::{Closed, Position, Taken};
use xt_pktstat::stat::tally::recent_packet;
use xt_pktstat::stat::threshold::{Reports, Share, Threshold};
use xt_pktstat::stat::window::{Time, Window};
use xt_pktstat::sync::{fence, Exclusive, Ordering};

const PERIOD_NS: NonZeroU64 = NonZeroU64::new(10).unwrap();
/// Bytes of a frame: what is of two moments does not agree.
const BYTES: u64 = 100;
/// When every window has ended.
const LATE_NS: u64 = 1_000;

/// How often the counting CPU has started it: no race, of that CPU and what joins it; and how often
/// it has wanted the collector.
#[derive(Default)]
struct Alarm {
    started: AtomicU64,
    wanted: loom::sync::atomic::AtomicU64,
}

impl Timer for Alarm {
    type Lock = std::convert::Infallible;
    fn start(&self, _in_ns: u64) {
        self.started.fetch_add(1, Real::Relaxed);
    }
    fn collect(&self) {
        self.wanted.fetch_add(1, Ordering::AcqRel);
    }
}

/// When it is.
struct At(u64);

impl Host for At {
    fn now(&self) -> Time {
        time(self.0)
    }
    fn pause(&self) {}
}

type Collector = xt_pktstat::stat::collector::Collector<Vec<Cursor>, Vec<Closed>>;

fn collector(cpus: usize, samples: usize) -> Collector {
    Collector::new(
        vec![Cursor::default(); cpus],
        vec![Closed::default(); unread_windows(samples as u32)],
        vec![Closed::default(); samples],
    )
}

/// What the kernel's clock says.
#[derive(Default)]
struct Wall(loom::sync::atomic::AtomicU64);

impl RealTime for Wall {
    fn now_ns(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

struct Counter {
    clock: Clock<Wall>,
    shared: std::sync::Arc<Shared<Alarm>>,
    cpus: Vec<CpuCounter<Vec<Slot>, std::sync::Arc<Shared<Alarm>>>>,
}

fn time(ns: u64) -> Time {
    Time {
        ns,
        ..Time::default()
    }
}

fn moment(ns: u64) -> Moment {
    Moment {
        ticks: ns,
        time: time(ns),
    }
}

impl Counter {
    fn new(cpus: usize, samples: usize) -> Self {
        let window = Window::at(time(0), PERIOD_NS);
        let shared = Shared::new(PERIOD_NS, false, Alarm::default());
        let shared = std::sync::Arc::new(shared);
        let cpu = |_| {
            let slots = (0..=samples).map(|_| Slot::default()).collect();
            CpuCounter::new(window, slots, shared.clone())
        };
        Self {
            clock: Clock::new(Wall::default()),
            cpus: (0..cpus).map(cpu).collect(),
            shared,
        }
    }

    /// A packet that comes when the deadline has passed.
    fn late(&self, cpu: usize, now_ns: u64) {
        self.cpus[cpu].count(&self.clock, moment(now_ns), 1, BYTES);
    }

    /// A packet that was added while a window ended.
    fn recount(&self, cpu: usize, now_ns: u64) {
        self.cpus[cpu].recount(&self.clock, moment(now_ns), 1, BYTES);
    }

    /// The fast path's addition.
    fn add(&self, cpu: usize) {
        let recent = &self.cpus[cpu].tally().recent;
        recent.fetch_add(recent_packet(1, BYTES), Ordering::Relaxed);
    }
}

/// A reader of both files.
struct Reader {
    collector: Collector,
    last: Option<Window>,
    frames: u64,
    position: Position,
    history_frames: u64,
}

impl Reader {
    fn new(counter: &Counter) -> Self {
        Self {
            collector: collector(counter.cpus.len(), 1),
            last: None,
            frames: 0,
            position: Position::default(),
            history_frames: 0,
        }
    }

    /// Looks, and says how many frames there were.
    fn look(&mut self, counter: &Counter, now_ns: u64) -> u64 {
        let cpus = &counter.cpus[..];
        self.collector.collect(&counter.shared, &cpus, &At(now_ns));
        let totals = self.collector.standing().totals;
        assert_eq!(totals.bytes, totals.frames * BYTES, "a look of two moments");
        totals.frames
    }

    fn take(&mut self) -> Option<Taken> {
        let mut rows = [Taken::default()];
        let count = self.collector.take_rows(self.last, &mut rows);
        let [taken] = rows;
        if count == 0 {
            return None;
        }
        assert_ne!(taken.frames, 0, "a row without a frame");
        assert_eq!(taken.bytes, taken.frames * BYTES, "a row of two moments");
        let follows = |last: Window| last.is_before(taken.window);
        assert!(self.last.is_none_or(follows), "out of order");
        self.last = Some(taken.window);
        self.frames += taken.frames;
        Some(taken)
    }

    /// Reads all that there is, which no row goes beyond.
    fn read(&mut self, counter: &Counter, now_ns: u64) {
        let seen = self.look(counter, now_ns);
        while self.take().is_some() {
            assert!(self.frames <= seen, "more than there was");
        }
        let mut rows = [Taken::default()];
        while self.collector.read_rows(&mut self.position, &mut rows) != 0 {
            self.history_frames += rows[0].frames;
        }
        assert!(self.history_frames <= seen, "more than there was");
    }

    /// Nobody counts any more: what there was is what comes out.
    fn finish(&mut self, counter: &Counter, frames: u64) {
        self.read(counter, LATE_NS);
        assert_eq!(self.frames, frames, "conservation");
        assert_eq!(self.history_frames, frames, "conservation");
        assert_eq!(self.look(counter, LATE_NS), frames);
        assert_eq!(self.collector.standing().queued, 0);
    }
}

/// Tries every interleaving of `claim` with so many preemptions; fewer than `least` of them, and
/// its threads do not meet as they should.
fn explore(least: u64, preemptions: usize, claim: impl Fn() + Sync + Send + 'static) {
    let began = std::time::Instant::now();
    let explored = std::sync::Arc::new(AtomicU64::new(0));
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check({
        let explored = explored.clone();
        move || {
            explored.fetch_add(1, Real::Relaxed);
            claim();
        }
    });
    let (explored, took) = (explored.load(Real::Relaxed), began.elapsed());
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    println!("{name}: {explored} interleavings, {preemptions} preemptions at most, {took:?}");
    assert!(explored >= least, "explored {explored}, not {least}");
}

/// Packets at `before` have been counted when a CPU counts those at `times` and a reader reads at
/// `reads`; in the end all is read.
fn one_cpu(
    least: u64,
    preemptions: usize,
    samples: usize,
    before: &'static [u64],
    times: &'static [u64],
    reads: &'static [u64],
) {
    explore(least, preemptions, move || {
        let counter = Arc::new(Counter::new(1, samples));
        before.iter().for_each(|&now_ns| counter.late(0, now_ns));
        let cpu = thread::spawn({
            let counter = counter.clone();
            move || times.iter().for_each(|&now_ns| counter.late(0, now_ns))
        });
        let mut reader = Reader::new(&counter);
        reads
            .iter()
            .for_each(|&now_ns| reader.read(&counter, now_ns));
        cpu.join().unwrap();
        reader.finish(&counter, (before.len() + times.len()) as u64);
    });
}

#[test]
fn a_look_is_of_one_moment_and_never_goes_back() {
    explore(500, 2, || {
        let counter = Arc::new(Counter::new(1, 1));
        let cpu = thread::spawn({
            let counter = counter.clone();
            move || {
                counter.late(0, 1);
                counter.add(0);
            }
        });
        let mut reader = Reader::new(&counter);
        let first = reader.look(&counter, 5);
        let second = reader.look(&counter, 5);
        assert!(first <= second && second <= 2);
        cpu.join().unwrap();
        assert_eq!(reader.look(&counter, 5), 2);
    });
}

#[test]
fn every_frame_comes_out_once() {
    one_cpu(5_000, 3, 2, &[1], &[11], &[15]);
}

#[test]
fn every_frame_comes_out_once_of_a_fifo_that_is_full() {
    one_cpu(5_000, 3, 1, &[1, 11], &[21], &[15]);
}

#[test]
fn a_slot_is_not_written_before_it_was_read() {
    one_cpu(3_000, 1, 1, &[1, 11], &[21, 31], &[25]);
}

#[test]
fn what_is_counted_after_its_window_was_read_comes_later() {
    one_cpu(5_000, 2, 2, &[1], &[2, 11], &[15]);
}

#[test]
fn a_packet_that_was_moved_is_counted_once() {
    explore(10_000, 3, || {
        let counter = Arc::new(Counter::new(1, 2));
        counter.late(0, 1);
        let cpu = thread::spawn({
            let counter = counter.clone();
            move || {
                // Added to a window that ended long ago, and found out.
                counter.add(0);
                counter.recount(0, 21);
            }
        });
        let mut reader = Reader::new(&counter);
        reader.read(&counter, 15);
        cpu.join().unwrap();
        reader.finish(&counter, 2);
    });
}

#[test]
fn what_the_collector_merged_comes_once_to_each_reader() {
    explore(1_000, 2, || {
        let counter = Arc::new(Counter::new(1, 1));
        let collector = Arc::new(Mutex::new(collector(1, 1)));
        let collect = |counter: &Counter, collector: &Mutex<Collector>, now_ns| {
            let cpus = &counter.cpus[..];
            let mut collector = collector.lock().unwrap();
            collector.collect(&counter.shared, &cpus, &At(now_ns));
        };
        counter.late(0, 1);
        let cpu = thread::spawn({
            let counter = counter.clone();
            move || counter.late(0, 11)
        });
        let work = thread::spawn({
            let (counter, collector) = (counter.clone(), collector.clone());
            move || collect(&counter, &collector, 15)
        });
        let (mut position, mut frames, mut read) = (Position::default(), 0, 0);
        let mut take = |collector: &Mutex<Collector>| {
            let mut collector = collector.lock().unwrap();
            let mut rows = [Taken::default()];
            while collector.take_rows(None, &mut rows) != 0 {
                frames += rows[0].frames;
            }
            while collector.read_rows(&mut position, &mut rows) != 0 {
                read += rows[0].frames;
            }
        };
        take(&collector);
        cpu.join().unwrap();
        work.join().unwrap();
        collect(&counter, &collector, LATE_NS);
        take(&collector);
        assert_eq!((frames, read), (2, 2), "conservation");
    });
}

#[test]
fn whoever_fills_a_fifo_has_wanted_the_collector() {
    explore(1_000, 1, || {
        let counter = Arc::new(Counter::new(1, 2));
        [1, 11].iter().for_each(|&now_ns| counter.late(0, now_ns));
        let cpu = thread::spawn({
            let counter = counter.clone();
            move || [21, 31].iter().for_each(|&now_ns| counter.late(0, now_ns))
        });
        let mut collector = collector(1, 1);
        // What was wanted by now is done here: the kernel has a task see what was stored before.
        let wanted = &counter.shared.timer().wanted;
        let done = wanted.fetch_add(0, Ordering::AcqRel);
        let cpus = &counter.cpus[..];
        collector.collect(&counter.shared, &cpus, &At(25));
        cpu.join().unwrap();
        let is_wanted = wanted.fetch_add(0, Ordering::AcqRel) != done;
        assert!(is_wanted || !counter.cpus[0].is_full(), "nobody comes");
    });
}

/// RCU, and the ticks.
#[derive(Default)]
struct Rcu {
    now: loom::sync::atomic::AtomicU64,
    grace_periods: loom::sync::atomic::AtomicU64,
    /// How many there had been when the packet began that is on its way, and one more; 0: none is.
    began: loom::sync::atomic::AtomicU64,
}

impl Host for Rcu {
    fn now(&self) -> Time {
        time(LATE_NS)
    }
    fn pause(&self) {}
    fn ticks(&self) -> u64 {
        LATE_NS
    }
    fn packets_now(&self) -> u64 {
        let periods = self.grace_periods.fetch_add(1, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        periods + 1
    }
    fn have_left(&self, packets: u64) -> bool {
        let began = self.began.load(Ordering::Acquire);
        began == 0 || began > packets
    }
}

impl Rcu {
    /// What the fast path does, in a read-side section as netfilter has it.
    fn packet(&self, counter: &Counter) {
        let periods = self.grace_periods.load(Ordering::Acquire);
        self.began.store(periods + 1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let ticks = self.now.load(Ordering::Relaxed);
        if counter.cpus[0].tally().is_in_time(ticks) {
            counter.add(0);
        } else {
            counter.late(0, ticks);
        }
        self.began.store(0, Ordering::Release);
    }
}

/// A packet comes while `look` looks; when it has gone, `check` gets what that returned.
fn beside_a_packet<T: 'static>(
    look: fn(&Counter, &Rcu, &mut Collector) -> T,
    check: fn(&Counter, &Rcu, &mut Collector, T),
) {
    explore(1_000, 2, move || {
        let counter = Arc::new(Counter::new(1, 1));
        counter.cpus[0].tally().set_span(10);
        let rcu = Arc::new(Rcu::default());
        let cpu = thread::spawn({
            let (counter, rcu) = (counter.clone(), rcu.clone());
            move || rcu.packet(&counter)
        });
        rcu.now.store(LATE_NS, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let mut collector = collector(1, 1);
        let seen = look(&counter, &rcu, &mut collector);
        cpu.join().unwrap();
        check(&counter, &rcu, &mut collector, seen);
    });
}

#[test]
fn an_idle_counter_hears_of_each_packet() {
    beside_a_packet(
        |counter, rcu, collector| {
            for _ in 0..4 {
                collector.collect(&counter.shared, &&counter.cpus[..], rcu);
            }
        },
        |counter, rcu, collector, ()| {
            collector.collect(&counter.shared, &&counter.cpus[..], rcu);
            assert_eq!(collector.standing().totals.frames, 1, "nobody looks");
        },
    );
}

#[test]
fn a_poller_hears_of_a_packet_that_was_stopped() {
    beside_a_packet(
        |counter, rcu, collector| {
            let started = &counter.shared.timer().started;
            // As often as it is woken, and not for ever: the last look is after the packet.
            for _ in 0..3 {
                started.store(0, Real::Relaxed);
                let is_ready = collector.poll_data(&counter.shared, &&counter.cpus[..], rcu, None);
                if is_ready || started.load(Real::Relaxed) == 0 {
                    return is_ready;
                }
            }
            false
        },
        |counter, _, _, is_ready| {
            let is_woken = counter.shared.timer().started.load(Real::Relaxed) != 0;
            assert!(is_ready || is_woken, "sleeps on");
        },
    );
}

#[test]
fn what_was_given_back_comes_again() {
    explore(500, 2, || {
        let counter = Arc::new(Counter::new(1, 1));
        counter.late(0, 1);
        let cpu = thread::spawn({
            let counter = counter.clone();
            move || counter.late(0, 11)
        });
        let mut reader = Reader::new(&counter);
        reader.look(&counter, 15);
        let taken = reader.take().unwrap();
        reader.collector.give_back(&[taken]);
        reader.frames -= taken.frames;
        reader.last = None;
        cpu.join().unwrap();
        reader.finish(&counter, 2);
    });
}

#[test]
fn a_window_is_one_row_of_all_cpus() {
    explore(2_000, 2, || {
        let counter = Arc::new(Counter::new(2, 1));
        let cpu = |cpu| {
            let counter = counter.clone();
            thread::spawn(move || counter.late(cpu, 1))
        };
        let cpus = [cpu(0), cpu(1)];
        let mut reader = Reader::new(&counter);
        reader.read(&counter, 5);
        assert_eq!(reader.frames, 0, "a row of a window that is open");
        cpus.into_iter().for_each(|cpu| cpu.join().unwrap());
        reader.look(&counter, LATE_NS);
        assert_eq!(reader.take().map(|taken| taken.frames), Some(2));
    });
}

#[test]
fn a_time_after_a_step_back_is_of_the_new_epoch() {
    explore(50, 5, || {
        let clock = Arc::new(Clock::new(Wall::default()));
        let line = |offset_ns| Line {
            offset_ns,
            ..Line::default()
        };
        clock.real().0.store(1_000, Ordering::Release);
        clock.set(line(1_000));
        let kernel = thread::spawn({
            let clock = clock.clone();
            move || {
                // The kernel's readers see its clock when the notifier has run: a sequence keeps them.
                clock.set(line(10));
                clock.real().0.store(10, Ordering::Release);
            }
        });
        let now = clock.now();
        let next = Time::default().epoch.next();
        assert!(now.ns == 1_000 || now.epoch == next, "{now:?}");
        kernel.join().unwrap();
        assert_eq!(clock.now().epoch, next);
    });
}

#[test]
fn nobody_is_inside_a_gate_that_was_closed_and_empty() {
    explore(10, 3, || {
        let gate = Arc::new(Gate::default());
        let inside = std::sync::Arc::new(AtomicU64::new(0));
        let reader = thread::spawn({
            let (gate, inside) = (gate.clone(), inside.clone());
            move || {
                if gate.enter() {
                    inside.fetch_add(1, Real::Relaxed);
                    thread::yield_now();
                    inside.fetch_sub(1, Real::Relaxed);
                    gate.leave();
                }
            }
        });
        if gate.close() {
            assert_eq!(inside.load(Real::Relaxed), 0, "still inside");
            assert!(!gate.enter(), "open again");
        }
        reader.join().unwrap();
        assert!(gate.close());
    });
}

#[test]
fn a_poller_sees_the_packet_or_is_woken() {
    explore(2_000, 3, || {
        let counter = Arc::new(Counter::new(1, 1));
        let cpu = thread::spawn({
            let counter = counter.clone();
            move || counter.late(0, 1)
        });
        let cpus = &counter.cpus[..];
        let mut collector = collector(1, 1);
        let is_ready = collector.poll_data(&counter.shared, &cpus, &At(5), None);
        assert!(!is_ready, "a row of a window that is open");
        cpu.join().unwrap();
        // By the poller, who saw the packet, or by the CPU, which saw the request.
        let alarm = counter.shared.timer().started.load(Real::Relaxed);
        assert_ne!(alarm, 0, "sleeps on");
    });
}

#[test]
fn the_clock_is_never_of_two_lines() {
    explore(1_000, 2, || {
        let line = |ticks, base_ns, offset_ns| Line {
            ticks,
            base_ns,
            offset_ns,
            mult: 1,
            goes_by_ticks: true,
            ..Line::default()
        };
        let clock = Arc::new(Clock::new(Wall::default()));
        clock.set(line(0, 2_000, 2_000));
        let kernel = thread::spawn({
            let clock = clock.clone();
            move || {
                clock.set(line(10, 1_000, 990));
                clock.set(Line::default());
            }
        });
        let first = Time::default().epoch;
        let at = clock
            .at(20)
            .map(|moment| (moment.time.ns, moment.time.epoch));
        let is_whole = at.is_none_or(|at| at == (2_020, first) || at == (1_010, first.next()));
        assert!(is_whole, "{at:?}");
        kernel.join().unwrap();
        assert!(clock.at(20).is_none());
    });
}

struct Locked(Mutex<Reports>);

impl Exclusive<Reports> for Locked {
    fn with<R>(&self, use_it: impl FnOnce(&mut Reports) -> R) -> R {
        use_it(&mut self.0.lock().unwrap())
    }
}

#[test]
fn cpus_that_report_to_each_other_are_never_early_and_late_by_an_eighth() {
    const MOST: u64 = 16;
    explore(50, 5, || {
        let reports = Locked(Mutex::new(Reports::default()));
        let most = MOST.try_into().unwrap();
        let threshold = Arc::new(Threshold::new(most, Unit::Packets, 2, reports));
        let window = Window::at(time(0), PERIOD_NS);
        // What both have counted, as nobody but the test knows.
        let carried = Arc::new(AtomicU64::new(0));
        let count = |packets: &'static [u64]| {
            let (threshold, carried) = (threshold.clone(), carried.clone());
            move || {
                let share = Share::new(u64::MAX);
                let (mut total, mut missed) = (0, 0);
                for packet in packets {
                    total += packet;
                    let before = carried.fetch_add(*packet, Real::SeqCst);
                    share.look(&threshold, window, total, *packet);
                    let now = carried.load(Real::SeqCst);
                    assert!(!share.is_above() || now > MOST, "early");
                    if !share.is_above() {
                        missed += (before + packet).saturating_sub(MOST.max(before));
                    }
                }
                missed
            }
        };
        let other = thread::spawn(count(&[7, 1, 1, 1]));
        let missed = count(&[8, 1, 1, 1])();
        let missed = missed + other.join().unwrap();
        assert!(missed <= MOST / 8, "{missed} late");
    });
}
