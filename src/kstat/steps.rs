// SPDX-License-Identifier: GPL-2.0-or-later
//! The steps in which packets are published, and the flip between what a reader sees and what
//! comes later.
//!
//! One word, which packets only read, has the buffer that they are counted in and whether they need
//! tickets. While a step is one packet, they need none. Otherwise a step has as many tickets as
//! packets, and each packet takes one. A CPU draws them in blocks, from a [`Pool`] behind a lock, and
//! takes them from its [`Block`] by itself, so that few packets write what all CPUs share. Who
//! finds the pool empty revokes what is left in the blocks of all, and begins the next step only if
//! that is nothing: so all of a step's tickets are taken before the first of the next one, whatever
//! the CPUs do, and none that has left some keeps it from ending. A flip revokes them too, and then
//! knows how many were taken on the buffer that it leaves.
//!
//! A packet holds its placement no longer than the owner of the steps waits after a flip (in the
//! kernel: a grace period), and that wait is over before the next flip begins. So a buffer is
//! written by packets or by the reader, never by both, and two buffers are enough.

use super::step_size::StepSize;
use crate::sync::{AtomicU64, Exclusive, Ordering};
use core::num::NonZeroU64;

/// In the word: the odd buffer counts.
const ODD: u64 = 1;
/// In the word: packets need tickets.
const TICKETS: u64 = 2;

/// One of the two buffers that packets are counted in, in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffer {
    /// The buffer that counting begins in.
    Even,
    /// The other one.
    Odd,
}

impl Buffer {
    #[inline(always)]
    fn of(word: u64) -> Self {
        if word & ODD == 0 {
            Self::Even
        } else {
            Self::Odd
        }
    }

    /// The buffer that this one takes turns with.
    pub fn opposite(self) -> Self {
        match self {
            Self::Even => Self::Odd,
            Self::Odd => Self::Even,
        }
    }

    /// What belongs to this buffer.
    #[inline]
    pub fn of_pair<T>(self, [even, odd]: &[T; 2]) -> &T {
        match self {
            Self::Even => even,
            Self::Odd => odd,
        }
    }
}

/// A packet's place: the buffer it is counted in and, unless a step is one packet, its ticket.
#[derive(Clone, Copy, Debug)]
pub struct Placement {
    /// The buffer.
    pub buffer: Buffer,
    /// The ticket.
    pub ticket: Option<Ticket>,
}

/// What says that a packet belongs to a step.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    /// The step's number: later steps have higher ones, and none has 0.
    pub step: u64,
}

/// A flip: the buffer that was left, and which of its steps are published.
#[derive(Clone, Copy, Debug)]
pub struct Flip {
    /// The buffer that packets have left.
    pub buffer: Buffer,
    /// The step that was open when they entered it.
    first: u64,
    /// The step that is open now.
    open: u64,
}

impl Flip {
    /// Whether this step is published.
    pub fn publishes(&self, step: u64) -> bool {
        step < self.open
    }

    /// Whether the step is published that was pending after the flip before this one.
    pub fn publishes_pending(&self) -> bool {
        self.publishes(self.first)
    }
}

/// The number of no CPU.
const NONE: usize = usize::MAX;

/// The step that is open, and its tickets that are in no block.
///
/// # Invariants
///
/// Of the tickets of `step` all that are neither here nor in a block were taken. No block has one of
/// another step. What the blocks have is at most `in_blocks`. The CPUs that drew in this step are
/// `last` and those that follow it by `next` of their blocks.
pub struct Pool {
    size: NonZeroU64,
    step: u64,
    left: u64,
    in_blocks: u64,
    /// The step that was open at the last flip.
    flipped: u64,
    /// How many CPUs drew in this step, and in the one before.
    cpus: u64,
    cpus_before: u64,
    /// How many of them are still to draw, it seems, what there is.
    waiting: u64,
    last: usize,
}

impl Pool {
    /// Steps of `counter` packets, none taken.
    pub fn new(counter: StepSize) -> Self {
        let size = counter.get();
        Self {
            size,
            step: 1,
            left: size.get(),
            in_blocks: 0,
            flipped: 1,
            cpus: 0,
            cpus_before: 0,
            waiting: 0,
            last: NONE,
        }
    }

    /// Packets need tickets.
    fn tickets(&self) -> bool {
        self.size != NonZeroU64::MIN
    }

    /// Begins the next step. No block has a ticket.
    fn begin(&mut self) {
        self.step = self.step.wrapping_add(1);
        self.left = self.size.get();
        self.cpus_before = self.cpus;
        self.waiting = self.cpus;
        self.cpus = 0;
        self.last = NONE;
    }

    /// Takes out what a CPU gets at once: an equal part, rounded up, of what there is for all that wait.
    fn draw(&mut self) -> u64 {
        let waiting = self.waiting.max(1);
        self.waiting = waiting.wrapping_sub(1);
        let up = self.left.wrapping_add(self.waiting);
        let drawn = up.checked_div(waiting).unwrap_or_default();
        self.left = self.left.wrapping_sub(drawn);
        drawn
    }
}

