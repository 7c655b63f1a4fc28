// SPDX-License-Identifier: GPL-2.0-or-later
//! What counting a packet costs on this machine, in ns, on one CPU and on two at once.
//!
//! The accounting core is the module's own (`stat::cpu`), with the fast path's steps in Rust,
//! against what one would write without it: a FIFO behind a spinlock, which is what the xt_pktstat
//! of 2011 did, and atomics that the CPUs share. So is kstat (`kstat::steps`, `kstat::bank`), against
//! tickets that all CPUs take from one word. Threads are pinned, start together, and a measurement
//! counts only if they overlapped and nobody took a CPU away.

use criterion::{criterion_group, criterion_main, Criterion};
use std::arch::x86_64::_rdtsc;
use std::cell::UnsafeCell;
use std::hint::{black_box, spin_loop};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use std::sync::Arc;
use std::time::{Duration, Instant};
use xt_pktstat::kstat::bank::Bank;
use xt_pktstat::kstat::flow::{Flow, Secret};
use xt_pktstat::kstat::step_size::StepSize;
use xt_pktstat::kstat::steps::{Block as Tickets, Buffer, Placement, Pool, Steps, Ticket};
use xt_pktstat::kstat::table::{slots, FlowRow, Memory};
use xt_pktstat::stat::clock::{Clock as WallClock, Line, RealTime};
use xt_pktstat::stat::cpu::{self, CpuCounter, Timer};
use xt_pktstat::stat::fifo::Slot;
use xt_pktstat::stat::tally::recent_packet;
use xt_pktstat::stat::window::Window;
use xt_pktstat::sync::Exclusive;

const PERIOD_NS: u64 = 1_000_000;
const LEN: u64 = 128;
/// Packets in one measurement: short enough to fall between two time slices.
const BATCH: u64 = 50_000;
const OVERLAP: f64 = 0.9;

fn ticks() -> u64 {
    // SAFETY: any x86_64 has it.
    unsafe { _rdtsc() }
}

fn realtime_ns() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

fn ticks_per_ns() -> f64 {
    let (began, first) = (Instant::now(), ticks());
    while began.elapsed() < Duration::from_millis(50) {}
    (ticks() - first) as f64 / began.elapsed().as_nanos() as f64
}

/// Something that counts packets, on the thread of this number.
trait Design: Sync {
    fn packet(&self, thread: usize, len: u64);
}

struct Clock(fn() -> u64);

impl Design for Clock {
    fn packet(&self, _: usize, _: u64) {
        black_box((self.0)());
    }
}

/// Nobody polls or collects.
struct NoTimer;

impl Timer for NoTimer {
    type Lock = std::convert::Infallible;
    fn start(&self, _in_ns: u64) {}
    fn collect(&self) {}
}

type Block = CpuCounter<Vec<Slot>, Arc<cpu::Shared<NoTimer>>>;

/// The kernel's clock.
struct Realtime;

impl RealTime for Realtime {
    fn now_ns(&self) -> u64 {
        realtime_ns()
    }
}

struct PerCpu {
    blocks: [Block; 2],
    clock: WallClock<Realtime>,
    /// Whether the TSC is to be trusted. Where not, each packet asks for the time.
    ticks_stable: bool,
}

impl PerCpu {
    fn new(khz: Option<u32>) -> Self {
        let period_ns = NonZeroU64::new(PERIOD_NS).unwrap();
        let clock = WallClock::new(Realtime);
        clock.set(Line {
            mult: 1 << 20,
            nominal_mult: 1 << 20,
            shift: 20,
            khz: khz.unwrap_or(0),
            ..Line::default()
        });
        let shared = Arc::new(cpu::Shared::new(period_ns, false, NoTimer));
        let block = || {
            let slots = (0..65).map(|_| Slot::default()).collect();
            CpuCounter::new(Window::default(), slots, shared.clone())
        };
        Self {
            blocks: [block(), block()],
            clock,
            ticks_stable: khz.is_some(),
        }
    }

    #[cold]
    fn roll_over(&self, block: &Block, ticks: u64, len: u64) {
        block.count(&self.clock, self.clock.moment(ticks), 1, len);
    }
}

impl Design for PerCpu {
    #[inline(always)]
    fn packet(&self, thread: usize, len: u64) {
        let block = &self.blocks[thread];
        if !self.ticks_stable {
            return self.roll_over(block, 0, len);
        }
        let tally = block.tally();
        let now = ticks();
        let base = tally.base_ticks.load(Relaxed);
        if now.wrapping_sub(base) >= tally.span_ticks.load(Relaxed) {
            return self.roll_over(block, now, len);
        }
        // The kernel's is one instruction, without a lock: only this thread adds.
        let recent = tally.recent.load(Relaxed);
        tally
            .recent
            .store(recent + recent_packet(1, len), Relaxed);
    }
}

/// The design of 2011: one context for all CPUs, a spinlock around it.
struct Locked {
    clock: fn() -> u64,
    period: u64,
    lock: AtomicBool,
    open: UnsafeCell<Open>,
}

