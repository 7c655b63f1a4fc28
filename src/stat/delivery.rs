// SPDX-License-Identifier: GPL-2.0-or-later
//! Delivery: what an open file has taken for its reader, and what of it the reader has got.
//!
//! A row leaves the counter when its last byte has reached the reader. Until then the open file
//! has it, and gives it back when it is closed.

use super::ring::{Position, Taken};
use super::window::Window;
use crate::decimal::{FirstDigits, Writer};
use crate::row::{
    append_before, append_merged, BEFORE_MAX, CLOCK_SET_BACK, HEADER, MERGED_MAX, ROW_MAX,
};
use core::num::NonZeroU64;
use core::ops::DerefMut;

/// Rows that are taken at once, and with one copy brought to the reader.
pub const ROWS: usize = 16;
/// The longest text of those.
pub const TEXT: usize = ROWS * LINES_MAX;
/// A row, and the lines before it.
pub const LINES_MAX: usize = CLOCK_SET_BACK.len() + MERGED_MAX + ROW_MAX;

const _: () = assert!(HEADER.len() + BEFORE_MAX <= TEXT);

/// What an open file is at. `Text` holds [`TEXT`] bytes and `Rows` [`ROWS`].
pub struct Delivery<Text, Rows> {
    /// The header or rows, and what of it the reader has not got.
    text: Text,
    end: usize,
    at: usize,
    /// The rows of the text, until the reader has all of it.
    rows: Rows,
    row_count: usize,
    last: Option<Window>,
    /// Of its timestamp.
    first: FirstDigits,
}

impl<Text: DerefMut<Target = [u8]>, Rows: DerefMut<Target = [Taken]>> Delivery<Text, Rows> {
    /// Begins with the header; in `history`, the totals `before` the first row follow.
    pub fn new(mut text: Text, rows: Rows, before: Option<Position>) -> Self {
        let mut writer = Writer::new(&mut text);
        writer.bytes(HEADER.as_bytes());
        if let Some(before) = before {
            append_before(&mut writer, before.frames, before.bytes);
        }
        let end = writer.written();
        Self {
            text,
            end,
            at: 0,
            rows,
            row_count: 0,
            last: None,
            first: FirstDigits::default(),
        }
    }

    /// Reads up to `size` bytes: what is left of the last text, then rows after rows.
    ///
    /// `take` takes the next rows for a reader whose last one was of the window it is given, as
    /// many as there are places for; `true`: this read has taken some already. `copy`
    /// brings bytes to a place in the reader's buffer and returns how many arrived.
    ///
    /// Returns how many bytes arrived in all; `None` where there were some and none did.
    pub fn read(
        &mut self,
        period_ns: NonZeroU64,
        size: usize,
        mut take: impl FnMut(Option<Window>, bool, &mut [Taken]) -> usize,
        mut copy: impl FnMut(usize, &[u8]) -> usize,
    ) -> Option<usize> {
        let mut done = 0_usize;
        let mut again = false;
        while done < size {
            if self.at == self.end {
                // What is sure to fit: the reader has all of them, or it is a fault.
                let most = (size.wrapping_sub(done) / LINES_MAX).clamp(1, ROWS);
                let places = self.rows.get_mut(..most).unwrap_or_default();
                self.row_count = take(self.last, again, places);
                again = true;
                self.at = 0;
                self.end = 0;
                if self.row_count == 0 {
                    break;
                }
                self.write(period_ns);
            }
            let rest = self.text.get(self.at..self.end).unwrap_or_default();
            let fits = rest.split_at_checked(size.wrapping_sub(done));
            let copied = copy(done, fits.map_or(rest, |(fits, _)| fits));
            if copied == 0 {
                return (done != 0).then_some(done);
            }
            done = done.wrapping_add(copied);
            self.at = self.at.wrapping_add(copied);
        }
        Some(done)
    }

    /// The rows that were just taken, as text.
    fn write(&mut self, period_ns: NonZeroU64) {
        let mut writer = Writer::new(&mut self.text);
        for taken in self.rows.get(..self.row_count).unwrap_or_default() {
            let epoch = taken.window.epoch();
            if self.last.is_some_and(|last| last.epoch() != epoch) {
                writer.bytes(CLOCK_SET_BACK.as_bytes());
            }
            if taken.merged != 0 {
                append_merged(&mut writer, taken.merged);
            }
            taken.row(period_ns).append(&mut writer, &mut self.first);
            self.last = Some(taken.window);
        }
        self.end = writer.written();
    }

    /// The rows that the reader has not got, or not all of.
    pub fn pending(&self) -> &[Taken] {
        let got = self.text.get(..self.at).unwrap_or_default();
        let lines = got.split_inclusive(|byte| *byte == b'\n');
        let is_row = |line: &&[u8]| line.ends_with(b"\n") && !line.starts_with(b"#");
        let got = lines.filter(is_row).count();
        self.rows.get(got..self.row_count).unwrap_or_default()
    }

    /// The window of the last row.
    pub fn last(&self) -> Option<Window> {
        self.last
    }
}
