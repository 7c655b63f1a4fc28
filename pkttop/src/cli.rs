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
  pkttop who --recipe web                      what to type to see who is in its bursts
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
    /// Say who was in each burst: the flows of the packets that -j NFLOG captures
    ///
    /// A rule counts, and sends the packets of its bursts to an NFLOG group; --recipe prints it. This
    /// reads the group and prints, for each burst, when it was, how long, its peak and what the counter
    /// counted in it, and the flows that its captured packets belong to, with their share of the
    /// captured bytes.
    ///
    /// A burst is windows in a row with captured packets. Where the rule stands in OUTPUT or
    /// POSTROUTING, or the kernel is older than 5.18, the kernel does not say when a packet passed: it
    /// is taken to be of the first full window before its receipt, and the output says `estimated`.
    ///
    /// With --json, one object a line for each burst: counter, period_ns, timestamp_ns, duration_ns,
    /// frames, bytes (of its windows), peak_timestamp_ns, peak_frames, peak_bytes, peak_bits_per_second
    /// (of the fullest; null where the counter does not have it any more), merged_windows (which are in
    /// none of these), captured_frames, captured_bytes, lost_frames, unreadable_frames, is_estimated,
    /// other_frames, other_bytes (of flows beyond 65536), and flows, most bytes first: protocol, source,
    /// source_port, destination, destination_port (null where there is none), frames, bytes, share (of
    /// the captured bytes, 0 to 1).
    ///
    /// The file that -o writes is pcapng, for Wireshark and tshark too: packets from the IP header on,
    /// and comments that say what the counter counted in their windows.
    Who(Who),
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

/// Where counters are.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Network namespace, as `ip netns` names it
    #[arg(short = 'N', long, value_name = "NETNS")]
    pub netns: Option<String>,
    /// Directory of the counters
    #[arg(long, hide = true, env = "PKTTOP_ROOT", default_value = crate::proc::ROOT, value_name = "DIR")]
    pub root: PathBuf,
}

impl Place {
    /// The counters there.
    pub fn directory(&self) -> Result<CounterDir> {
        CounterDir::open(&self.root, self.netns.as_deref())
    }
}

/// Where counters are, and how their rows are read.
#[derive(Args, Clone, Debug)]
pub struct Reading {
    #[command(flatten)]
    pub place: Place,
    /// Take the rows out of the counters, so that no other reader of `data` gets them
    #[arg(long)]
    pub consume: bool,
}

impl Reading {
    /// The counters there.
    pub fn directory(&self) -> Result<CounterDir> {
        self.place.directory()
    }
}

#[derive(Args, Clone, Copy, Debug, Default)]
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
pub struct Who {
    /// The counter, by name or number; may be left out where there is one only
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    #[command(flatten)]
    pub place: Place,
    /// The NFLOG group that the rule sends to
    #[arg(short, long, value_name = "N", default_value_t = 5)]
    pub group: u16,
    /// Take this many bytes of each packet, from the IP header on
    #[arg(short, long, value_name = "BYTES", default_value_t = 128, value_parser = clap::value_parser!(u32).range(64..=65535))]
    pub snaplen: u32,
    /// Windows without a captured packet that do not end a burst
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub gap: u64,
    /// Print this many flows of each burst; 0: all
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub flows: usize,
    /// Stop after this many bursts
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Stop after this time (60s, 5m)
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub time: Option<Duration>,
    /// Print one JSON object a line for each burst, with all of its flows
    #[arg(short, long)]
    pub json: bool,
    /// Write the packets to a file, too: pcapng
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Overwrite FILE if it exists
    #[arg(short, long, requires = "output")]
    pub force: bool,
    /// Read what -o wrote, and no group
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["name", "netns", "group", "snaplen", "time", "output"])]
    pub input: Option<PathBuf>,
    /// Print what to type for this counter, and end
    #[arg(long, conflicts_with_all = ["input", "output", "json", "count", "time"])]
    pub recipe: bool,
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
