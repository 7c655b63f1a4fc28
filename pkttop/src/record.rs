// SPDX-License-Identifier: GPL-2.0-or-later
//! `pkttop record`: every window to a file.

use crate::cli::Record;
use crate::feed::{Begin, Feed};
use crate::recorder::{Recorder, Track};
use crate::signals::Stop;
use crate::units::{short_time, SECOND_NS};
use anyhow::Result;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often status, flush and progress line come.
const TICK: Duration = Duration::from_secs(1);

/// `pkttop record`.
pub fn run(args: &Record) -> Result<()> {
    let (reading, output) = (&args.reading, &args.output);
    let directory = reading.directory()?;
    let mut feed = Feed::open(directory, &args.names, reading.consume, Begin::Now)?;
    let stop = Stop::listen()?;
    let mut recorder = Recorder::create(output, reading)?;
    if !output.quiet {
        feed.say_obstacle();
    }
    let shows_progress = !output.quiet && std::io::stderr().is_terminal();

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
    let tracks = recorder.finish(&mut feed)?;

    if shows_progress {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    for track in tracks.iter().filter(|_| !output.quiet) {
        let gone = if track.gone {
            "; the counter went away"
        } else {
            ""
        };
        let (summary, verdict) = (track.summary(), track.verdict);
        let _ = writeln!(std::io::stderr(), "{summary}: {verdict}{gone}");
    }
    let broken = tracks
        .iter()
        .filter(|track| track.verdict.is_broken())
        .count();
    anyhow::ensure!(
        broken == 0,
        "{}: rows and totals of {broken} counters disagree, see above",
        output.output.display()
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
        sum(|track| track.sum.frames),
        sum(|track| track.sum.bytes),
        sum(|track| track.merged),
    );
}
