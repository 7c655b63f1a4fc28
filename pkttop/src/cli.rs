// SPDX-License-Identifier: GPL-2.0-or-later
//! The command line.

use crate::proc::CounterDir;
use crate::units::{duration, BitRate, Threshold, Unit};
use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// See the bursts that iptables rules count with -m pktstat.
///
/// Without a command: a live view of every counter of this network namespace, one row each, and of
/// the windows around the worst burst of the selected one. Where standard output is no terminal,
/// plain lines.
///
/// Reading changes nothing: any number of pkttop can watch, record, save, export and check the same
/// counters, beside a reader of `data`. With --consume, rows are taken out of `data`, and each goes
/// to one reader only; so it is, too, where the module is older and has no `history`.
#[derive(Debug, Parser)]
#[command(name = "pkttop", version, args_conflicts_with_subcommands = true, disable_help_subcommand = true, after_help = AFTER)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub live: Live,
}

const AFTER: &str = "\
Keys of the live view: q quit, h help, space pause, up and down select, s sort, u units, r reset.
Exit status: 0 success, 1 something failed or a check did not pass, 2 wrong usage.

Examples:
  iptables -m pktstat --period 1 --samples 1000 --name web -A INPUT -p tcp --dport 443
  pkttop                                       watch all counters
  pkttop -1 -j web                             one sample of one counter, as JSON
  pkttop record -o web.csv --for 60s web       keep every window for a minute
  pkttop save -o web.csv web                   keep the windows that went by
  pkttop report --link 10G web.csv             its bursts
  pkttop plot web.csv -o web.svg               its picture
  pkttop export --listen 127.0.0.1:9777        for Prometheus
  pkttop check && iptables-restore < rules     load the rules only where they work";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write every window to a file, from now on until Ctrl-C or for a given time
    Record(Record),
    /// Write the last windows, which the kernel still has, to a file
    Save(Save),
    /// Print the bursts and the percentiles of a recording
    Report(Report),
    /// Draw a recording: load over time, the worst burst, the distribution
    Plot(Plot),
    /// Serve OpenMetrics for Prometheus
    Export(Export),
    /// Check this machine, and that the rows of each counter add up to its totals
    Check(Check),
    /// Write shell completions to standard output
    #[command(hide = true)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the man pages, pkttop(1) and one for each command, to a directory
    #[command(hide = true)]
    Man {
        /// The directory
        directory: PathBuf,
    },
}

#[derive(Args, Clone, Debug)]
pub struct Reading {
    /// Network namespace, as `ip netns` names it
    #[arg(short = 'N', long, value_name = "NETNS")]
    pub netns: Option<String>,
    /// Directory of the counters
    #[arg(long, hide = true, env = "PKTTOP_ROOT", default_value = crate::proc::ROOT, value_name = "DIR")]
    pub root: PathBuf,
    /// Take the rows out of the counters, so that no other reader of `data` gets them
    #[arg(long)]
    pub consume: bool,
}

impl Reading {
    /// The counters there.
    pub fn directory(&self) -> Result<CounterDir> {
        CounterDir::open(&self.root, self.netns.as_deref())
    }
}

#[derive(Args, Clone, Copy, Debug)]
pub struct BurstArgs {
    /// A window is in a burst from this load on: bits per second (500M, 2.5G) or a share of --link
    /// (80%)
    #[arg(long, value_name = "RATE|SHARE%")]
    pub burst: Option<Threshold>,
    /// What the link carries, bits per second; without --burst, half of it is a burst
    #[arg(long, value_name = "RATE")]
    pub link: Option<BitRate>,
}

