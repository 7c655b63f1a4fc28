// SPDX-License-Identifier: GPL-2.0-or-later
//! `pkttop who`: who was in each burst.
//!
//! A rule with `-j NFLOG` sends packets, [`nflog`] takes them, and they wait ([`waiting`]) until the
//! counter's row of their window has been read. Then [`bursts`] adds them up, by [`flow`];
//! [`capture`] keeps them in a file, and gives the same back.

mod above;
mod bursts;
mod capture;
mod flow;
mod nflog;
mod recipe;
mod show;
mod waiting;

use crate::cli::Who;
use crate::error::UserError;
use crate::feed::{Begin, Feed};
use crate::proc::{Counter, CounterDir};
use crate::recording::create_file;
use crate::signals::Stop;
use crate::units::now_ns;
use above::Above;
use anyhow::Result;
use bursts::{Burst, Finder};
use capture::Source;
use nflog::Nflog;
use recipe::{rate_text, Recipe};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use waiting::{Waiting, LATENESS};

/// How often rows are read while packets wait for them.
const TICK: Duration = Duration::from_millis(20);
/// How often it is seen whether the counter is still there.
const RESCAN: Duration = Duration::from_secs(1);
/// After so long without a packet since the start, the rule may be missing.
const SILENCE: Duration = Duration::from_secs(5);
/// Longest wait for the last windows to close, once it is to end.
const SETTLE: Duration = Duration::from_secs(3);
/// Packets that may wait for their windows to close; of more, windows are not waited for.
const WAITING: usize = 1 << 20;
/// Name of a counter in a rule where none was given.
const NAME: &str = "in";

/// `pkttop who`.
pub fn run(args: &Who) -> Result<()> {
    if let Some(input) = &args.input {
        return replay(args, input);
    }
    let directory = args.place.directory()?;
    let counter = find(&directory, args);
    if args.recipe {
        let recipe = match counter {
            Ok(counter) => Recipe::of(&counter.name, &counter.status()?, args.group, args.snaplen)?,
            Err(_) => Recipe::new(name_of(args), args.group, args.snaplen)?,
        };
        return Ok(std::io::stdout().write_all(recipe.text().as_bytes())?);
    }
    watch(args, directory, &counter?)
}

fn name_of(args: &Who) -> &str {
    args.name.as_deref().unwrap_or(NAME)
}

/// The counter that is named, or the only one.
fn find(directory: &CounterDir, args: &Who) -> Result<Counter> {
    let found = directory.select(args.name.as_slice()).map_err(|error| {
        let have = match error.downcast_ref::<UserError>() {
            Some(UserError::NoSuchCounter { have, .. }) => format!("; there are: {have}"),
            Some(UserError::NoCounter { .. }) => "; there is none".to_owned(),
            _ => return error,
        };
        match Recipe::new(name_of(args), args.group, args.snaplen) {
            Ok(recipe) => UserError::NoBursts {
                root: directory.root().to_owned(),
                name: name_of(args).to_owned(),
                have,
                rule: recipe.iptables(),
            }
            .into(),
            Err(error) => error,
        }
    })?;
    match found.as_slice() {
        [counter] => Ok(counter.clone()),
        _ => {
            let names: Vec<_> = found.iter().map(|counter| counter.name.as_str()).collect();
            anyhow::bail!(
                "whose bursts? there are several counters\nname one of them: pkttop who {}",
                names.join("|")
            )
        }
    }
}

/// Prints bursts, as asked.
struct Printer<'a> {
    args: &'a Who,
    printed: u64,
}

impl Printer<'_> {
    fn print(&mut self, source: &Source, burst: &Burst) -> Result<()> {
        if self.is_done() {
            return Ok(());
        }
        self.printed += 1;
        let mut out = std::io::stdout().lock();
        if self.args.json {
            show::json(&mut out, source, burst)?;
        } else {
            show::table(&mut out, source, burst, self.args.flows)?;
        }
        Ok(out.flush()?)
    }

    fn is_done(&self) -> bool {
        self.args.count.is_some_and(|count| self.printed >= count)
    }
}

