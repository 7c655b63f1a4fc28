// SPDX-License-Identifier: GPL-2.0-or-later
//! Rows of several counters as they come, counters that come and go included.

use crate::contract::Audit;
use crate::error::UserError;
use crate::proc::{Counter, CounterDir, RowFile};
use crate::reader::{Drained, Reader};
use crate::units::{now_ns, SECOND_NS};
use crate::window::Window;
use anyhow::Result;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use std::io::Write;
use std::time::{Duration, Instant};
use xt_pktstat::status::Status;

/// Longest sleep between two reads while rows come: people and scrapes notice no more.
const REST_MAX: Duration = Duration::from_millis(20);
/// A FIFO that fills sooner than this is read as soon as it says so.
const REST_MIN: Duration = Duration::from_millis(1);
/// Sleep after a poll that promised rows and had none: a plain file always promises.
const FALSE_ALARM: Duration = Duration::from_millis(5);

/// Longest wait for the windows around the last look.
const SETTLE_MAX_NS: u64 = 3 * SECOND_NS;

/// Where the rows of a counter begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the oldest window that the kernel still has.
    Past,
    /// With the window that is open now; of what is consumed, with the oldest.
    Now,
}

/// An open counter.
#[derive(Debug)]
pub struct Source {
    /// Tells a counter from another one of the same name, later.
    pub serial: u64,
    /// The counter.
    pub counter: Counter,
    /// How it stood at the last look.
    pub status: Status,
    /// Its rows against its totals.
    pub audit: Audit,
    /// All rows of windows that closed until then have been read, ns since the epoch.
    pub read_until_ns: u64,
    /// Windows that came in the row of another.
    pub merged: u64,
    /// `status` counted as many before that.
    merged_before: u64,
    reader: Reader,
    gone: bool,
}

/// Open counters.
#[derive(Debug)]
pub struct Feed {
    directory: CounterDir,
    names: Vec<String>,
    consume: bool,
    /// The counters that are there, in the order they came.
    pub sources: Vec<Source>,
    serials: u64,
    rows: Vec<Window>,
    last_drain_was_dry: bool,
}

impl Source {
    fn open(counter: Counter, kind: RowFile, serial: u64) -> Result<Source> {
        let status = counter.status()?;
        let reader = Reader::open(&counter, kind)?;
        let audit = Audit::new(status.period_ns);
        Ok(Source {
            serial,
            counter,
            status,
            audit,
            read_until_ns: 0,
            merged: 0,
            merged_before: status.merged,
            reader,
            gone: false,
        })
    }

    /// Appends to `rows` what can be read now, and compares it with the totals.
    fn read(&mut self, rows: &mut Vec<Window>) -> Result<Drained> {
        let is_first = self.reader.before.is_none();
        let drained = self.reader.drain(rows)?;
        if let Some(before) = self.reader.before.filter(|_| is_first) {
            self.audit.begin(before);
        }
        self.audit.rows(rows);
        self.gone |= drained == Drained::Gone;
        Ok(drained)
    }

    /// Are its rows taken from other readers?
    fn consumes(&self) -> bool {
        self.reader.kind == RowFile::Data
    }

    /// Leaves out the windows that have closed.
    fn skip(&mut self) -> Result<()> {
        let mut rows = Vec::new();
        while self.read(&mut rows)? == Drained::More {
            rows.clear();
        }
        Ok(())
    }
}

impl Feed {
    /// Opens the named counters, or all. `consume`: rows are taken out of `data`, also where there
    /// is a `history`.
    pub fn open(
        directory: CounterDir,
        names: &[String],
        consume: bool,
        begin: Begin,
    ) -> Result<Feed> {
        let (feed, missing) = Feed::open_or_wait(directory, names, consume, begin)?;
        match missing {
            Some(obstacle) => Err(obstacle.into()),
            None => Ok(feed),
        }
    }

    /// Opens those of them that are there, and says what is missing; [`Feed::rescan`] finds the
    /// others when they come.
    pub fn open_or_wait(
        directory: CounterDir,
        names: &[String],
        consume: bool,
        begin: Begin,
    ) -> Result<(Feed, Option<UserError>)> {
        let missing = match directory.select(names) {
            Ok(_) => None,
            Err(error) => Some(error.downcast::<UserError>()?),
        };
        let mut feed = Feed {
            directory,
            names: names.to_vec(),
            consume,
            sources: Vec::new(),
            serials: 0,
            rows: Vec::new(),
            last_drain_was_dry: false,
        };
        for counter in feed.wanted() {
            feed.add(counter)?;
        }
        if begin == Begin::Now {
            for source in feed.sources.iter_mut().filter(|source| !source.consumes()) {
                source.skip()?;
            }
        }
        Ok((feed, missing))
    }