struct Open {
    end: u64,
    frames: u64,
    bytes: u64,
    fifo: [(u64, u64, u64); 64],
    at: usize,
}

// SAFETY: `open` is touched by the holder of the lock alone.
unsafe impl Sync for Locked {}

impl Locked {
    fn new(clock: fn() -> u64, period: u64) -> Self {
        let open = Open {
            end: 0,
            frames: 0,
            bytes: 0,
            fifo: [(0, 0, 0); 64],
            at: 0,
        };
        Self {
            clock,
            period,
            lock: AtomicBool::new(false),
            open: UnsafeCell::new(open),
        }
    }
}

impl Design for Locked {
    #[inline(always)]
    fn packet(&self, _: usize, len: u64) {
        let now = (self.clock)();
        while self.lock.swap(true, Acquire) {
            while self.lock.load(Relaxed) {
                spin_loop();
            }
        }
        // SAFETY: we have the lock.
        let open = unsafe { &mut *self.open.get() };
        if now >= open.end {
            open.fifo[open.at % 64] = (open.end, open.frames, open.bytes);
            open.at += 1;
            open.end = now - now % self.period + self.period;
        }
        open.frames += 1;
        open.bytes += len;
        self.lock.store(false, Release);
    }
}

/// Windows that all CPUs add to.
struct Shared {
    clock: fn() -> u64,
    period: u64,
    windows: [(AtomicU64, AtomicU64, AtomicU64); 64],
}

impl Shared {
    fn new(clock: fn() -> u64, period: u64) -> Self {
        Self {
            clock,
            period,
            windows: std::array::from_fn(|_| Default::default()),
        }
    }
}

impl Design for Shared {
    #[inline(always)]
    fn packet(&self, _: usize, len: u64) {
        let index = (self.clock)() / self.period;
        let window = &self.windows[index as usize % 64];
        if window.0.load(Relaxed) != index {
            window.0.store(index, Relaxed);
        }
        window.1.fetch_add(1, Relaxed);
        window.2.fetch_add(len, Relaxed);
    }
}

/// kstat: a flow on each CPU, and nobody reads.
struct Kstat<Take> {
    take: Take,
    banks: [UnsafeCell<Bank<Heap>>; 2],
}

// SAFETY: a bank is touched by its thread alone.
unsafe impl<Take: Sync> Sync for Kstat<Take> {}

struct Heap;

impl Memory for Heap {
    type Array<T> = Vec<T>;
}

/// How a packet takes its place.
trait Takes: Sync {
    fn at_once(&self) -> Option<Placement>;
    fn with_ticket(&self, thread: usize) -> Placement;
}

/// As the module does it.
struct Blocks(Steps<Spin<Pool>, [Tickets; 2]>);

impl Takes for Blocks {
    #[inline(always)]
    fn at_once(&self) -> Option<Placement> {
        self.0.take_without_ticket()
    }

    fn with_ticket(&self, thread: usize) -> Placement {
        self.0.take(thread)
    }
}

/// In memory of its own, as the module's is.
struct Spin<T>(Box<Locking<T>>);

#[repr(align(64))]
struct Locking<T> {
    locked: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is touched by the holder of the lock alone.
unsafe impl<T: Send> Sync for Spin<T> {}

impl<T> Exclusive<T> for Spin<T> {
    fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> R {
        let Locking { locked, value } = &*self.0;
        while locked.swap(true, Acquire) {
            while locked.load(Relaxed) {
                spin_loop();
            }
        }
        // SAFETY: we have the lock.
        let result = use_it(unsafe { &mut *value.get() });
        locked.store(false, Release);
        result
    }
}

/// Each ticket from a word that all CPUs share.
struct OneWord {
    size: NonZeroU64,
    taken: AtomicU64,
}

impl Takes for OneWord {
    #[inline(always)]
    fn at_once(&self) -> Option<Placement> {
        None
    }

    fn with_ticket(&self, _: usize) -> Placement {
        let step = 1 + self.taken.fetch_add(1, AcqRel) / self.size;
        Placement {
            buffer: Buffer::Even,
            ticket: Some(Ticket { step }),
        }
    }
}

impl<Take: Takes> Kstat<Take> {
    fn new(take: Take) -> Self {
        const ROWS: usize = 4096;
        let bank = || {
            let (index, rows) = (vec![0; slots(ROWS)], vec![FlowRow::default(); ROWS]);
            UnsafeCell::new(Bank::new(Secret::new([3; 9]), index, rows).unwrap())
        };
        Self {
            take,
            banks: [bank(), bank()],
        }
    }

    #[inline(always)]
    fn count(&self, placement: Placement, thread: usize, flow: &Flow, len: u64) {
        black_box(placement.buffer);
        // SAFETY: this thread's own.
        let bank = unsafe { &mut *self.banks[thread].get() };
        bank.packet(flow, placement.ticket, len as u32);
    }

