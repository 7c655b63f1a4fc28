// SPDX-License-Identifier: GPL-2.0-or-later
//! What the screen shows: the counters in their order, and which of them is selected.

use super::sample::{self, Sample};
use super::watch::{Watch, Worst};
use crate::cli::Sort;
use crate::units::Unit;

/// One counter as it is shown. While the view is paused it stays as it is.
#[derive(Debug)]
pub struct Shown {
    /// The last sample.
    pub sample: Sample,
    /// Fullest window of each tick, bytes.
    pub history: Vec<u64>,
    /// The worst window and what was around it.
    pub worst: Worst,
    /// Bytes from which on a window is in a burst.
    pub threshold_bytes: f64,
}

/// What is on the screen.
#[derive(Debug)]
pub struct View {
    /// The counters, sorted.
    pub shown: Vec<Shown>,
    /// Name of the selected one: it stays selected when the order changes.
    pub selected: Option<String>,
    /// Unit of the rates.
    pub unit: Unit,
    /// Order of the counters.
    pub sort: Sort,
    /// Nothing moves.
    pub is_paused: bool,
    /// The keys are explained.
    pub is_help: bool,
    /// What a burst is.
    pub bursts: String,
}

impl View {
    /// Shows the samples of a tick.
    pub fn update(&mut self, watch: &Watch, samples: Vec<Sample>) {
        self.shown = samples
            .into_iter()
            .zip(&watch.counters)
            .map(|(sample, counter)| Shown {
                threshold_bytes: watch.threshold.rate.bytes_in(sample.period_ns),
                history: counter.history.iter().copied().collect(),
                worst: counter.worst.clone(),
                sample,
            })
            .collect();
        self.order();
    }

    /// Takes the next order; the same counter stays selected.
    pub fn sort_by_next(&mut self) {
        self.select(self.selected_row());
        self.sort = self.sort.next();
        self.order();
    }

    fn order(&mut self) {
        sample::sort_by(&mut self.shown, self.sort, |shown| &shown.sample);
    }

    /// Row of the selected counter.
    pub fn selected_row(&self) -> usize {
        let selected = self.selected.as_deref();
        self.shown
            .iter()
            .position(|shown| Some(shown.sample.counter.as_str()) == selected)
            .unwrap_or(0)
    }

    /// Selects the counter in this row, or in the last.
    pub fn select(&mut self, row: usize) {
        let row = row.min(self.shown.len().saturating_sub(1));
        self.selected = self
            .shown
            .get(row)
            .map(|shown| shown.sample.counter.clone());
    }
}
