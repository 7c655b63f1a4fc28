// SPDX-License-Identifier: GPL-2.0-or-later
//! Delivery: what an open file has taken for its reader, and what of it the reader has got.
//!
//! A row leaves the counter when its last byte has reached the reader. Until then the open file
//! has it, and gives it back when it is closed.

use super::drain::Taken;
use super::window::Window;
use crate::row::{HEADER, ROW_MAX};
use core::num::NonZeroU64;

const _: () = assert!(HEADER.len() <= ROW_MAX);

/// What an open file is at.
pub struct Delivery {
    /// The header or a row, and what of it the reader has not got.
    text: [u8; ROW_MAX],
    end: usize,
    at: usize,
    /// The row's counts, until the reader has all of its text.
    row: Option<Taken>,
    last: Option<Window>,
}

impl Default for Delivery {
    fn default() -> Self {
        let mut text = [0; ROW_MAX];
        for (to, from) in text.iter_mut().zip(HEADER.as_bytes()) {
            *to = *from;
        }
        Self {
            text,
            end: HEADER.len(),
            at: 0,
            row: None,
            last: None,
        }
    }
}

impl Delivery {
    /// Reads up to `room` bytes: what is left of the last text, then row after row.
    ///
    /// `take` takes the next row for a reader whose last one was of the window it is given, and
    /// is told whether this read has taken one already. `copy` brings bytes to a place in the
    /// reader's buffer and returns how many arrived.
    ///
    /// Returns how many bytes arrived in all; `None` where there were some and none did.
    pub fn read(
        &mut self,
        period_ns: NonZeroU64,
        room: usize,
        mut take: impl FnMut(Option<Window>, bool) -> Option<Taken>,
        mut copy: impl FnMut(usize, &[u8]) -> usize,
    ) -> Option<usize> {
        let mut done = 0_usize;
        let mut again = false;
        while done < room {
            if self.at == self.end {
                let Some(taken) = take(self.last, again) else {
                    break;
                };
                again = true;
                self.at = 0;
                self.end = taken.row(period_ns).write(&mut self.text);
                self.row = Some(taken);
                self.last = Some(taken.window);
            }
            let rest = self.text.get(self.at..self.end).unwrap_or_default();
            let fits = rest.split_at_checked(room.wrapping_sub(done));
            let copied = copy(done, fits.map_or(rest, |(fits, _)| fits));
            if copied == 0 {
                return (done != 0).then_some(done);
            }
            done = done.wrapping_add(copied);
            self.at = self.at.wrapping_add(copied);
            if self.at == self.end {
                self.row = None;
            }
        }
        Some(done)
    }

    /// The row that the reader has not got, or not all of.
    pub fn pending(&self) -> Option<Taken> {
        self.row
    }

    /// The window of the last row.
    pub fn last(&self) -> Option<Window> {
        self.last
    }
}