    #[inline(never)]
    fn with_ticket(&self, thread: usize, flow: Flow, len: u64) {
        self.count(self.take.with_ticket(thread), thread, &flow, len);
    }
}

impl Kstat<Blocks> {
    fn blocks(counter: u64) -> Self {
        let counter = StepSize::parse(counter.to_string().as_bytes()).unwrap();
        let pool = Spin(Box::new(Locking {
            locked: AtomicBool::new(false),
            value: UnsafeCell::new(Pool::new(counter)),
        }));
        Self::new(Blocks(Steps::new(counter, pool, Default::default())))
    }
}

impl Kstat<OneWord> {
    fn one_word(counter: u64) -> Self {
        Self::new(OneWord {
            size: NonZeroU64::new(counter).unwrap(),
            taken: AtomicU64::new(0),
        })
    }
}

impl<Take: Takes> Design for Kstat<Take> {
    #[inline(always)]
    fn packet(&self, thread: usize, len: u64) {
        let addresses = black_box(0x0200_090a_0100_090a + thread as u64);
        let flow = Flow::v4(17, addresses, [0x3068_7465, 0]);
        match self.take.at_once() {
            Some(placement) => self.count(placement, thread, &flow, len),
            None => self.with_ticket(thread, flow, len),
        }
    }
}

fn pin(cpu: usize) {
    // SAFETY: a set of zeros is an empty one.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, std::mem::size_of_val(&set), &set);
    }
}

/// How often this thread lost its CPU.
fn interruptions() -> i64 {
    // SAFETY: plain numbers.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_THREAD, &mut usage);
        usage.ru_nivcsw
    }
}

/// One batch on each thread: ns a packet, or None where it says nothing.
fn batch<D: Design>(design: &D, threads: usize, per_ns: f64) -> Option<f64> {
    let ready = AtomicUsize::new(0);
    let times: Vec<(u64, u64, bool)> = std::thread::scope(|scope| {
        let run = |thread| {
            let ready = &ready;
            move || {
                pin(thread);
                ready.fetch_add(1, SeqCst);
                while ready.load(SeqCst) < threads {
                    std::thread::yield_now();
                }
                for _ in 0..1000 {
                    design.packet(thread, black_box(LEN));
                }
                let lost = interruptions();
                let began = ticks();
                for _ in 0..BATCH {
                    design.packet(thread, black_box(LEN));
                }
                (began, ticks(), interruptions() == lost)
            }
        };
        let handles: Vec<_> = (0..threads).map(|n| scope.spawn(run(n))).collect();
        handles.into_iter().map(|h| h.join().unwrap()).collect()
    });
    let first = times.iter().map(|t| t.0).min()?;
    let last = times.iter().map(|t| t.1).max()?;
    let both = times
        .iter()
        .map(|t| t.1)
        .min()?
        .saturating_sub(times.iter().map(|t| t.0).max()?);
    let calm = times.iter().all(|t| t.2);
    let sum: u64 = times.iter().map(|t| t.1 - t.0).sum();
    (calm && both as f64 >= OVERLAP * (last - first) as f64)
        .then(|| sum as f64 / threads as f64 / BATCH as f64 / per_ns)
}

fn measure<D: Design>(c: &mut Criterion, name: &str, make: impl Fn() -> D, per_ns: f64) {
    let mut group = c.benchmark_group(name);
    for threads in 1..=2 {
        let design = make();
        group.bench_function(format!("{threads} CPU"), |b| {
            b.iter_custom(|iterations| {
                // An iteration is a batch. A busy machine lets few of them through.
                let calm = || (0..2000).find_map(|_| batch(&design, threads, per_ns));
                let ns: f64 = (0..iterations)
                    .map(|_| calm().expect("threads that overlap and are not interrupted"))
                    .sum();
                Duration::from_nanos((ns * BATCH as f64) as u64)
            })
        });
    }
    group.finish();
}

fn packet(c: &mut Criterion) {
    let per_ns = ticks_per_ns();
    let khz = (per_ns * 1e6) as u32;
    let period_ticks = (per_ns * PERIOD_NS as f64) as u64;
    measure(c, "clock/tsc", || Clock(ticks), per_ns);
    measure(c, "clock/realtime", || Clock(realtime_ns), per_ns);
    measure(
        c,
        "pktstat/tsc",
        || PerCpu::new(Some(khz)),
        per_ns,
    );
    measure(c, "pktstat/realtime", || PerCpu::new(None), per_ns);
    measure(
        c,
        "atomics/tsc",
        || Shared::new(ticks, period_ticks),
        per_ns,
    );
    measure(
        c,
        "atomics/realtime",
        || Shared::new(realtime_ns, PERIOD_NS),
        per_ns,
    );
    measure(
        c,
        "spinlock/tsc",
        || Locked::new(ticks, period_ticks),
        per_ns,
    );
    measure(
        c,
        "spinlock/realtime",
        || Locked::new(realtime_ns, PERIOD_NS),
        per_ns,
    );
    for counter in [1, 10, 1000] {
        let name = format!("kstat/{counter}");
        measure(c, &name, || Kstat::blocks(counter), per_ns);
        if counter != 1 {
            let name = format!("kstat_one_word/{counter}");
            measure(c, &name, || Kstat::one_word(counter), per_ns);
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    targets = packet
}
criterion_main!(benches);