/// Shows what a file has.
fn replay(args: &Who, input: &Path) -> Result<()> {
    let mut printer = Printer { args, printed: 0 };
    let mut finders: Vec<(Source, Finder)> = Vec::new();
    // Rows that stand in the file are those of bursts.
    let finder = |of: &Source| Finder::new(of.period_ns, args.gap, Some(Above::default()));
    let read = capture::read(input, &mut |source, rows, packet| {
        let at = finders.iter().position(|(of, _)| of == source);
        let at = at.unwrap_or_else(|| {
            finders.push((source.clone(), finder(source)));
            finders.len() - 1
        });
        let finder = &mut finders[at].1;
        let start_ns = finder.start_of(packet.at_ns);
        let (mut own, mut ended) = (None, None);
        for row in rows {
            if row.timestamp_ns == start_ns {
                own = Some(row);
            } else {
                ended = ended.or(finder.window(row.timestamp_ns, Some(row), &[]).ended);
            }
        }
        ended = finder.window(start_ns, own, &[packet]).ended.or(ended);
        ended.map_or(Ok(()), |burst| printer.print(source, &burst))
    });
    // Also where the file ends in the middle of a packet.
    for (source, mut finder) in finders {
        if let Some(burst) = finder.end() {
            printer.print(&source, &burst)?;
        }
    }
    read
}

/// A group and a counter that are being watched, and what is made of what they say.
struct Watch<'a> {
    args: &'a Who,
    counter: &'a Counter,
    source: Source,
    recipe: Recipe,
    nflog: Nflog,
    feed: Feed,
    waiting: Waiting,
    finder: Finder,
    capture: Option<capture::Writer>,
    printer: Printer<'a>,
    begin: Instant,
    next_scan: Instant,
    has_said_silence: bool,
    has_said_overrun: bool,
    /// All packets that passed until then have come, ns since the epoch, but for those that are late.
    drained_ns: u64,
}

impl<'a> Watch<'a> {
    fn open(args: &'a Who, directory: CounterDir, counter: &'a Counter) -> Result<Watch<'a>> {
        let names = [counter.name.clone()];
        let feed = Feed::open(directory, &names, false, Begin::Now)?;
        let nflog = Nflog::open(args.group, args.snaplen)?;
        feed.say_obstacle();
        let status = counter.status()?;
        let source = Source {
            counter: counter.name.clone(),
            period_ns: status.period_ns.max(1),
        };
        let above = status.above;
        let above = above.map(|above| Above::new(above.rate, source.period_ns));
        let capture = match &args.output {
            Some(path) => {
                let file = create_file(path, args.force)?;
                Some(capture::Writer::new(file, &source, args.snaplen)?)
            }
            None => None,
        };
        let begin = Instant::now();
        Ok(Watch {
            args,
            counter,
            recipe: Recipe::of(&counter.name, &status, args.group, args.snaplen)?,
            nflog,
            feed,
            waiting: Waiting::new(source.period_ns, above.unwrap_or_default()),
            finder: Finder::new(source.period_ns, args.gap, above),
            source,
            capture,
            printer: Printer { args, printed: 0 },
            begin,
            next_scan: begin + RESCAN,
            has_said_silence: false,
            has_said_overrun: false,
            drained_ns: 0,
        })
    }

    /// Takes what has come, and prints the bursts that are over. `all`: rows also where no packet
    /// waits for them. Returns until when nothing more comes, ns since the epoch.
    fn take(&mut self, all: bool) -> Result<u64> {
        let (waiting, before_ns) = (&mut self.waiting, now_ns());
        let mut last_ns = self.drained_ns;
        let is_dry = self.nflog.drain(&mut |packet| {
            last_ns = packet.at_ns;
            waiting.packet(packet);
        })?;
        self.drained_ns = if is_dry { before_ns } else { last_ns };
        let mut until_ns = self.drained_ns;
        if all || self.is_busy() {
            until_ns = until_ns.min(self.take_rows()?);
        }
        self.waiting.rows_until(until_ns);
        let until_ns = until_ns.saturating_sub(LATENESS.as_nanos() as u64);
        if self.waiting.packets() > WAITING {
            self.settle_all()?;
        }
        self.settle(until_ns)?;
        Ok(until_ns)
    }

    /// Takes the rows that there are, and returns until when there are no others.
    fn take_rows(&mut self) -> Result<u64> {
        let waiting = &mut self.waiting;
        let mut is_clock_set_back = false;
        self.feed.drain(&mut |_, rows| {
            for row in rows {
                is_clock_set_back |= row.is_after_clock_set_back;
                waiting.row(*row);
            }
            Ok(())
        })?;
        if is_clock_set_back {
            // Nothing more comes by the clock that was.
            self.settle_all()?;
        }
        // Of a counter that went away no more rows come.
        let sources = self.feed.sources.iter();
        let read_until_ns = sources.map(|source| source.read_until_ns).min();
        Ok(read_until_ns.unwrap_or(u64::MAX))
    }

    /// Takes that nothing more comes of windows that closed until then.
    fn settle(&mut self, until_ns: u64) -> Result<()> {
        while let Some(settled) = self.waiting.next(until_ns) {
            let taken = self
                .finder
                .window(settled.start_ns, settled.row, &settled.packets);
            self.ended(taken.ended)?;
            if let Some(capture) = &mut self.capture {
                capture.window(&taken.rows, &settled.packets)?;
            }
        }
        // The last that has closed waits for the one after it.
        let settled_ns = until_ns.saturating_sub(self.source.period_ns);
        let ended = self.finder.until(settled_ns);
        self.ended(ended)
    }

    /// Takes that nothing more comes at all.
    fn settle_all(&mut self) -> Result<()> {
        self.waiting.rows_until(u64::MAX);
        self.settle(u64::MAX)
    }

    fn ended(&mut self, burst: Option<Burst>) -> Result<()> {
        let Some(burst) = burst else {
            return Ok(());
        };
        if let Some(capture) = &mut self.capture {
            capture.flush()?;
        }
        self.printer.print(&self.source, &burst)
    }

    /// Is there something that a row is needed for?
    fn is_busy(&self) -> bool {
        self.waiting.packets() > 0 || self.finder.is_open()
    }

    /// Sees whether the counter is still there, and says what a person should know.
    fn look_around(&mut self) -> Result<()> {
        if Instant::now() >= self.next_scan {
            self.next_scan = Instant::now() + RESCAN;
            for gone in self.feed.rescan()? {
                say(&format!("{}: the counter went away", gone.counter.name));
            }
            let mut periods = self.feed.sources.iter().map(|of| of.status.period_ns);
            anyhow::ensure!(
                periods.all(|period_ns| period_ns == self.source.period_ns),
                "{}: it came back with windows of another width\nstart again",
                self.source.counter
            );
        }
        if self.nflog.overruns > 0 && !self.has_said_overrun {
            self.has_said_overrun = true;
            say("packets come faster than they are read, and some are lost: the output says how many");
        }
        let is_silent = self.nflog.received == 0 && self.begin.elapsed() >= SILENCE;
        if is_silent && !self.has_said_silence {
            self.has_said_silence = true;
            say(&silence(self.counter, &self.recipe, self.args.group));
        }
        Ok(())
    }

    /// Ends the file, and says what there was.
    fn finish(self) -> Result<()> {
        let Nflog {
            received,
            lost,
            overruns,
            ..
        } = self.nflog;
        if let Some(capture) = self.capture {
            capture.finish(now_ns(), received, lost)?;
        }
        let of_lost = match (lost, overruns) {
            (0, 0) => "none lost".to_owned(),
            (lost, overruns) => format!("{lost} lost (the socket was full {overruns} times)"),
        };
        let (counter, bursts) = (&self.source.counter, self.printer.printed);
        say(&format!(
            "{counter}: {bursts} bursts, {received} packets captured, {of_lost}"
        ));
        Ok(())
    }
}