    /// Why rows are taken from other readers though nobody asked for it: the module is older.
    pub fn obstacle(&self) -> Option<String> {
        let consuming = self.sources.iter().find(|source| source.consumes());
        consuming.filter(|_| !self.consume).map(|source| {
            let file = source.counter.rows(RowFile::History);
            let file = file.display();
            format!("{file}: no such file: this xt_pktstat is older; rows are taken out of `data`")
        })
    }

    /// Says so on standard error.
    pub fn say_obstacle(&self) {
        if let Some(obstacle) = self.obstacle() {
            // With standard error closed there is nowhere to say it.
            let _ = writeln!(std::io::stderr(), "pkttop: {obstacle}");
        }
    }

    fn wanted(&self) -> Vec<Counter> {
        let mut counters = self.directory.all().unwrap_or_default();
        counters.retain(|counter| self.names.is_empty() || self.names.contains(&counter.name));
        counters
    }

    fn add(&mut self, counter: Counter) -> Result<()> {
        let kind = counter.row_file(self.consume);
        self.serials += 1;
        self.sources
            .push(Source::open(counter, kind, self.serials)?);
        Ok(())
    }

    /// Sleeps until rows can be read, for `timeout` at most, or until a signal.
    ///
    /// Rows that come fast are left to gather to a quarter of the FIFO.
    pub fn wait(&self, timeout: Duration) {
        let end = Instant::now() + timeout;
        let mut fds: Vec<_> = self
            .sources
            .iter()
            .map(|source| PollFd::new(&source.reader, PollFlags::IN))
            .collect();
        let time = Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        let Ok(1..) = poll(&mut fds, Some(&time)) else {
            return;
        };
        let rest = self.sources.iter().map(rest).min().unwrap_or(REST_MAX);
        let rest = if self.last_drain_was_dry {
            rest.max(FALSE_ALARM)
        } else {
            rest
        };
        std::thread::sleep(rest.min(end.saturating_duration_since(Instant::now())));
    }

    /// Reads what there is and hands it over, counter by counter.
    pub fn drain(&mut self, sink: &mut dyn FnMut(&Source, &[Window]) -> Result<()>) -> Result<()> {
        self.last_drain_was_dry = true;
        for source in self.sources.iter_mut().filter(|source| !source.gone) {
            let before_ns = now_ns();
            loop {
                self.rows.clear();
                let drained = source.read(&mut self.rows)?;
                self.last_drain_was_dry &= self.rows.is_empty();
                if !source.consumes() {
                    source.merged += self.rows.iter().map(|row| row.merged).sum::<u64>();
                }
                if drained != Drained::More {
                    // One window of grace, for a CPU that closes its window a little late.
                    source.read_until_ns = before_ns.saturating_sub(source.status.period_ns);
                    sink(source, &self.rows)?;
                    break;
                }
                sink(source, &self.rows)?;
            }
        }
        Ok(())
    }

    /// Looks at every `status`; to be called after a drain.
    pub fn look(&mut self) {
        for source in self.sources.iter_mut().filter(|source| !source.gone) {
            let before_ns = now_ns();
            if let Ok(status) = source.counter.status() {
                source.audit.status(before_ns, status, now_ns());
                source.status = status;
                // Older modules do not say it of the row.
                if source.consumes() {
                    source.merged = status.merged.saturating_sub(source.merged_before);
                }
            }
        }
    }

    /// Looks at every `status`, waits for the windows around the look, and looks again, so that
    /// every [`Audit`] is complete; three seconds at most.
    pub fn settle(&mut self, sink: &mut dyn FnMut(&Source, &[Window]) -> Result<()>) -> Result<()> {
        self.drain(sink)?;
        for source in &mut self.sources {
            source.audit.begin_last_look(now_ns());
        }
        self.look();
        let due = self
            .sources
            .iter()
            .filter_map(|source| source.audit.due_ns())
            .max();
        let end = due.unwrap_or(0).min(now_ns() + SETTLE_MAX_NS);
        while now_ns() < end {
            self.drain(sink)?;
            self.wait(Duration::from_nanos(end.saturating_sub(now_ns())));
        }
        self.drain(sink)?;
        self.look();
        Ok(())
    }

    /// Closes the counters that went away, which it returns, and opens those that came.
    pub fn rescan(&mut self) -> Result<Vec<Source>> {
        for source in &mut self.sources {
            source.gone |= source.reader.is_replaced();
        }
        let (gone, here) = std::mem::take(&mut self.sources)
            .into_iter()
            .partition(|source| source.gone);
        self.sources = here;
        for counter in self.wanted() {
            if !self.sources.iter().any(|source| source.counter == counter) {
                // It may be going away, or not be readable by us: the next scan tries again.
                let _ = self.add(counter);
            }
        }
        Ok(gone)
    }
}

fn rest(source: &Source) -> Duration {
    let fill_ns = source
        .status
        .period_ns
        .saturating_mul(source.status.samples);
    let rest = Duration::from_nanos(fill_ns / 4).min(REST_MAX);
    if rest < REST_MIN {
        Duration::ZERO
    } else {
        rest
    }
}
