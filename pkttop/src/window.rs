// SPDX-License-Identifier: GPL-2.0-or-later
//! A window as the tools have it: a row, and what the comment lines before it say.

use xt_pktstat::row::Row;

/// What a counter has counted up to a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Totals {
    /// Counts a row more.
    pub fn add(&mut self, row: &Window) {
        self.frames += row.frames;
        self.bytes += row.bytes;
    }
}

/// What was counted in a window, or in several that were merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Its start, ns since the epoch.
    pub timestamp_ns: u64,
    /// Frames.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
    /// How many windows before it are in these counts, since they did not fit or the reader was
    /// late. Nobody knows which of them carried how much.
    pub merged: u64,
    /// The clock was set back before it: earlier ones are dated by another clock.
    pub is_after_clock_set_back: bool,
}

impl Window {
    /// How many windows the counts are of.
    pub fn windows(&self) -> u64 {
        self.merged.saturating_add(1)
    }

    /// Bytes of one window; the mean, where the counts are of several.
    pub fn bytes_each(&self) -> u64 {
        self.bytes / self.windows()
    }
}

/// A row that nothing was merged into.
#[cfg(test)]
pub fn row(timestamp_ns: u64, frames: u64, bytes: u64) -> Window {
    Row {
        timestamp_ns,
        frames,
        bytes,
    }
    .into()
}

impl From<Row> for Window {
    fn from(row: Row) -> Window {
        Window {
            timestamp_ns: row.timestamp_ns,
            frames: row.frames,
            bytes: row.bytes,
            ..Window::default()
        }
    }
}
