// SPDX-License-Identifier: GPL-2.0-or-later
//! kstat's steps in every interleaving that loom can think of.
//!
//!     RUSTFLAGS="--cfg pktstat_loom" cargo test --release --test kstat_loom
//!
//! Loom has no grace period. What the kernel's gives is modelled by a flag for each CPU: raised
//! before a packet takes its placement, lowered after it was counted, and waited for after a flip. A
//! thread is preempted twice at most.

#![cfg(pktstat_loom)]

use loom::cell::UnsafeCell;
use loom::sync::atomic::{fence, AtomicBool, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use std::sync::atomic::AtomicU64;
use xt_pktstat::kstat::bank::Sent;
use xt_pktstat::kstat::step_size::StepSize;
use xt_pktstat::kstat::steps::{Block, Buffer, Flip, Pool, Steps};
use xt_pktstat::sync::Exclusive;

const CPUS: usize = 2;
/// Bytes of a packet.
const BYTES: u32 = 100;

/// The kernel's has interrupts off too, and no thread here has any.
struct Locked(Mutex<Pool>);

impl Exclusive<Pool> for Locked {
    fn with<R>(&self, use_it: impl FnOnce(&mut Pool) -> R) -> R {
        use_it(&mut self.0.lock().unwrap())
    }
}

/// Loom's cells say when packets and reader meet in one.
struct Shared {
    steps: Steps<Locked, [Block; CPUS]>,
    banks: [[UnsafeCell<Sent>; CPUS]; 2],
    counting: [AtomicBool; CPUS],
}

impl Shared {
    fn new(counter: u64) -> Self {
        let counter = size(counter);
        let pool = Locked(Mutex::new(Pool::new(counter)));
        Self {
            steps: Steps::new(counter, pool, Default::default()),
            banks: Default::default(),
            counting: Default::default(),
        }
    }

    fn packet(&self, cpu: usize) {
        self.counting[cpu].store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let placement = self.steps.take_without_ticket();
        let placement = placement.unwrap_or_else(|| self.steps.take(cpu));
        placement.buffer.of_pair(&self.banks)[cpu].with_mut(|sent| {
            // SAFETY: loom's own check of this cell is the point of the test.
            unsafe { &mut *sent }.packet(placement.ticket, BYTES);
        });
        self.counting[cpu].store(false, Ordering::Release);
    }

    /// Waits, folds, and returns what is published and what is left pending.
    fn fold(&self, flip: &Flip, pending: u64) -> (u64, u64) {
        fence(Ordering::SeqCst);
        for counting in &self.counting {
            while counting.load(Ordering::Acquire) {
                thread::yield_now();
            }
        }
        let mut result = if flip.publishes_pending() {
            (pending, 0)
        } else {
            (0, pending)
        };
        for bank in flip.buffer.of_pair(&self.banks) {
            bank.with_mut(|sent| {
                // SAFETY: as above.
                let sent = unsafe { core::mem::take(&mut *sent) };
                let (published, rest) = sent.divided(flip);
                for count in [published, rest] {
                    assert_eq!(count.bytes, count.frames * u64::from(BYTES));
                }
                result.0 += published.frames;
                result.1 += rest.frames;
            });
        }
        result
    }
}

fn size(counter: u64) -> StepSize {
    StepSize::parse(counter.to_string().as_bytes()).unwrap()
}

/// Runs two CPUs with `packets` each against a reader that flips with `flips` in turn, checks
/// each view with `whole`, and that the last one, which publishes all, has lost nothing. Fewer
/// interleavings than `least`, and they do not meet as they should.
fn explore(
    least: u64,
    counter: u64,
    packets: usize,
    flips: &'static [Option<u64>],
    whole: fn(u64) -> bool,
) {
    let explored = std::sync::Arc::new(AtomicU64::new(0));
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    let count = explored.clone();
    model.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::new(Shared::new(counter));
        let cpus: Vec<_> = (0..CPUS)
            .map(|cpu| {
                let shared = shared.clone();
                thread::spawn(move || (0..packets).for_each(|_| shared.packet(cpu)))
            })
            .collect();
        let (mut published, mut pending) = (0, 0);
        for next in flips {
            let flip = shared.steps.flip(next.map(size));
            let (more, rest) = shared.fold(&flip, pending);
            published += more;
            pending = rest;
            assert!(whole(published), "{published} published");
        }
        for cpu in cpus {
            cpu.join().unwrap();
        }
        for buffer in [Buffer::Even, Buffer::Odd] {
            let flip = shared.steps.flip(Some(size(1)));
            let (more, rest) = shared.fold(&flip, pending);
            published += more;
            pending = rest;
            assert_eq!(pending, 0, "{buffer:?}");
        }
        assert_eq!(published, (CPUS * packets) as u64);
    });
    let explored = explored.load(Ordering::Relaxed);
    println!("{counter} {flips:?}: {explored} interleavings");
    assert!(explored >= least, "explored {explored}, not {least}");
}

#[test]
fn a_view_is_a_whole_number_of_steps() {
    explore(5_000, 2, 2, &[None], |published| published % 2 == 0);
    explore(20_000, 3, 2, &[None, None], |published| published % 3 == 0);
}

#[test]
fn nothing_is_lost_without_tickets() {
    explore(5_000, 1, 2, &[None, None], |_| true);
}

#[test]
fn a_change_of_the_counter_loses_nothing() {
    explore(20_000, 1, 2, &[Some(2), None], |_| true);
    explore(5_000, 2, 2, &[Some(1), None], |_| true);
    explore(20_000, 2, 2, &[Some(3), None], |_| true);
}
