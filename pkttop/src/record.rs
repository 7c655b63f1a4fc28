// SPDX-License-Identifier: GPL-2.0-or-later
//! `pkttop record`: every window to a file.

use crate::cli::Record;
use crate::contract::Verdict;
use crate::feed::{Feed, Source};
use crate::proc::CounterDir;
use crate::recording::{self, Origin, Writer};
use crate::signals::Stop;
use crate::units::{short_time, SECOND_NS};
use crate::window::Window;
use anyhow::{Context, Result};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often status, flush and progress line come.
const TICK: Duration = Duration::from_secs(1);
/// What is recorded of one counter.
#[derive(Debug)]
struct Track {
    serial: u64,
    origin: Origin,
    rows: u64,
    frames: u64,
    bytes: u64,
    last_ns: Option<u64>,
    merged_before: u64,
    merged: u64,
    verdict: Verdict,
    gone: bool,
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
            frames: 0,
            bytes: 0,
            last_ns: None,
            merged_before: source.status.merged,
            merged: 0,
            verdict: Verdict::Unknown,
            gone: false,
        }
    }

    fn take(&mut self, rows: &[Window]) {
        self.rows += rows.len() as u64;
        for row in rows {
            self.frames += row.frames;
            self.bytes += row.bytes;
        }
        if let Some(row) = rows.last() {
            self.last_ns = Some(row.timestamp_ns);
        }
    }

    /// Takes what the source knows at the end of a tick, or at its own end.
    fn settle(&mut self, source: &Source) {
        self.merged = source.status.merged.saturating_sub(self.merged_before);
        self.verdict = source.audit.verdict();
    }

    /// A row of nothing that says how far idle time was watched, at its end or where it began.
    fn idle_mark(&self, at_ns: u64) -> Option<Window> {
        let timestamp_ns = at_ns / self.origin.period_ns * self.origin.period_ns;
        let later = self.last_ns.is_none_or(|last| timestamp_ns > last);
        later.then_some(Window {
            timestamp_ns,
            frames: 0,
            bytes: 0,
            ..Window::default()
        })
    }

    fn summary(&self) -> String {
        let gone = if self.gone {
            "; the counter went away"
        } else {
            ""
        };
        format!(
            "{}: {} rows, {} frames, {} bytes, {} merged: {}{gone}",
            self.origin.counter, self.rows, self.frames, self.bytes, self.merged, self.verdict
        )
    }
}

/// Where the rows go.
struct Recorder<'a> {
    path: &'a Path,
    host: String,
    writer: Box<dyn Writer>,
    tracks: Vec<Track>,
}

impl Recorder<'_> {
    fn take(&mut self, source: &Source, rows: &[Window]) -> Result<()> {
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
    fn settle(&mut self, sources: &[Source], gone: &[Source]) -> Result<()> {
        for track in &mut self.tracks {
            let last = gone.iter().find(|source| source.serial == track.serial);
            track.gone |= last.is_some();
            if let Some(source) =
                last.or(sources.iter().find(|source| source.serial == track.serial))
            {
                track.settle(source);
            }
        }
        self.writer
            .flush()
            .with_context(|| self.path.display().to_string())
    }

    fn write_end_marks(&mut self, sources: &[Source]) -> Result<()> {
        for source in sources {
            if let Some(track) = self
                .tracks
                .iter()
                .find(|track| track.serial == source.serial)
            {
                let last_closed_ns = source.read_until_ns.saturating_sub(track.origin.period_ns);
                let (origin, mark) = (track.origin.clone(), track.idle_mark(last_closed_ns));
                self.write(&origin, mark.as_slice())?;
            }
        }
        Ok(())
    }
}

/// `pkttop record`.
pub fn run(args: &Record) -> Result<()> {
    let directory = CounterDir::open(&args.place.root, args.place.netns.as_deref())?;
    let mut feed = Feed::open(directory, &args.names)?;
    let stop = Stop::listen()?;
    let writer = recording::create(&args.output, args.force)?;
    let host = args
        .host
        .clone()
        .unwrap_or_else(|| host_name(args.place.netns.as_deref()));
    let mut recorder = Recorder {
        path: &args.output,
        host,
        writer,
        tracks: Vec::new(),
    };
    let shows_progress = !args.quiet && std::io::stderr().is_terminal();

    let begin = Instant::now();
    let end = args.time.map(|time| begin + time);
    let mut next_tick = begin;
    while !stop.is_wanted() && end.is_none_or(|end| Instant::now() < end) {
        feed.drain(&mut |source, rows| recorder.take(source, rows))?;
        let now = Instant::now();
        if now >= next_tick {
            feed.look();
            let gone = feed.rescan()?;
            recorder.settle(&feed.sources, &gone)?;
            next_tick = now + TICK;
            if shows_progress {
                progress(&recorder.tracks, begin.elapsed());
            }
        }
        let until = end.map_or(next_tick, |end| end.min(next_tick));
        feed.wait(until.saturating_duration_since(Instant::now()));
    }
    feed.settle(&mut |source, rows| recorder.take(source, rows))?;
    let gone = feed.rescan()?;
    recorder.settle(&feed.sources, &gone)?;
    recorder.write_end_marks(&feed.sources)?;
    recorder
        .writer
        .finish()
        .with_context(|| args.output.display().to_string())?;

    if shows_progress {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    for track in recorder.tracks.iter().filter(|_| !args.quiet) {
        let _ = writeln!(std::io::stderr(), "{}", track.summary());
    }
    let broken = recorder
        .tracks
        .iter()
        .filter(|track| track.verdict.is_broken())
        .count();
    anyhow::ensure!(
        broken == 0,
        "{}: rows and totals of {broken} counters disagree, see above",
        args.output.display()
    );
    Ok(())
}

fn progress(tracks: &[Track], time: Duration) {
    let sum = |of: fn(&Track) -> u64| tracks.iter().map(of).sum::<u64>();
    // With standard error closed there is nowhere to show it.
    let _ = write!(
        std::io::stderr(),
        "\r\x1b[K{}: {} counters, {} rows, {} frames, {} bytes, {} merged",
        short_time(time.as_secs() * SECOND_NS),
        tracks.iter().filter(|track| !track.gone).count(),
        sum(|track| track.rows),
        sum(|track| track.frames),
        sum(|track| track.bytes),
        sum(|track| track.merged),
    );
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
