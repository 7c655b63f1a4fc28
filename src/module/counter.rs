// SPDX-License-Identifier: GPL-2.0-or-later
//! A counter: what rules count into and files show. It lives as long as a rule refers to it.

use crate::decimal::Writer;
use crate::kernel::clock::CLOCK;
use crate::kernel::error::{Error, Result};
use crate::kernel::log;
use crate::kernel::memory::{Arc, Array, Boxed};
use crate::kernel::mutex::{Guard, Mutex, Rank};
use crate::kernel::percpu::{possible_cpus, PerCpu};
use crate::kernel::spinlock::SpinLock;
use crate::kernel::sys;
use crate::kernel::timer::Timer;
use crate::kernel::work::Work;
use crate::rule::{Label, Rule};
use crate::stat::collector::{self, fifo_windows, unread_windows};
use crate::stat::cpu::{self, CpuCounter};
use crate::stat::drain::{Cpus, Cursor};
use crate::stat::fifo::Slot;
use crate::stat::gate::Gate;
use crate::stat::host;
use crate::stat::ring::{Closed, Position, Taken};
use crate::stat::threshold::{Reports, Share, Threshold};
use crate::stat::window::{Time, Window};
use crate::status::{Above, Status};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use core::ffi::c_void;
use core::mem::size_of;

/// How often the rows of one counter may be open at a time.
const OPENS_MAX: u32 = 1024;

/// What its CPUs share.
pub type Shared = cpu::Shared<Deferred>;
/// What it has on each CPU; a rule config carries the handle.
pub type Block = CpuCounter<Array<Slot>, Arc<Shared>>;
type Collector = collector::Collector<Array<Cursor>, Array<Closed>>;

/// A counter. All that changes in it is atomic or behind the mutex.
pub struct Counter {
    rule: Rule,
    memory: u64,
    /// How many rules refer to it, for `status`: the registry counts them.
    rules: AtomicU32,
    /// Those who read its files, and so may be kept waiting by a page for ever.
    readers: Gate,
    /// How often its rows are open.
    opens: AtomicU32,
    collector: Boxed<Mutex<Collector>>,
    blocks: PerCpu<Block>,
    shared: Arc<Shared>,
}

/// What a packet leaves to others.
pub struct Deferred {
    timer: Timer,
    collection: Work,
}

impl cpu::Timer for Deferred {
    type Lock = SpinLock<Reports>;

    fn start(&self, in_ns: u64) {
        self.timer.start(in_ns);
    }

    fn collect(&self) {
        self.collection.start();
    }
}

/// The kernel, to the collector.
struct Host;

impl host::Host for Host {
    fn now(&self) -> Time {
        CLOCK.now()
    }

    fn pause(&self) {
        // SAFETY: process context, and nothing but mutexes is held.
        unsafe { sys::pktstat_shim_cond_resched() };
    }

    fn ticks(&self) -> u64 {
        // SAFETY: any context, and no argument.
        unsafe { sys::pktstat_shim_ticks() }
    }

    fn packets_now(&self) -> u64 {
        // SAFETY: any context, and no argument.
        unsafe { sys::pktstat_shim_rcu_start() }
    }

    fn have_left(&self, packets: u64) -> bool {
        // SAFETY: any context, and what the other one returned.
        unsafe { sys::pktstat_shim_rcu_is_over(packets) }
    }
}

impl Cpus for PerCpu<Block> {
    type Slots = Array<Slot>;
    type Link = Arc<Shared>;
    fn each(&self) -> impl Iterator<Item = &Block> {
        self.iter()
    }

    fn get(&self, number: usize) -> Option<&Block> {
        self.get(number)
    }
}

/// How many slots a CPU's FIFO has: full and empty differ.
fn slot_count(rule: &Rule) -> usize {
    (fifo_windows(rule.period_ns, rule.samples.get()) as usize).wrapping_add(1)
}

/// Not inlined: it is large, and would be on the stack of [`Counter::new`].
#[inline(never)]
fn new_collector(samples: u32) -> Result<Boxed<Mutex<Collector>>> {
    let cursors = Array::new(possible_cpus().count(), -1)?;
    let unread = Array::new(unread_windows(samples), -1)?;
    let history = Array::new(samples as usize, -1)?;
    let collector = Collector::new(cursors, unread, history);
    Boxed::new(Mutex::new(Rank::Collector, collector)?)
}

fn new_shared(rule: &Rule, deferred: Deferred) -> Result<Shared> {
    let shared = Shared::new(rule.period_ns, rule.wire, deferred);
    let Some(rate) = rule.above else {
        return Ok(shared);
    };
    let most = rate.per_period(rule.period_ns).ok_or(Error::EINVAL)?;
    let reports = SpinLock::new(Reports::default())?;
    let threshold = Threshold::new(most, rate.unit, possible_cpus().count(), reports);
    Ok(shared.above(threshold))
}

impl Counter {
    /// How many bytes a counter of this rule takes.
    pub fn size(rule: &Rule) -> u64 {
        let own = const { size_of::<Self>() + size_of::<Shared>() + size_of::<Mutex<Collector>>() };
        let cpus = possible_cpus().count() as u64;
        collector::memory(rule.period_ns, rule.samples.get(), cpus)
            .saturating_add(PerCpu::<Block>::size())
            .saturating_add(own as u64)
    }