/// One CPU's block of tickets, a cache line.
///
/// # Invariants
///
/// Of `left` its own CPU takes one at a time; whoever has the pool's lock may take all, and only its
/// own CPU, with the lock, puts some there. The rest is written by its own CPU, with the lock.
#[derive(Default)]
#[repr(align(64))]
pub struct Block {
    left: AtomicU64,
    /// The step that the CPU drew in last.
    step: AtomicU64,
    /// Who drew in it before this CPU did.
    next: AtomicU64,
}

impl Block {
    /// Takes a ticket, unless there is none. For this CPU only, and nothing that takes one too
    /// comes in between.
    #[inline]
    fn take(&self) -> Option<Ticket> {
        // Relaxed, all of it: who revokes tickets does nothing that depends on what their CPU did.
        let left = self.left.load(Ordering::Relaxed);
        let rest = left.checked_sub(1)?;
        // Where it fails they were revoked.
        self.left
            .compare_exchange(left, rest, Ordering::Relaxed, Ordering::Relaxed)
            .ok()?;
        Some(Ticket {
            step: self.step.load(Ordering::Relaxed),
        })
    }
}

/// The blocks of all CPUs.
pub trait Blocks {
    /// That of the CPU with this number, counted from 0.
    fn get(&self, cpu: usize) -> Option<&Block>;
}

impl<const CPUS: usize> Blocks for [Block; CPUS] {
    fn get(&self, cpu: usize) -> Option<&Block> {
        <[_]>::get(self, cpu)
    }
}

/// The word, the pool and the blocks. `Lock`: an [`Exclusive`] of [`Pool`].
///
/// # Invariants
///
/// The word is written with the pool's lock held, when no block has a ticket: those that a block has
/// are of the buffer that it says.
pub struct Steps<Lock, Blocks> {
    word: AtomicU64,
    blocks: Blocks,
    pool: Lock,
}

impl<Lock: Exclusive<Pool>, Blocks: self::Blocks> Steps<Lock, Blocks> {
    /// Steps of `counter` packets, none taken. `pool` is that of `counter`, and the blocks are as by
    /// default.
    pub fn new(counter: StepSize, pool: Lock, blocks: Blocks) -> Self {
        let tickets = if counter == StepSize::ONE { 0 } else { TICKETS };
        Self {
            word: AtomicU64::new(tickets),
            blocks,
            pool,
        }
    }

    /// Takes a packet's place, unless it needs a ticket. Any context that the wait after a flip waits
    /// for.
    #[inline(always)]
    pub fn take_without_ticket(&self) -> Option<Placement> {
        // Acquire: the bank of the buffer was emptied before the buffer was entered.
        let word = self.word.load(Ordering::Acquire);
        (word & TICKETS == 0).then(|| Placement {
            buffer: Buffer::of(word),
            ticket: None,
        })
    }

    /// Takes any packet's place, on the CPU of this number. As above, and with interrupts off.
    #[inline]
    pub fn take(&self, cpu: usize) -> Placement {
        // Acquire: as above; and who sees that a buffer was entered sees his block revoked before.
        let word = self.word.load(Ordering::Acquire);
        let buffer = Buffer::of(word);
        if word & TICKETS == 0 {
            return Placement {
                buffer,
                ticket: None,
            };
        }
        match self.blocks.get(cpu).and_then(Block::take) {
            None => self.draw(cpu),
            ticket => Placement { buffer, ticket },
        }
    }

    /// Draws a block, and takes one of its tickets.
    #[cold]
    #[inline(never)]
    fn draw(&self, cpu: usize) -> Placement {
        self.pool.with(|pool| Placement {
            // Relaxed: it is written with the lock held. There may have been a flip since.
            buffer: Buffer::of(self.word.load(Ordering::Relaxed)),
            ticket: pool.tickets().then(|| self.draw_ticket(pool, cpu)),
        })
    }

    fn draw_ticket(&self, pool: &mut Pool, cpu: usize) -> Ticket {
        if pool.left == 0 {
            self.revoke(pool);
        }
        if pool.left == 0 {
            pool.begin();
        }
        let step = pool.step;
        if let Some(block) = self.blocks.get(cpu) {
            if block.step.load(Ordering::Relaxed) != step {
                block.step.store(step, Ordering::Relaxed);
                // CAST: it comes back as it was.
                block.next.store(pool.last as u64, Ordering::Relaxed);
                pool.last = cpu;
                pool.cpus = pool.cpus.wrapping_add(1);
            }
            let rest = pool.draw().wrapping_sub(1);
            block.left.store(rest, Ordering::Relaxed);
            pool.in_blocks = pool.in_blocks.wrapping_add(rest);
        }
        Ticket { step }
    }

    /// Takes back what all blocks have, for all to draw it anew.
    fn revoke(&self, pool: &mut Pool) {
        // No block was given any since they were revoked last.
        if pool.in_blocks == 0 {
            return;
        }
        pool.in_blocks = 0;
        pool.waiting = pool.cpus.max(pool.cpus_before);
        let mut cpu = pool.last;
        while let Some(block) = self.blocks.get(cpu) {
            let left = block.left.swap(0, Ordering::Relaxed);
            pool.left = pool.left.wrapping_add(left);
            // CAST: it was a `usize`.
            cpu = block.next.load(Ordering::Relaxed) as usize;
        }
    }

