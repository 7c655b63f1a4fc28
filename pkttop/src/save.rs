// SPDX-License-Identifier: GPL-2.0-or-later
//! `pkttop save`: the windows that the kernel still has, to a file, now.

use crate::cli::Save;
use crate::feed::{Begin, Feed};
use crate::recorder::{Recorder, Track};
use crate::units::time_of_day;
use anyhow::Result;
use std::io::Write;

/// `pkttop save`.
pub fn run(args: &Save) -> Result<()> {
    let (reading, output) = (&args.reading, &args.output);
    let directory = reading.directory()?;
    let mut feed = Feed::open(directory, &args.names, reading.consume, Begin::Past)?;
    let mut recorder = Recorder::create(output, reading)?;
    if !output.quiet {
        feed.say_obstacle();
    }
    feed.drain(&mut |source, rows| recorder.take(source, rows))?;
    let tracks = recorder.finish(&mut feed)?;
    for track in tracks.iter().filter(|_| !output.quiet) {
        let _ = writeln!(std::io::stderr(), "{}: {}", track.summary(), span(track));
    }
    Ok(())
}

fn span(track: &Track) -> String {
    match track.span_ns {
        None => "not one window with a frame".to_owned(),
        Some((first_ns, last_ns)) => format!(
            "{} to {} UTC",
            time_of_day(first_ns),
            time_of_day(last_ns + track.origin.period_ns)
        ),
    }
}
