// SPDX-License-Identifier: GPL-2.0-or-later
//! pkttop: see the bursts that the counters of xt_pktstat count, keep them, send them on.

mod burst;
mod check;
mod cli;
mod contract;
mod data;
mod error;
mod export;
mod feed;
mod live;
mod load;
mod meter;
mod proc;
mod record;
mod recording;
mod report;
mod signals;
mod threshold;
mod timeline;
mod units;

use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let done = match &cli.command {
        None => live::run(&cli.live).map(|()| ExitCode::SUCCESS),
        Some(cli::Command::Record(args)) => record::run(args).map(|()| ExitCode::SUCCESS),
        Some(cli::Command::Report(args)) => report::run(args).map(|()| ExitCode::SUCCESS),
        Some(cli::Command::Export(args)) => export::run(args).map(|()| ExitCode::SUCCESS),
        Some(cli::Command::Check(args)) => check::run(args),
        Some(_) => Ok(ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        if error::is_broken_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        // Whoever closed standard error does not want to hear it.
        let _ = writeln!(std::io::stderr(), "pkttop: {error:#}");
        ExitCode::FAILURE
    })
}