    /// A counter without files. `rule.label` says which it is, so not `Any`.
    #[inline(never)]
    pub fn new(rule: &Rule) -> Result<Arc<Self>> {
        let (period_ns, samples) = (rule.period_ns, rule.samples.get());
        let deferred = Deferred {
            timer: Timer::new()?,
            collection: Work::new()?,
        };
        let shared = Arc::new(new_shared(rule, deferred)?)?;
        let window = Window::at(CLOCK.now(), period_ns);
        let blocks = PerCpu::new(|cpu| {
            let slots = Array::new(slot_count(rule), cpu)?;
            Ok(CpuCounter::new(window, slots, shared.clone()))
        })?;
        let counter = Arc::new(Self {
            rule: *rule,
            memory: Self::size(rule),
            rules: AtomicU32::new(0),
            readers: Gate::default(),
            opens: AtomicU32::new(0),
            collector: new_collector(samples)?,
            blocks,
            shared,
        })?;
        let target = (&raw const *counter).cast::<c_void>();
        // SAFETY: no packet has a way to it yet. The counter does not move, and cancels the work
        // when it is dropped, which is when no packet has a way to it any more.
        unsafe { counter.shared.timer().collection.set_target(target) };
        Ok(counter)
    }

    /// The rule that made it, with its own name or number.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// What a rule config carries.
    pub fn handle(&self) -> u64 {
        self.blocks.handle() as u64
    }

    /// How many rules `status` says there are.
    pub fn set_rules(&self, rules: u32) {
        self.rules.store(rules, Ordering::Relaxed);
    }

    /// See [`Gate`].
    pub fn readers(&self) -> &Gate {
        &self.readers
    }

    /// Writes its name or number.
    pub fn write_label(&self, writer: &mut Writer<'_>) {
        match &self.rule.label {
            Label::Name(name) => writer.bytes(name.as_bytes()),
            Label::Id(id) => writer.number((*id).into()),
            Label::Any => {}
        }
    }

    /// Who waits for its rows, and what wakes them.
    pub fn timer(&self) -> &Timer {
        &self.shared.timer().timer
    }

    /// Counts an open file, unless there are too many.
    pub fn open(&self) -> Result {
        let open = |opens: u32| (opens < OPENS_MAX).then(|| opens.wrapping_add(1));
        let opened = self
            .opens
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, open);
        opened.map(|_| ()).map_err(|_| {
            log::warn(|line| {
                line.bytes(b"counter ");
                self.write_label(line);
                line.bytes(b" is open ");
                line.number(OPENS_MAX.into());
                line.bytes(b" times, and no more are allowed");
            });
            Error::ENOSPC
        })
    }

    /// The end of what [`Counter::open`] counted.
    pub fn close(&self) {
        self.opens.fetch_sub(1, Ordering::Relaxed);
    }

    /// Collects what its CPUs have closed.
    pub fn collect(&self) {
        drop(self.collected());
    }

    /// The collector, with all that was counted by now.
    fn collected(&self) -> Guard<'_, Collector> {
        let mut collector = self.collector.lock();
        collector.collect(&self.shared, &self.blocks, &Host);
        collector
    }

    /// The collector for a reader. `collect`: with what has closed meanwhile too.
    fn ended(&self, collect: bool) -> Guard<'_, Collector> {
        let mut collector = self.collector.lock();
        if collect {
            collector.collect_ended(&self.shared, &self.blocks, &Host);
        }
        collector
    }

    /// Rows of `data`: see [`collector::Collector::take_rows`]. `collect`: what has closed meanwhile too.
    pub fn take_rows(&self, collect: bool, last: Option<Window>, rows: &mut [Taken]) -> usize {
        self.ended(collect).take_rows(last, rows)
    }

    /// See [`collector::Collector::give_back`].
    pub fn give_back(&self, rows: &[Taken]) {
        self.collector.lock().give_back(rows);
        self.timer().wake();
    }

    /// See [`collector::Collector::poll_data`].
    pub fn poll_data(&self, last: Option<Window>) -> bool {
        let mut collector = self.collector.lock();
        collector.poll_data(&self.shared, &self.blocks, &Host, last)
    }

    /// Where an open `history` begins.
    pub fn oldest(&self) -> Position {
        self.collected().oldest()
    }

    /// Rows of `history`: see [`collector::Collector::read_rows`]. `collect`: what has closed meanwhile too.
    pub fn read_rows(&self, collect: bool, position: &mut Position, rows: &mut [Taken]) -> usize {
        self.ended(collect).read_rows(position, rows)
    }

    /// See [`collector::Collector::poll_history`].
    pub fn poll_history(&self, position: &Position) -> bool {
        let mut collector = self.collector.lock();
        collector.poll_history(&self.shared, &self.blocks, &Host, position)
    }

    /// What its file says.
    pub fn status(&self) -> Status {
        let standing = self.collected().standing();
        let matched = |word: fn(&Share) -> &AtomicU64| {
            let words = self.blocks.iter().map(|block| word(block.share()));
            words.fold(0_u64, |sum, word| {
                sum.wrapping_add(word.load(Ordering::Relaxed))
            })
        };
        Status {
            period_ns: self.rule.period_ns.get(),
            samples: self.rule.samples.get().into(),
            wire: self.rule.wire,
            rules: self.rules.load(Ordering::Relaxed).into(),
            frames: standing.totals.frames,
            bytes: standing.totals.bytes,
            queued: standing.queued,
            merged: standing.merged,
            memory: self.memory,
            above: self.rule.above.map(|rate| Above {
                rate,
                matched_frames: matched(|share| &share.matched_frames),
                matched_bytes: matched(|share| &share.matched_bytes),
            }),
        }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.shared.timer().collection.cancel();
    }
}