/// Reads the group and the counter, until it is to end.
fn watch(args: &Who, directory: CounterDir, counter: &Counter) -> Result<()> {
    let mut watch = Watch::open(args, directory, counter)?;
    let stop = Stop::listen()?;
    let end = args.time.map(|time| watch.begin + time);
    while !stop.is_wanted() && end.is_none_or(|end| Instant::now() < end) {
        watch.take(false)?;
        if watch.printer.is_done() {
            return watch.finish();
        }
        watch.look_around()?;
        let until = end.map_or(watch.next_scan, |end| end.min(watch.next_scan));
        if watch.is_busy() {
            // Packets that come fast are left to gather.
            std::thread::sleep(TICK);
        } else {
            watch
                .nflog
                .wait(until.saturating_duration_since(Instant::now()));
        }
    }
    let (end_ns, latest) = (now_ns(), Instant::now() + SETTLE);
    while watch.take(true)? < end_ns && Instant::now() < latest {
        std::thread::sleep(TICK);
    }
    watch.settle_all()?;
    watch.finish()
}

/// What may be amiss where nothing comes.
fn silence(counter: &Counter, recipe: &Recipe, group: u16) -> String {
    match counter.status().map(|status| status.above) {
        Ok(Some(above)) => format!(
            "no packet has come by NFLOG group {group}: no window of `{}` carried more than {}, or no rule \
             sends there; this one does:\n{}",
            counter.name,
            rate_text(above.rate),
            recipe.iptables()
        ),
        _ => format!(
            "no packet has come by NFLOG group {group}; a rule that sends those of bursts there:\n{}",
            recipe.iptables()
        ),
    }
}

fn say(text: &str) {
    // With standard error closed there is nowhere to say it.
    let _ = writeln!(std::io::stderr(), "pkttop: {text}");
}
