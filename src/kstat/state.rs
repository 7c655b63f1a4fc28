// SPDX-License-Identifier: GPL-2.0-or-later
//! kstat as a whole: what starting, stopping, publishing and clearing do, and in which order.

use super::bank::Bank;
use super::ledger::Ledger;
use super::nout;
use super::step_size::StepSize;
use super::steps::{Buffer, Flip};
use super::table::Memory;
use crate::decimal::Writer;

/// The machine that packets are counted on: the kernel, or a test's.
pub trait Machine {
    /// Where tables live.
    type Memory: Memory;
    /// What there is while packets are counted.
    type Running: Running<Self::Memory>;
    /// Why something could not be had.
    type Error;

    /// An empty ledger.
    fn ledger(&mut self) -> Result<Ledger<Self::Memory>, Self::Error>;
    /// Steps of `counter` packets, and empty banks.
    fn prepare(&mut self, counter: StepSize) -> Result<Self::Running, Self::Error>;
    /// From here on packets are counted. Where it fails, some may have been for a moment.
    fn hook(&mut self, running: &Self::Running) -> Result<(), Self::Error>;
    /// From here on no packet begins to be counted.
    fn unhook(&mut self);
    /// Waits until each packet that is being counted now has been.
    fn wait_for_packets(&mut self);
    /// Memory for a text.
    fn text(&mut self, len: usize) -> Result<<Self::Memory as Memory>::Array<u8>, Self::Error>;
}

/// The steps and the banks of all CPUs.
pub trait Running<M: Memory> {
    /// Flips the steps that packets take their place in: see [`super::steps::Steps::flip`].
    fn flip(&self, next: Option<StepSize>) -> Flip;
    /// The banks of a buffer, to be folded: packets have left it, and [`Machine::wait_for_packets`]
    /// has returned since.
    fn buffer<'a>(&'a mut self, buffer: Buffer) -> impl Iterator<Item = &'a mut Bank<M>>
    where
        M: 'a;
    /// Gives the banks of a buffer, which were just folded, the memory that their CPUs need now.
    fn refit(&mut self, buffer: Buffer);
}

/// kstat. One caller at a time.
///
/// # Invariants
///
/// Packets are hooked exactly while `running` is there, and then so is `ledger`.
pub struct State<M: Machine> {
    machine: M,
    counter: StepSize,
    /// From the first start on.
    ledger: Option<Ledger<M::Memory>>,
    running: Option<M::Running>,
}

impl<M: Machine> State<M> {
    /// kstat, stopped.
    pub fn new(machine: M) -> Self {
        Self {
            machine,
            counter: StepSize::ONE,
            ledger: None,
            running: None,
        }
    }

    /// Whether packets are counted.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// What has been published, once it was started.
    pub fn ledger(&self) -> Option<&Ledger<M::Memory>> {
        self.ledger.as_ref()
    }

    /// Packets in a step.
    pub fn counter(&self) -> StepSize {
        self.counter
    }

    /// Starts counting, or goes on.
    pub fn start(&mut self) -> Result<(), M::Error> {
        if self.running.is_some() {
            return Ok(());
        }
        if self.ledger.is_none() {
            self.ledger = Some(self.machine.ledger()?);
        }
        let running = self.machine.prepare(self.counter)?;
        let hooked = self.machine.hook(&running);
        if hooked.is_err() {
            // Before what it was counted with goes.
            self.machine.wait_for_packets();
        }
        hooked?;
        self.running = Some(running);
        Ok(())
    }

    /// Stops counting, and publishes what is pending.
    pub fn stop(&mut self) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        self.machine.unhook();
        self.machine.wait_for_packets();
        // No packet comes any more, so all are in the buffer that this leaves.
        let flip = running.flip(Some(self.counter));
        Self::take(&mut self.ledger, &mut running, &flip);
    }

    /// Publishes what is due, or with `next` everything, to go on in steps of that size.
    fn publish(&mut self, next: Option<StepSize>) {
        let Some(running) = &mut self.running else {
            return;
        };
        let flip = running.flip(next);
        self.machine.wait_for_packets();
        Self::take(&mut self.ledger, running, &flip);
        running.refit(flip.buffer);
    }

    /// A grace period has passed since the flip, or no packet comes any more.
    fn take(ledger: &mut Option<Ledger<M::Memory>>, running: &mut M::Running, flip: &Flip) {
        if let Some(ledger) = ledger {
            ledger.take(flip, running.buffer(flip.buffer));
        }
    }

    /// Changes the packets in a step: what is pending is published.
    pub fn set_counter(&mut self, counter: StepSize) {
        self.publish(Some(counter));
        self.counter = counter;
    }

    /// Forgets all that was counted before.
    pub fn clear(&mut self) {
        self.publish(Some(self.counter));
        if let Some(ledger) = &mut self.ledger {
            ledger.clear();
        }
    }

    /// The text of `nout` as of now.
    pub fn text(&mut self) -> Result<<M::Memory as Memory>::Array<u8>, M::Error> {
        self.publish(None);
        let published = || self.ledger.iter().flat_map(Ledger::published);
        let mut len = 0_usize;
        nout::lines(published(), |line| len = len.saturating_add(line.len()));
        let mut text = self.machine.text(len)?;
        let mut writer = Writer::new(&mut text);
        nout::lines(published(), |line| writer.bytes(line));
        Ok(text)
    }
}
