// SPDX-License-Identifier: GPL-2.0-or-later
//! The accounting against the naive model of tests/stat.rs: the bytes are a machine, and what
//! happens to it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::{live, Event, Make, READERS, TASKS};

#[path = "../../tests/stat/model.rs"]
#[expect(dead_code, reason = "who counts what was explored is tests/stat.rs")]
mod model;

const HOUR_NS: u64 = 3_600_000_000_000;
const DAY_NS: i64 = 24 * HOUR_NS as i64;

/// The input; zeros where it is over.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let (byte, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *byte
    }

    fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Small ones and large ones, with few bits set.
    fn number(&mut self) -> u64 {
        let byte = self.byte();
        u64::from(byte & 15) << (2 * (byte >> 4))
    }

    fn packet(&mut self) -> (usize, u32, u64) {
        let byte = self.byte();
        let bytes = 20 + u64::from(self.byte()) * 273;
        (usize::from(byte & 3), 1 + u32::from(byte >> 2) % 39, bytes)
    }

    fn make(&mut self) -> Make {
        let byte = self.byte();
        let shape = self.byte();
        // Four packets at least: see Machine::new.
        let frames = [4, 4, (1 << 32) - 10, (1 << 63) - 10, u64::MAX - 20];
        let bytes = [1 << 32, 1 << 32, u64::MAX];
        let count = self.below(4);
        Make {
            cpus: 1 + usize::from(byte & 3),
            samples: 1 + usize::from(byte >> 2 & 7) * usize::from(byte >> 5),
            fifo: 1 + usize::from(byte >> 2 & 7) * usize::from(byte >> 5)
                / (1 + usize::from(shape >> 6)),
            period_ns: [1_000, 7_001, 100_000_000, HOUR_NS][usize::from(shape & 3)],
            khz: [0, 1_000_000, 2_593_906, 2_593_906][usize::from(shape >> 2 & 3)],
            wire: shape >> 4 & 3 == 3,
            before: (0..count)
                .map(|_| {
                    let more = self.number() % 20;
                    let bytes = self.one_of(&bytes) - self.number() % 200_000;
                    (self.one_of(&frames) + more, bytes)
                })
                .collect(),
        }
    }

    fn event(&mut self) -> Event {
        let reader = |byte: u8| usize::from(byte >> 5) % READERS;
        let byte = self.byte();
        match byte & 31 {
            0..=9 => {
                let (cpu, frames, bytes) = self.packet();
                Event::Packet { cpu, frames, bytes }
            }
            10..=13 => Event::PassPart(self.byte()),
            14..=16 => Event::PassToBoundary(i64::from(byte >> 5) - 1),
            17 => Event::Pass(self.number() + self.one_of(&[0, HOUR_NS, 30 * 24 * HOUR_NS])),
            18 => match self.byte() & 3 {
                0 => Event::Open(reader(byte)),
                1 => Event::OpenHistory(reader(byte)),
                2 => Event::Work,
                _ => Event::Ask,
            },
            19..=22 => {
                let size = self.one_of(&[0, 1, 2, 20, 60, 100, 4096, 4096]);
                let good = self.one_of(&[usize::MAX, usize::MAX, usize::MAX, 0, 1, 40, 79]);
                let count = self.below(3);
                let during = (0..count).map(|_| self.packet()).collect();
                Event::Read {
                    reader: reader(byte),
                    size,
                    good,
                    during,
                }
            }
            23 => Event::Poll(reader(byte)),
            24 => Event::Close(reader(byte)),
            25 if byte >> 5 == 0 => Event::Drain,
            26 => {
                let step = self.number() as i64;
                let step = step * self.one_of(&[1, 1_000, DAY_NS / 1_000_000]) % (400 * DAY_NS);
                Event::Step(if byte >> 5 & 1 == 0 { step } else { -step })
            }
            _ => {
                let (cpu, _, bytes) = self.packet();
                Event::Advance {
                    task: usize::from(byte >> 5) % TASKS,
                    cpu,
                    bytes,
                }
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let make = bytes.make();
    let mut events = Vec::new();
    while !bytes.0.is_empty() {
        events.push(bytes.event());
    }
    live(&make, &events);
});