#[derive(Args, Debug)]
pub struct Live {
    /// Counters, by name or number; all where none is named
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    #[command(flatten)]
    pub reading: Reading,
    /// Print one sample of each counter and exit; the same as -n 1
    #[arg(short = '1', long, conflicts_with = "count")]
    pub once: bool,
    /// Print this many samples of each counter, the first at once, and exit
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Time between two samples (500ms, 1s, 5m)
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub delay: Duration,
    /// Print plain lines, also on a terminal
    #[arg(short, long)]
    pub batch: bool,
    /// Print one JSON array
    #[arg(short, long, group = "format")]
    pub json: bool,
    /// Print one JSON object a line
    #[arg(long, group = "format")]
    pub ndjson: bool,
    /// Print comma-separated values
    #[arg(long, group = "format")]
    pub csv: bool,
    /// Print no header line
    #[arg(short = 'H', long)]
    pub no_header: bool,
    /// Unit of the rates
    #[arg(short, long, value_enum, default_value_t)]
    pub units: Unit,
    /// What the counters are sorted by
    #[arg(short, long, value_enum, default_value_t)]
    pub sort: Sort,
    #[command(flatten)]
    pub bursts: BurstArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// Name or number
    #[default]
    Name,
    /// Rate, highest first
    Rate,
    /// Peak window, highest first
    Peak,
    /// Bursts, most first
    Bursts,
}

impl Sort {
    /// The next one, round and round.
    pub fn next(self) -> Sort {
        match self {
            Sort::Name => Sort::Rate,
            Sort::Rate => Sort::Peak,
            Sort::Peak => Sort::Bursts,
            Sort::Bursts => Sort::Name,
        }
    }

    /// How one says it.
    pub fn word(self) -> &'static str {
        match self {
            Sort::Name => "name",
            Sort::Rate => "rate",
            Sort::Peak => "peak",
            Sort::Bursts => "bursts",
        }
    }
}

/// A recording that is to be written.
#[derive(Args, Debug)]
pub struct Output {
    /// The recording: .csv, .jsonl or .parquet
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Overwrite FILE if it exists
    #[arg(short, long)]
    pub force: bool,
    /// What the column `host` says; this host's name where left out
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Print no progress line and no summary
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Args, Debug)]
pub struct Record {
    /// Counters, by name or number; all, and those that come, where none is named
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub output: Output,
    /// Stop after this time (60s, 5m)
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub time: Option<Duration>,
}

#[derive(Args, Debug)]
pub struct Save {
    /// Counters, by name or number; all where none is named
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Args, Debug)]
pub struct Report {
    /// Recordings
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub bursts: BurstArgs,
    /// Percentiles of the windows' load
    #[arg(long, value_name = "P,P…", value_delimiter = ',', default_values_t = [50.0, 90.0, 95.0, 99.0, 99.9, 99.99], value_parser = percent)]
    pub percentiles: Vec<f64>,
    /// List the first N bursts, too
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub list: usize,
    /// One JSON array
    #[arg(short, long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct Plot {
    /// Recordings
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The picture: .svg or .png
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    #[command(flatten)]
    pub bursts: BurstArgs,
    /// Only this counter
    #[arg(long, value_name = "NAME")]
    pub counter: Option<String>,
    /// Width of the picture, pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 1200, value_parser = clap::value_parser!(u32).range(400..=10_000))]
    pub width: u32,
}

#[derive(Args, Debug)]
pub struct Export {
    /// Counters, by name or number; all, and those that come, where none is named
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    #[command(flatten)]
    pub reading: Reading,
    /// Address to serve http://ADDRESS/metrics at
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9777")]
    pub listen: SocketAddr,
    #[command(flatten)]
    pub bursts: BurstArgs,
}

#[derive(Args, Debug)]
pub struct Check {
    /// Counters, by name or number; all where none is named
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    #[command(flatten)]
    pub reading: Reading,
    /// Do not read the counters' rows, and so do not compare them with the totals
    #[arg(long)]
    pub no_read: bool,
    /// How long to watch the counters
    #[arg(long = "for", value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub time: Duration,
    /// Print nothing; the exit status says it all
    #[arg(short, long)]
    pub quiet: bool,
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text
        .parse()
        .ok()
        .filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| "a percentile, 0 to 100".to_owned())
}