    /// Flips: packets from here on are counted in the other buffer. Without `next` the whole steps
    /// are published and the one that is not stays pending. With `next` all are, and steps of
    /// that size begin anew.
    ///
    /// One reader at a time, with interrupts off, and not before the wait after the flip before this one
    /// is over.
    pub fn flip(&self, next: Option<StepSize>) -> Flip {
        self.pool.with(|pool| {
            self.revoke(pool);
            if next.is_some() || pool.left == 0 {
                pool.size = next.map_or(pool.size, StepSize::get);
                pool.begin();
            }
            let word = self.word.load(Ordering::Relaxed);
            let tickets = if pool.tickets() { TICKETS } else { 0 };
            // Release: the emptied bank is there for whoever enters the buffer, and the blocks are
            // empty for whoever sees it entered.
            self.word.store(!word & ODD | tickets, Ordering::Release);
            Flip {
                buffer: Buffer::of(word),
                first: core::mem::replace(&mut pool.flipped, pool.step),
                open: pool.step,
            }
        })
    }
}

#[cfg(all(test, not(pktstat_loom)))]
mod tests {
    extern crate std;
    use super::*;
    use core::cell::{Cell, RefCell};

    const CPUS: usize = 8;

    /// Nothing takes turns here; says how often the lock was taken.
    struct Counted {
        pool: RefCell<Pool>,
        times: Cell<u64>,
    }

    impl Exclusive<Pool> for Counted {
        fn with<R>(&self, use_it: impl FnOnce(&mut Pool) -> R) -> R {
            self.times.set(self.times.get() + 1);
            use_it(&mut self.pool.borrow_mut())
        }
    }

    fn size(counter: u64) -> StepSize {
        StepSize::parse(std::format!("{counter}").as_bytes()).unwrap()
    }

    fn steps(counter: u64) -> Steps<Counted, [Block; CPUS]> {
        let pool = Counted {
            pool: RefCell::new(Pool::new(size(counter))),
            times: Cell::new(0),
        };
        Steps::new(size(counter), pool, Default::default())
    }

    const PACKETS: usize = 100_000;
    /// The CPUs that packets come on, over and over.
    const TURNS: [&[usize]; 4] = [
        &[5],
        &[0, 1],
        &[0, 1, 2, 3, 4, 5, 6, 7],
        &[3, 3, 3, 0, 3, 7, 3, 0],
    ];

    /// For so many packets in a hundred the lock is taken.
    fn percent(counter: u64, cpus: &[usize]) -> f64 {
        let steps = steps(counter);
        for cpu in cpus.iter().cycle().take(PACKETS) {
            steps.take(*cpu);
        }
        steps.pool.times.get() as f64 * 100.0 / PACKETS as f64
    }

    #[test]
    fn a_step_has_as_many_packets_as_it_should_whichever_cpus_they_come_on() {
        for counter in [2, 3, 10, 64, 1000, 30_000] {
            for cpus in TURNS {
                let steps = steps(counter);
                for (number, cpu) in cpus.iter().cycle().take(PACKETS).enumerate() {
                    let step = steps.take(*cpu).ticket.unwrap().step;
                    assert_eq!(
                        step,
                        1 + number as u64 / counter,
                        "{counter} {cpus:?} {number}"
                    );
                }
            }
        }
    }

    #[test]
    fn tickets_that_idle_cpus_have_are_taken_by_others() {
        let steps = steps(1_000);
        let step = |cpu| steps.take(cpu).ticket.unwrap().step;
        for cpu in 0..CPUS {
            assert_eq!(step(cpu), 1);
        }
        for _ in CPUS..1_000 {
            assert_eq!(step(0), 1);
        }
        assert_eq!(step(0), 2);
    }

    #[test]
    fn one_cpu_takes_the_lock_once_a_step_and_several_seldom() {
        for cpu in 0..CPUS {
            assert_eq!(percent(1_000, &[cpu]), 0.1);
            assert_eq!(percent(10, &[cpu]), 10.0);
        }
        for (cpus, most) in [(&TURNS[1], 0.3), (&TURNS[2], 1.0), (&TURNS[3], 4.0)] {
            let percent = percent(1_000, cpus);
            assert!(percent <= most, "{cpus:?}: {percent} %");
        }
    }

    #[test]
    fn packets_without_tickets_never_take_the_lock() {
        let steps = steps(1);
        assert!(steps.take_without_ticket().is_some() && steps.take(0).ticket.is_none());
        assert_eq!(steps.pool.times.get(), 0);
        steps.flip(Some(size(2)));
        assert!(steps.take_without_ticket().is_none() && steps.take(0).ticket.is_some());
        steps.flip(Some(size(1)));
        assert!(steps.take_without_ticket().is_some() && steps.take(0).ticket.is_none());
    }
}
