// SPDX-License-Identifier: GPL-2.0-or-later
//! What a counter has on its CPUs, as in the kernel half's `Block`.

use std::num::NonZeroU64;
use xt_pktstat::stat::drain::{Cpu, Cpus, Cursor};
use xt_pktstat::stat::fifo::{Slot, Tail};
use xt_pktstat::stat::tally::{Closing, Tally};
use xt_pktstat::stat::window::{Runs, Window};

pub struct Part {
    pub tally: Tally,
    pub slots: Vec<Slot>,
    pub tail: Tail,
}

impl Part {
    pub fn closing<'a>(&'a self, period_ns: NonZeroU64, runs: &'a Runs) -> Closing<'a, Vec<Slot>> {
        Closing {
            period_ns,
            runs,
            slots: &self.slots,
            tail: &self.tail,
        }
    }
}

pub struct Parts(pub Vec<Part>);

impl Parts {
    /// With FIFOs of `samples` windows, the first of which is `window`.
    pub fn new(cpus: usize, samples: usize, window: Window) -> Self {
        let part = |_| Part {
            tally: Tally::new(window),
            slots: (0..=samples).map(|_| Slot::default()).collect(),
            tail: Tail::default(),
        };
        Self((0..cpus).map(part).collect())
    }
}

impl Cpus for Parts {
    fn each(&self, cursors: &mut [Cursor], mut visit: impl FnMut(Cpu<'_>, &mut Cursor)) {
        for (part, cursor) in self.0.iter().zip(cursors) {
            let cpu = Cpu {
                tally: &part.tally,
                slots: &part.slots,
                tail: &part.tail,
            };
            visit(cpu, cursor);
        }
    }
}
