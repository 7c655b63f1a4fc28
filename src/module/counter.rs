// SPDX-License-Identifier: GPL-2.0-or-later
//! A counter: what rules count into and files show. It lives as long as a rule refers to it.

use crate::decimal::Writer;
use crate::kernel::clock::CLOCK;
use crate::kernel::error::Result;
use crate::kernel::memory::{Arc, Array};
use crate::kernel::mutex::{Mutex, Rank};
use crate::kernel::percpu::{possible_cpus, PerCpu};
use crate::kernel::timer::Timer;
use crate::rule::{Label, Rule};
use crate::stat::cpu::{self, CpuCounter, Timer as _};
use crate::stat::drain::{Cpus, Cursor, Taken};
use crate::stat::fifo::Slot;
use crate::stat::gate::Gate;
use crate::stat::reading::Reading;
use crate::stat::window::Window;
use crate::status::Status;
use crate::sync::{AtomicU32, Ordering};

/// What its CPUs share.
pub type Shared = cpu::Shared<Timer>;
/// What it has on each CPU; a rule config carries the handle.
pub type Block = CpuCounter<Array<Slot>, Arc<Shared>>;

/// A counter. All that changes in it is atomic or behind the mutex.
pub struct Counter {
    rule: Rule,
    memory: u64,
    /// How many rules refer to it, for `status`: the registry counts them.
    rules: AtomicU32,
    /// Those who read its files, and so may be kept waiting by a page for ever.
    readers: Gate,
    reading: Mutex<Reading<Array<Cursor>>>,
    blocks: PerCpu<Block>,
    shared: Arc<Shared>,
}

impl Cpus for PerCpu<Block> {
    type Slots = Array<Slot>;
    type Link = Arc<Shared>;
    fn each(&self) -> impl Iterator<Item = &Block> {
        self.iter()
    }
}

/// How many slots a FIFO of `samples` windows has: full and empty differ.
fn slot_count(samples: u32) -> usize {
    (samples as usize).wrapping_add(1)
}

impl Counter {
    /// How many bytes a counter of this rule takes.
    pub fn size(rule: &Rule) -> u64 {
        let own = const { core::mem::size_of::<Self>() + core::mem::size_of::<Shared>() };
        let each = Array::<Cursor>::size(1)
            .saturating_add(Array::<Slot>::size(slot_count(rule.samples.get())));
        (possible_cpus().count() as u64)
            .saturating_mul(each)
            .saturating_add(PerCpu::<Block>::size())
            .saturating_add(own as u64)
    }

    /// A counter without files. `rule.label` says which it is, so not `Any`.
    #[inline(never)]
    pub fn new(rule: &Rule) -> Result<Self> {
        let (period_ns, samples) = (rule.period_ns, rule.samples.get());
        let shared = Shared::new(period_ns, rule.wire, Timer::new()?);
        let shared = Arc::new(shared)?;
        let window = Window::at(CLOCK.now(), period_ns);
        let blocks = PerCpu::new(|cpu| {
            let slots = Array::new(slot_count(samples), cpu)?;
            Ok(CpuCounter::new(window, slots, shared.clone()))
        })?;
        let cursors = Array::new(possible_cpus().count(), -1)?;
        Ok(Self {
            rule: *rule,
            memory: Self::size(rule),
            rules: AtomicU32::new(0),
            readers: Gate::default(),
            reading: Mutex::new(Rank::Reading, Reading::new(cursors))?,
            blocks,
            shared,
        })
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
        self.shared.timer()
    }

    /// See [`Reading::take_rows`].
    pub fn take_rows(&self, look: bool, last: Option<Window>, rows: &mut [Taken]) -> usize {
        let mut reading = self.reading.lock();
        let now = look.then(|| CLOCK.now());
        reading.take_rows(&self.shared, &self.blocks, now, last, rows)
    }

    /// See [`Reading::give_back`].
    pub fn give_back(&self, rows: &[Taken]) {
        self.reading.lock().give_back(rows);
        self.timer().wake();
    }

    /// See [`Reading::poll`].
    pub fn poll(&self, last: Option<Window>) -> bool {
        let mut reading = self.reading.lock();
        reading.poll(&self.shared, &self.blocks, || CLOCK.now(), last)
    }

    /// What its file says.
    pub fn status(&self) -> Status {
        let mut reading = self.reading.lock();
        let standing = reading.standing(&self.shared, &self.blocks, CLOCK.now());
        Status {
            period_ns: self.rule.period_ns.get(),
            samples: self.rule.samples.get().into(),
            wire: self.rule.wire,
            rules: self.rules.load(Ordering::Relaxed).into(),
            frames: standing.totals.frames,
            bytes: standing.totals.bytes,
            queued: standing.queued,
            merged: standing.totals.merged,
            memory: self.memory,
        }
    }
}
