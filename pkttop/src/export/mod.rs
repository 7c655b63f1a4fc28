// SPDX-License-Identifier: GPL-2.0-or-later
//! `pkttop export`: OpenMetrics over HTTP.
//!
//! A scrape each 15 s sees what happened in each window between: totals and a histogram, which add
//! up over time and hosts, and peaks of the last two minutes, which no scrape resets.

mod buckets;
mod counters;
mod http;
mod metrics;
mod peak;

use crate::cli::Export;
use crate::feed::{Begin, Feed};
use crate::signals::Stop;
use anyhow::{Context, Result};
use counters::Counters;
use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often status is read, and counters may come and go.
const LOOK: Duration = Duration::from_secs(1);
/// How far a scrape may lag behind an idle counter.
const LAG: Duration = Duration::from_millis(100);

/// `pkttop export`.
pub fn run(args: &Export) -> Result<()> {
    let threshold = args.bursts.or_of_this_host()?;
    let reading = &args.reading;
    let directory = reading.directory()?;
    let (mut feed, missing) =
        Feed::open_or_wait(directory, &args.names, reading.consume, Begin::Now)?;
    if let Some(missing) = missing {
        let _ = writeln!(std::io::stderr(), "pkttop: {missing}\nwaiting for it");
    }
    feed.say_obstacle();
    let stop = Stop::listen()?;
    let listener = TcpListener::bind(args.listen)
        .with_context(|| format!("{}: cannot listen; another --listen ADDRESS?", args.listen))?;
    let address = listener.local_addr()?;
    let counters = Arc::new(Mutex::new(Counters::new(
        reading.place.netns.clone(),
        threshold.rate,
    )));
    let registry = metrics::registry(counters.clone());
    std::thread::spawn(move || http::serve(&listener, &registry));
    let _ = writeln!(
        std::io::stderr(),
        "pkttop: http://{address}/metrics; a burst is {}bit/s or more ({})",
        crate::units::short(threshold.rate.0),
        threshold.reason
    );

    let mut next_look = Instant::now();
    while !stop.is_wanted() {
        {
            // A scrape that panicked has changed nothing.
            let mut counters = counters.lock().unwrap_or_else(PoisonError::into_inner);
            feed.drain(&mut |source, rows| {
                counters.rows(source, rows);
                Ok(())
            })?;
            if Instant::now() >= next_look {
                next_look = Instant::now() + LOOK;
                feed.look();
                feed.sources.iter().for_each(|source| counters.look(source));
                for gone in feed.rescan()? {
                    counters.forget(&gone);
                }
            }
        }
        feed.wait(LAG);
    }
    Ok(())
}
