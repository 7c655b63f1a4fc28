// SPDX-License-Identifier: GPL-2.0-or-later
//! The live view: on a terminal a screen, else lines.

mod columns;
mod draw;
mod lines;
mod sample;
mod screen;
mod view;
mod watch;

use crate::cli::Live;
use crate::feed::{Begin, Feed};
use crate::signals::Stop;
use anyhow::Result;
use std::io::IsTerminal;
use std::time::Instant;
use watch::Watch;

/// `pkttop`.
pub fn run(args: &Live) -> Result<()> {
    let threshold = args.bursts.or_of_this_host()?;
    let directory = args.reading.directory()?;
    let feed = Feed::open(directory, &args.names, args.reading.consume, Begin::Past)?;
    let stop = Stop::listen()?;
    let looks = if args.once { Some(1) } else { args.count };
    let as_lines = args.batch || args.json || args.ndjson || args.csv || looks.is_some();
    if as_lines || !std::io::stdout().is_terminal() {
        feed.say_obstacle();
        return print(args, Watch::new(feed, threshold), looks, &stop);
    }
    screen::run(args, Watch::new(feed, threshold), &stop)
}

fn print(args: &Live, mut watch: Watch, looks: Option<u64>, stop: &Stop) -> Result<()> {
    let mut printer = lines::Printer::new(args, std::io::stdout().lock())?;
    let mut next = Instant::now();
    for look in 1.. {
        watch.gather(next, stop)?;
        // A counter that has gone ends nothing: it may come back.
        let mut samples = watch.tick()?;
        sample::sort(&mut samples, args.sort);
        printer.print(&samples)?;
        if stop.is_wanted() || looks.is_some_and(|looks| look >= looks) {
            break;
        }
        next += args.delay;
    }
    printer.finish()
}
