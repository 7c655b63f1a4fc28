// SPDX-License-Identifier: GPL-2.0-or-later
//! A recording of the counters of a feed, and what is known of each: `record` and `save`.

use crate::cli::{Output, Reading};
use crate::contract::Verdict;
use crate::feed::{Feed, Source};
use crate::recording::{self, Origin, Writer};
use crate::window::{Totals, Window};
use anyhow::{Context, Result};
use std::path::Path;

/// What is recorded of one counter.
#[derive(Debug)]
pub struct Track {
    serial: u64,
    /// Whose windows they are.
    pub origin: Origin,
    /// Rows recorded.
    pub rows: u64,
    /// What they counted.
    pub sum: Totals,
    /// Start of the first of their windows, and of the last.
    pub span_ns: Option<(u64, u64)>,
    /// Windows that came in the row of another.
    pub merged: u64,
    /// The rows against the counter's totals.
    pub verdict: Verdict,
    /// The counter went away.
    pub gone: bool,
}

impl Track {
    fn new(source: &Source, host: &str) -> Track {
        let origin = Origin {
            host: host.to_owned(),
            counter: source.counter.name.clone(),
            period_ns: source.status.period_ns,
        };
        Track {
            serial: source.serial,
            origin,
            rows: 0,
            sum: Totals::default(),
            span_ns: None,
            merged: 0,
            verdict: Verdict::Unknown,
            gone: false,
        }
    }

    fn take(&mut self, rows: &[Window]) {
        self.rows += rows.len() as u64;
        for row in rows {
            self.sum.add(row);
        }
        if let [first, .., last] | [first @ last] = rows {
            let (first_ns, _) = self.span_ns.unwrap_or((first.timestamp_ns, 0));
            self.span_ns = Some((first_ns, last.timestamp_ns));
        }
    }

    /// A row of nothing that says how far idle time was watched, at its end or where it began.
    fn idle_mark(&self, at_ns: u64) -> Option<Window> {
        let timestamp_ns = at_ns / self.origin.period_ns * self.origin.period_ns;
        let later = self.span_ns.is_none_or(|(_, last)| timestamp_ns > last);
        later.then_some(Window {
            timestamp_ns,
            ..Window::default()
        })
    }

    /// What was recorded, in one line but for its end.
    pub fn summary(&self) -> String {
        let Totals { frames, bytes } = self.sum;
        format!(
            "{}: {} rows, {frames} frames, {bytes} bytes, {} merged",
            self.origin.counter, self.rows, self.merged
        )
    }
}

/// Where the rows go.
pub struct Recorder<'a> {
    path: &'a Path,
    host: String,
    writer: Box<dyn Writer>,
    /// What is recorded of each counter.
    pub tracks: Vec<Track>,
}

impl<'a> Recorder<'a> {
    /// Begins a recording.
    pub fn create(output: &'a Output, reading: &Reading) -> Result<Recorder<'a>> {
        let host = output.host.clone();
        Ok(Recorder {
            path: &output.output,
            host: host.unwrap_or_else(|| host_name(reading.place.netns.as_deref())),
            writer: recording::create(&output.output, output.force)?,
            tracks: Vec::new(),
        })
    }

    /// Appends rows of a counter.
    pub fn take(&mut self, source: &Source, rows: &[Window]) -> Result<()> {
        let at = self
            .tracks
            .iter()
            .position(|track| track.serial == source.serial);
        let at = match at {
            Some(at) => at,
            None => {
                let track = Track::new(source, &self.host);
                if rows.is_empty() {
                    // Idle time at the beginning is part of the recording.
                    let mark = track.idle_mark(source.read_until_ns);
                    self.write(&track.origin, mark.as_slice())?;
                }
                self.tracks.push(track);
                self.tracks.len() - 1
            }
        };
        self.tracks[at].take(rows);
        let origin = self.tracks[at].origin.clone();
        self.write(&origin, rows)
    }

    fn write(&mut self, origin: &Origin, rows: &[Window]) -> Result<()> {
        self.writer
            .rows(origin, rows)
            .with_context(|| self.path.display().to_string())
    }

    /// Takes what the counters say of themselves, those that went away too.
    pub fn settle(&mut self, sources: &[Source], gone: &[Source]) -> Result<()> {
        for track in &mut self.tracks {
            let last = gone.iter().find(|source| source.serial == track.serial);
            track.gone |= last.is_some();
            if let Some(source) =
                last.or(sources.iter().find(|source| source.serial == track.serial))
            {
                track.merged = source.merged;
                track.verdict = source.audit.verdict();
            }
        }
        self.writer
            .flush()
            .with_context(|| self.path.display().to_string())
    }

    /// Ends the recording, and says how far each counter was watched.
    pub fn finish(mut self, feed: &mut Feed) -> Result<Vec<Track>> {
        let gone = feed.rescan()?;
        self.settle(&feed.sources, &gone)?;
        for source in &feed.sources {
            let track = self
                .tracks
                .iter()
                .find(|track| track.serial == source.serial);
            if let Some(track) = track {
                let last_closed_ns = source.read_until_ns.saturating_sub(track.origin.period_ns);
                let (origin, mark) = (track.origin.clone(), track.idle_mark(last_closed_ns));
                self.write(&origin, mark.as_slice())?;
            }
        }
        self.writer
            .finish()
            .with_context(|| self.path.display().to_string())?;
        Ok(self.tracks)
    }
}

fn host_name(netns: Option<&str>) -> String {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    match netns {
        Some(netns) => format!("{host}/{netns}"),
        None => host,
    }
}
