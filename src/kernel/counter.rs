// SPDX-License-Identifier: GPL-2.0-or-later
//! A counter: what rules count into and files show. It lives as long as a rule refers to it.

use super::clock::{now_ns, ticks_khz, Moment};
use super::error::Result;
use super::memory::{Array, Boxed};
use super::mutex::{Mutex, Rank};
use super::net::Net;
use super::percpu::{Block, Blocks, Handle};
use super::proc::{Dir, Owner};
use super::sys;
use super::timer::Timer;
use crate::rule::{Label, Rule};
use crate::stat::bell::Bell;
use crate::stat::drain::{Cpu, Cpus, Cursor, Drain, Taken};
use crate::stat::tally::Closing;
use crate::stat::ticks::Ticks;
use crate::stat::window::{Run, Runs, Window};
use crate::status::Status;
use crate::sync::{AtomicU32, Ordering};
use core::num::NonZeroU64;
use core::ptr::NonNull;

/// What the packet path needs when a window turns.
pub struct Shared {
    period_ns: NonZeroU64,
    wire: bool,
    ticks: Ticks,
    runs: Runs,
    /// Rung by pollers for whom no timer is set.
    bell: Bell,
    timer: Timer,
    /// The counter itself, for [`super::net`].
    counter: NonNull<Counter>,
}

impl Shared {
    /// The counter whose part it is.
    pub fn counter(&self) -> NonNull<Counter> {
        self.counter
    }

    /// Whether GSO packets count as their segments.
    pub fn wire(&self) -> bool {
        self.wire
    }

    fn closing<'a>(&'a self, block: &'a Block) -> Closing<'a, Block> {
        Closing {
            period_ns: self.period_ns,
            runs: &self.runs,
            slots: block,
            tail: &block.tail,
        }
    }

    /// Counts `frames` and `bytes` on this CPU's block, turning its window if it has ended, and
    /// sets the fast path's deadline. False, and nothing is counted, where the clock was stepped
    /// back: then [`Shared::count`]. Interrupts are off.
    #[inline(always)]
    pub fn count_onward(&self, block: &Block, moment: Moment, frames: u64, bytes: u64) -> bool {
        let closing = self.closing(block);
        block.tally.set_base(moment.ticks);
        let rest_ns = block
            .tally
            .count_onward(&closing, moment.now_ns, frames, bytes);
        rest_ns.is_some_and(|rest_ns| {
            self.set_span(block, moment, rest_ns);
            true
        })
    }

    /// The same, whatever the clock did.
    pub fn count(&self, block: &Block, moment: Moment, frames: u64, bytes: u64) {
        let closing = self.closing(block);
        let rest_ns = block.tally.count(&closing, moment.now_ns, frames, bytes);
        block.tally.set_base(moment.ticks);
        self.set_span(block, moment, rest_ns);
    }

    /// Sees to it that a packet of `bytes`, which is in this CPU's tally already, counts in the
    /// window that is open. Interrupts are off.
    pub fn settle(&self, block: &Block, moment: Moment, bytes: u64) {
        let closing = self.closing(block);
        let Moment { ticks, now_ns, .. } = moment;
        if let Some(rest_ns) = block.tally.settle(&closing, ticks, now_ns, bytes) {
            block.tally.set_base(ticks);
            self.set_span(block, moment, rest_ns);
        }
    }

    #[inline(always)]
    fn set_span(&self, block: &Block, moment: Moment, rest_ns: u64) {
        let span = if moment.ticks_stable {
            self.ticks.span(rest_ns)
        } else {
            0
        };
        block.tally.set_span(span);
        // Last: nothing needs to be kept over the call.
        if self.bell.answer() {
            self.timer.start(rest_ns);
        }
    }
}

/// What the readers share.
struct Reading {
    drain: Drain,
    cursors: Array<Cursor>,
}

/// A counter.
pub struct Counter {
    /// Its files. First: dropping it waits for those who use the rest.
    dir: Option<Dir>,
    net: NonNull<Net>,
    rule: Rule,
    memory: u64,
    rules: AtomicU32,
    reading: Mutex<Reading>,
    blocks: Blocks,
    shared: Boxed<Shared>,
    /// The next one of the namespace.
    pub next: Option<NonNull<Counter>>,
}

impl Cpus for Blocks {
    fn each(&self, cursors: &mut [Cursor], mut visit: impl FnMut(Cpu<'_>, &mut Cursor)) {
        for (block, cursor) in self.iter().zip(cursors) {
            let cpu = Cpu {
                tally: &block.tally,
                slots: block.as_ref(),
                tail: &block.tail,
            };
            visit(cpu, cursor);
        }
    }
}

/// The ticks of the fast path; none where it cannot know what a packet counts as.
fn ticks(wire: bool) -> Ticks {
    Ticks::of_khz(if wire { 0 } else { ticks_khz() })
}

impl Counter {
    /// How many bytes a counter of this rule takes.
    pub fn size(rule: &Rule) -> u64 {
        let own = const { core::mem::size_of::<Self>() + core::mem::size_of::<Shared>() };
        Blocks::size(rule.samples.get()).saturating_add(own as u64)
    }

