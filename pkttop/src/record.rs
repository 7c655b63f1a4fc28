// SPDX-License-Identifier: GPL-2.0-or-later
//! `pkttop record`: every window to a file.

use crate::cli::Record;
use crate::contract::Verdict;
use crate::feed::{Feed, Source};
use crate::proc::Home;
use crate::recording::{self, Origin, Writer};
use crate::signals::Stop;
use crate::units::{short_time, SECOND_NS};
use anyhow::{Context, Result};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use xt_pktstat::row::Row;

/// How often status, flush and progress line come.
const TICK: Duration = Duration::from_secs(1);
/// One counter's part of the recording.
#[derive(Debug)]
struct Part {
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

impl Part {
    fn new(source: &Source, host: &str) -> Part {
        let origin = Origin {
            host: host.to_owned(),
            counter: source.counter.name.clone(),
            period_ns: source.status.period_ns,
        };
        Part {
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

    fn take(&mut self, rows: &[Row]) {
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
    fn idle_mark(&self, at_ns: u64) -> Option<Row> {
        let timestamp_ns = at_ns / self.origin.period_ns * self.origin.period_ns;
        let later = self.last_ns.is_none_or(|last| timestamp_ns > last);
        later.then_some(Row {
            timestamp_ns,
            frames: 0,
            bytes: 0,
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
struct Tape<'a> {
    path: &'a Path,
    host: String,
    writer: Box<dyn Writer>,
    parts: Vec<Part>,
}

impl Tape<'_> {
    fn take(&mut self, source: &Source, rows: &[Row]) -> Result<()> {
        let at = self
            .parts
            .iter()
            .position(|part| part.serial == source.serial);
        let at = match at {
            Some(at) => at,
            None => {
                let part = Part::new(source, &self.host);
                if rows.is_empty() {
                    // Idle time at the beginning is part of the recording.
                    let mark = part.idle_mark(source.heard_until_ns);
                    self.write(&part.origin, mark.as_slice())?;
                }
                self.parts.push(part);
                self.parts.len() - 1
            }
        };
        self.parts[at].take(rows);
        let origin = self.parts[at].origin.clone();
        self.write(&origin, rows)
    }

    fn write(&mut self, origin: &Origin, rows: &[Row]) -> Result<()> {
        self.writer
            .rows(origin, rows)
            .with_context(|| self.path.display().to_string())
    }

    /// Takes what the counters say of themselves, those that went away too.
    fn settle(&mut self, sources: &[Source], gone: &[Source]) -> Result<()> {
        for part in &mut self.parts {
            let last = gone.iter().find(|source| source.serial == part.serial);
            part.gone |= last.is_some();
            if let Some(source) =
                last.or(sources.iter().find(|source| source.serial == part.serial))
            {
                part.settle(source);
            }
        }
        self.writer
            .flush()
            .with_context(|| self.path.display().to_string())
    }

    fn write_end_marks(&mut self, sources: &[Source]) -> Result<()> {
        for source in sources {
            if let Some(part) = self.parts.iter().find(|part| part.serial == source.serial) {
                let last_closed_ns = source.heard_until_ns.saturating_sub(part.origin.period_ns);
                let (origin, mark) = (part.origin.clone(), part.idle_mark(last_closed_ns));
                self.write(&origin, mark.as_slice())?;
            }
        }
        Ok(())
    }
}

/// `pkttop record`.
pub fn run(args: &Record) -> Result<()> {
    let home = Home::open(&args.place.root, args.place.netns.as_deref())?;
    let mut feed = Feed::open(home, &args.names)?;
    let stop = Stop::listen()?;
    let writer = recording::create(&args.output, args.force)?;
    let host = args
        .host
        .clone()
        .unwrap_or_else(|| host_name(args.place.netns.as_deref()));
    let mut tape = Tape {
        path: &args.output,
        host,
        writer,
        parts: Vec::new(),
    };
    let shows_progress = !args.quiet && std::io::stderr().is_terminal();

    let begin = Instant::now();
    let end = args.time.map(|time| begin + time);
    let mut next_tick = begin;
    while !stop.is_wanted() && end.is_none_or(|end| Instant::now() < end) {
        feed.drain(&mut |source, rows| tape.take(source, rows))?;
        let now = Instant::now();
        if now >= next_tick {
            feed.look();
            let gone = feed.rescan()?;
            tape.settle(&feed.sources, &gone)?;
            next_tick = now + TICK;
            if shows_progress {
                progress(&tape.parts, begin.elapsed());
            }
        }
        let until = end.map_or(next_tick, |end| end.min(next_tick));
        feed.wait(until.saturating_duration_since(Instant::now()));
    }
    feed.settle(&mut |source, rows| tape.take(source, rows))?;
    let gone = feed.rescan()?;
    tape.settle(&feed.sources, &gone)?;
    tape.write_end_marks(&feed.sources)?;
    tape.writer
        .finish()
        .with_context(|| args.output.display().to_string())?;

    if shows_progress {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    for part in tape.parts.iter().filter(|_| !args.quiet) {
        let _ = writeln!(std::io::stderr(), "{}", part.summary());
    }
    let broken = tape
        .parts
        .iter()
        .filter(|part| part.verdict.is_broken())
        .count();
    anyhow::ensure!(
        broken == 0,
        "{}: rows and totals of {broken} counters disagree, see above",
        args.output.display()
    );
    Ok(())
}

fn progress(parts: &[Part], time: Duration) {
    let sum = |of: fn(&Part) -> u64| parts.iter().map(of).sum::<u64>();
    // Whoever closed standard error does not want to see it.
    let _ = write!(
        std::io::stderr(),
        "\r\x1b[K{}: {} counters, {} rows, {} frames, {} bytes, {} merged",
        short_time(time.as_secs() * SECOND_NS),
        parts.iter().filter(|part| !part.gone).count(),
        sum(|part| part.rows),
        sum(|part| part.frames),
        sum(|part| part.bytes),
        sum(|part| part.merged),
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