    /// A counter of `net` with one rule and without files. `rule.label` says which it is, so not
    /// `Any`.
    #[inline(never)]
    pub fn new(rule: &Rule, net: NonNull<Net>) -> Result<NonNull<Self>> {
        let window = Window::at(now_ns(), rule.period_ns, Run::default());
        let (blocks, cursors) = Blocks::new(rule.samples.get(), window)?;
        let shared = Boxed::new(Shared {
            period_ns: rule.period_ns,
            wire: rule.wire,
            ticks: ticks(rule.wire),
            runs: Runs::default(),
            bell: Bell::default(),
            timer: Timer::new(blocks.handle().to_bits() as *const _)?,
            counter: NonNull::dangling(),
        })?;
        let drain = Drain::default();
        let counter = Boxed::new(Self {
            dir: None,
            net,
            rule: *rule,
            memory: Self::size(rule),
            rules: AtomicU32::new(1),
            reading: Mutex::new(Rank::Reading, Reading { drain, cursors })?,
            blocks,
            shared,
            next: None,
        })?;
        let place = counter.into_raw();
        // SAFETY: just made, and nobody else has it.
        let counter = unsafe { &mut *place.as_ptr() };
        counter.shared.counter = place;
        let shared: *const Shared = &*counter.shared;
        // SAFETY: no rule carries the handle yet, and both are dropped together.
        unsafe { counter.blocks.set_shared(shared) };
        Ok(place)
    }

    /// Makes its files in `parent`.
    pub fn publish(&mut self, parent: &Dir, owner: Owner) -> Result {
        let mut name = [0; 32];
        self.write_label(&mut crate::decimal::Writer::new(&mut name));
        let name = core::ffi::CStr::from_bytes_until_nul(&name).unwrap_or_default();
        let dir = parent.dir(name)?;
        // SAFETY: the counter drops the directory before anything else of it.
        unsafe { dir.files(core::ptr::from_mut(self).cast(), owner)? };
        self.dir = Some(dir);
        Ok(())
    }

    /// Its files are gone with the namespace; there is nothing to remove any more.
    pub fn forget_files(&mut self) {
        core::mem::forget(self.dir.take());
        self.shared.timer.wake();
    }

    /// Removes its files, waits for those who use them and sends pollers away.
    pub fn remove_files(&mut self) {
        self.dir = None;
        self.shared.timer.wake();
    }

    /// Its namespace, which lives as long.
    pub fn net(&self) -> NonNull<Net> {
        self.net
    }

    /// The rule that made it, with its own name or number.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// How many rules refer to it; changed under the namespace's mutex.
    pub fn rules(&self) -> &AtomicU32 {
        &self.rules
    }

    /// What a rule config carries.
    pub fn handle(&self) -> Handle {
        self.blocks.handle()
    }

    /// Writes its name or number.
    pub fn write_label(&self, writer: &mut crate::decimal::Writer<'_>) {
        match &self.rule.label {
            Label::Name(name) => writer.bytes(name.as_bytes()),
            Label::Id(id) => writer.number((*id).into()),
            Label::Any => {}
        }
    }

    /// Takes the next rows for a reader whose last one was of `last`, as far as they are ready, and
    /// returns how many. `look`: at all CPUs anew, and not as they were last time.
    pub fn take_rows(&self, look: bool, last: Option<Window>, rows: &mut [Taken]) -> usize {
        let mut reading = self.reading.lock();
        let Reading { drain, cursors } = &mut *reading;
        if look {
            drain.look(&self.blocks, cursors, self.rule.period_ns, now_ns);
        }
        drain.take_rows(&self.blocks, cursors, last, rows)
    }

    /// Gives back what [`Counter::take_rows`] took and nobody got.
    pub fn give_back(&self, rows: &[Taken]) {
        let mut reading = self.reading.lock();
        rows.iter()
            .for_each(|taken| reading.drain.give_back(*taken));
        drop(reading);
        self.shared.timer.wake();
    }

    /// Whether a row is ready for a reader whose last one was of `last`; if not, the pollers
    /// are woken when one is.
    pub fn poll(&self, last: Option<Window>) -> bool {
        self.shared.bell.ask();
        let mut reading = self.reading.lock();
        let Reading { drain, cursors } = &mut *reading;
        drain.look(&self.blocks, cursors, self.rule.period_ns, now_ns);
        match drain.next(cursors, last) {
            // Nothing was counted: the packet that opens a window sets the timer.
            None => false,
            Some(window) if drain.is_ready(window) => true,
            Some(window) => {
                let period_ns = self.rule.period_ns;
                let end_ns = window.next().start_ns(period_ns);
                // Not for longer than a window, whatever became of the clock meanwhile.
                let rest_ns = end_ns.saturating_sub(now_ns()).min(period_ns.get());
                self.shared.timer.start(rest_ns);
                false
            }
        }
    }

    /// Puts a poller among those that [`Counter::poll`] speaks of.
    ///
    /// # Safety
    ///
    /// `file` and `table` are a poll callback's own.
    pub unsafe fn poll_wait(&self, file: *mut sys::file, table: *mut sys::poll_table_struct) {
        // SAFETY: by the contract.
        unsafe { self.shared.timer.poll_wait(file, table) };
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        let mut reading = self.reading.lock();
        let Reading { drain, cursors } = &mut *reading;
        drain.look(&self.blocks, cursors, self.rule.period_ns, now_ns);
        let totals = drain.totals(cursors);
        Status {
            period_ns: self.rule.period_ns.get(),
            samples: self.rule.samples.get().into(),
            wire: self.rule.wire,
            rules: self.rules.load(Ordering::Relaxed).into(),
            frames: totals.frames,
            bytes: totals.bytes,
            queued: drain.queued(&self.blocks, cursors),
            merged: totals.merged,
            memory: self.memory,
        }
    }
}
